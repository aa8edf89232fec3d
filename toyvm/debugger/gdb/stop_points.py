"""The breakpoints and watchpoints of the debugger, which sets and removes them for one process at a time."""

from __future__ import annotations

from ..target import Access, Breakpoint, Target, Watchpoint
from .packets import PacketError

_BREAKPOINTS = (0, 1)  # software and hardware: neither changes memory here
_ACCESS = {2: Access.WRITE, 3: Access.READ, 4: Access.ANY}
_MOST = 4096
_LONGEST = 0x10000  # bytes that one watchpoint may watch


class Points:
    """What is set, by process. `apply` hands it to the target if it has changed."""

    def __init__(self) -> None:
        self._of: dict[int, set[tuple[int, int, int]]] = {}  # pid -> (type, address, length)
        self._changed = False

    def insert(self, pid: int, kind: int, address: int, length: int) -> None:
        """`Z`. Inserting a point twice is the same as once. Raises PacketError."""
        if kind in _BREAKPOINTS:
            if length not in (2, 4):
                raise PacketError(f"a breakpoint takes the place of 2 or 4 bytes, not {length}")
        elif not 0 < length <= _LONGEST:
            raise PacketError(f"a watchpoint has 1 to {_LONGEST} bytes, not {length}")
        points = self._of.setdefault(pid, set())
        if len(points) >= _MOST:
            raise PacketError(f"more than {_MOST} breakpoints in a process")
        points.add((kind, address, length))
        self._changed = True

    def remove(self, pid: int, kind: int, address: int, length: int) -> None:
        """`z`. Removing what is not there does nothing."""
        points = self._of.get(pid, set())
        if (kind, address, length) in points:
            points.remove((kind, address, length))
            self._changed = True

    def copy(self, parent: int, child: int) -> None:
        """After a fork the child has the parent's."""
        self._of[child] = set(self._of.get(parent, ()))
        self._changed = True

    def forget(self, pid: int) -> None:
        """After an execve, an exit or a detach the process has none."""
        if self._of.pop(pid, None):
            self._changed = True

    def clear(self) -> None:
        """No process has any."""
        self._of.clear()
        self._changed = True

    def has_hardware_breakpoint(self, pid: int, address: int) -> bool:
        """Whether the debugger has set a breakpoint there with Z1 alone."""
        kinds = {kind for kind, at, _ in self._of.get(pid, ()) if at == address}
        return 1 in kinds and 0 not in kinds

    def hide(self, target: Target) -> None:
        """Let the target have none until `apply`."""
        target.set_breakpoints(())
        target.set_watchpoints(())
        self._changed = True

    def apply(self, target: Target) -> None:
        """Give the target what is set."""
        if not self._changed:
            return
        breakpoints = {
            Breakpoint(address, pid)
            for pid, points in self._of.items()
            for kind, address, _ in points
            if kind in _BREAKPOINTS
        }
        target.set_breakpoints(sorted(breakpoints, key=lambda point: (point.pid, point.address)))
        target.set_watchpoints(
            [
                Watchpoint(address, length, _ACCESS[kind], pid)
                for pid, points in sorted(self._of.items())
                for kind, address, length in sorted(points)
                if kind in _ACCESS
            ]
        )
        self._changed = False
