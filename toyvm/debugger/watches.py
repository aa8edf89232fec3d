"""Watchpoints of a machine: the accesses of instructions, and changes that the kernel makes for the guest."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.record import replace
from toyvm.engines.watching.watched_pages import Halt, Watch
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process

from .gated_engine import StoppingEngine
from .guest_memory import read
from .target import Access, Stop, Watchpoint


class Watches:
    """The watchpoints, and the values that they last had."""

    def __init__(self, kernel: Kernel, engine: StoppingEngine):
        self._kernel = kernel
        self._engine = engine
        self._points: tuple[Watchpoint, ...] = ()
        self._values: dict[tuple[Watchpoint, int], tuple[object, bytes]] = {}
        self._pending: list[tuple[Watchpoint, bytes]] = []
        self._writes = False

    def replace(self, points: tuple[Watchpoint, ...]) -> None:
        """Replace the watchpoints. Their values are those of now."""
        self._points = points
        self._values.clear()
        self._pending.clear()
        for _ in self.changed():
            pass
        self.refresh()

    def refresh(self) -> None:
        """Tell the engine which address spaces the watchpoints are in now."""
        if self._points:
            self._engine.set_watches(list(self._areas()))

    def clear(self) -> None:
        """Remove all watchpoints."""
        if self._points:
            self._points = ()
            self._values.clear()
            self._pending.clear()
            self._engine.set_watches(())

    def __bool__(self) -> bool:
        return bool(self._points)

    def _areas(self) -> Iterator[Watch]:
        for point in self._points:
            process = self._kernel.processes.get(point.pid)
            if point.pid and (process is None or not process.alive):
                continue
            yield Watch(
                point.address,
                point.address + point.length,
                point.access is not Access.WRITE,
                point.access is not Access.READ,
                point.access is Access.WRITE,
                process.mm.mmu if process is not None else None,
            )

    # Accesses of instructions

    @property
    def pending(self) -> bool:
        """Whether an instruction is about to access watched memory."""
        return bool(self._pending)

    def halted(self, halt: Halt, thread: Process) -> None:
        """The engine stands before an access of `thread` to watched memory."""
        self._pending = [
            (point, read(thread.mm, point.address, point.length))
            for point in self._points
            if point.pid in (0, thread.pid)
            and halt.tval < point.address + point.length
            and halt.tval + halt.size > point.address
        ]
        self._writes = halt.writes

    def forget(self) -> None:
        """The access has not been made: the instruction is executed again later."""
        self._pending.clear()

    def passed(self, thread: Process, stop: Stop) -> Stop | None:
        """The access has been made. Returns `stop` with the watchpoint that was hit."""
        found = None
        for point, old in self._pending:
            new = read(thread.mm, point.address, point.length)
            self._values[point, thread.pid] = (thread.mm.mmu, new)
            hit = (
                old != new if point.access is Access.WRITE else point.access is Access.ANY or not self._writes
            )
            if hit and found is None:
                found = replace(stop, watchpoint=point, old=old, new=new)
        self._pending.clear()
        return found

    # Changes by the kernel

    def changed(self) -> Iterator[tuple[Process, Watchpoint, bytes, bytes]]:
        """The watchpoints whose values are no longer those last seen: process, watchpoint, old, new."""
        for point in self._points:
            if point.access is Access.READ:
                continue
            for process in list(self._kernel.processes.values()):
                if point.pid not in (0, process.pid) or not process.alive:
                    continue
                space, old = self._values.get((point, process.pid), (None, b""))
                new = read(process.mm, point.address, point.length)
                self._values[point, process.pid] = (process.mm.mmu, new)
                if space is process.mm.mmu and old != new:
                    yield process, point, old, new
