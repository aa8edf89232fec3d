"""Breakpoints, watchpoints and catchpoints as a user numbers them."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.record import Record

from ..target import Access, Breakpoint, StopKind, Watchpoint

CATCHES = {
    "syscall": frozenset({StopKind.SYSCALL_ENTRY, StopKind.SYSCALL_RETURN}),
    "fork": frozenset({StopKind.FORKED}),
    "vfork": frozenset({StopKind.VFORKED}),
    "exec": frozenset({StopKind.EXECUTED}),
    "fault": frozenset({StopKind.FAULT}),
    "switch": frozenset({StopKind.SWITCHED}),
    "load": frozenset({StopKind.LIBRARIES}),
    "thread": frozenset({StopKind.THREAD_STARTED, StopKind.THREAD_EXITED}),
}


class NumberedStop(Record, frozen=False):
    """One of them. `what` is the user's text; a breakpoint has `address`, a watchpoint `length`, a catchpoint `kinds`."""

    number: int
    kind: str  # "breakpoint", "watchpoint" or "catchpoint"
    what: str
    address: int = 0
    length: int = 0
    access: Access = Access.WRITE
    kinds: frozenset[StopKind] = frozenset()
    syscalls: frozenset[int] = frozenset()
    condition: str = ""
    ignore: int = 0  # hits to pass over
    hits: int = 0
    temporary: bool = False
    enabled: bool = True

    def shown(self) -> str:
        """The line of `info breakpoints`."""
        kind = {"watchpoint": {Access.READ: "read watchpoint", Access.ANY: "acc watchpoint"}}
        name = kind.get(self.kind, {}).get(self.access, self.kind)
        where = f"{self.address:#018x}" if self.kind == "breakpoint" else " " * 18
        keep, on = "del" if self.temporary else "keep", "y" if self.enabled else "n"
        return f"{self.number:<7} {name:<14} {keep:<4} {on:<3} {where} {self.what}"


class NumberedStops:
    """All of them, by number."""

    def __init__(self) -> None:
        self._points: dict[int, NumberedStop] = {}
        self._last = 0

    def __iter__(self) -> Iterator[NumberedStop]:
        return iter(list(self._points.values()))  # a copy: points go while one is looked at

    def add(self, **fields: object) -> NumberedStop:
        """A new one, with the next number."""
        self._last += 1
        point = self._points[self._last] = NumberedStop(number=self._last, **fields)  # type: ignore[arg-type] # the fields of NumberedStop
        return point

    def get(self, number: int) -> NumberedStop | None:
        """The one with this number."""
        return self._points.get(number)

    def remove(self, number: int) -> bool:
        """Delete one. Returns whether it was there."""
        return self._points.pop(number, None) is not None

    def clear(self) -> None:
        """Delete all."""
        self._points.clear()

    @property
    def breakpoints(self) -> list[Breakpoint]:
        """What the target is told."""
        return [Breakpoint(p.address) for p in self if p.kind == "breakpoint" and p.enabled]

    @property
    def watchpoints(self) -> list[Watchpoint]:
        """What the target is told."""
        return [
            Watchpoint(p.address, p.length, p.access) for p in self if p.kind == "watchpoint" and p.enabled
        ]

    @property
    def kinds(self) -> frozenset[StopKind]:
        """The events that a catchpoint stops at."""
        return frozenset().union(*(p.kinds for p in self if p.kind == "catchpoint" and p.enabled))

    @property
    def syscalls(self) -> frozenset[int]:
        """The numbers of the system calls that catchpoints name; empty: all."""
        catches = [p for p in self if p.enabled and StopKind.SYSCALL_ENTRY in p.kinds]
        if any(not p.syscalls for p in catches):
            return frozenset()
        return frozenset().union(*(p.syscalls for p in catches))
