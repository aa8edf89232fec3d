"""Watched memory: accesses to it trap before they happen, and its pages stay out of the TLB.

So all other memory is accessed at full speed, and the slow path decides about each access to a page
with watched bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.record import Record
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory
from toyvm.machine.traps import Cause, Trap

from ..effects import Effects


class Watch(Record):
    """Bytes from `first` to before `after`, of the address space `mmu` (None: of each).

    `reads` and `writes`: the accesses that count. With `changes`, a store of the value that is there
    does not count.
    """

    first: int
    after: int
    reads: bool
    writes: bool
    changes: bool
    mmu: Mmu | None = None


class Halt(Trap):
    """The engine stands before an instruction for its observer: at a breakpoint, or an access to watched memory.

    `size` is 0 at a breakpoint. It is final: no hook of the kernel sees it.
    """

    def __init__(self, va: int, size: int = 0, *, writes: bool = False):
        super().__init__(Cause.BREAKPOINT, va)
        self.final = True
        self.size = size
        self.writes = writes


class OpenPages(dict[int, int]):
    """A dictionary of a TLB that never holds the pages `closed`."""

    def __init__(self, entries: dict[int, int], closed: frozenset[int]):
        super().__init__((page, delta) for page, delta in entries.items() if page not in closed)
        self.closed = closed

    def __setitem__(self, page: int, delta: int) -> None:
        if page not in self.closed:
            super().__setitem__(page, delta)


def pages_of(watches: tuple[Watch, ...]) -> frozenset[int]:
    """The numbers of the pages with watched bytes."""
    return frozenset(
        page
        for watch in watches
        for page in range(watch.first >> PAGE_SHIFT, (watch.after - 1 >> PAGE_SHIFT) + 1)
    )


class WatchingEffects(Effects):
    """Effects that raise Halt before an access to watched memory.

    `watches` are those of the hart's address space. While `passing`, none counts.
    """

    __slots__ = ("passing", "watches")

    def __init__(self, memory: PhysicalMemory, on_fence_i: Callable[[Mmu], None]):
        super().__init__(memory, on_fence_i)
        self.watches: tuple[Watch, ...] = ()
        self.passing = False

    def _look(self, va: int, size: int, *, writes: bool, value: int | None = None) -> None:
        if self.passing:
            return
        va &= (1 << 64) - 1
        for watch in self.watches:
            if va < watch.after and va + size > watch.first and (watch.writes if writes else watch.reads):
                if watch.changes and value is not None and self._same(va, size, value):
                    continue
                raise Halt(va, size, writes=writes)

    def _same(self, va: int, size: int, value: int) -> bool:
        """Whether a store would change nothing. A page that it would fault on is not looked at."""
        try:
            return self._mmu.load(va, size) == value & (1 << 8 * size) - 1
        except Trap:
            return False

    def load(self, va: int, size: int) -> int:
        if self.watches:
            self._look(va, size, writes=False)
        return super().load(va, size)

    def store(self, va: int, size: int, value: int) -> None:
        if self.watches:
            self._look(va, size, writes=True, value=value)
        super().store(va, size, value)

    def load_reserved(self, va: int, size: int) -> int:
        if self.watches:
            self._look(va, size, writes=False)
        return super().load_reserved(va, size)

    def store_conditional(self, va: int, size: int, value: int) -> int:
        if self.watches:
            self._look(va, size, writes=True)
        return super().store_conditional(va, size, value)

    def amo_load(self, va: int, size: int) -> int:
        if self.watches:
            self._look(va, size, writes=True)
            self._look(va, size, writes=False)
        return super().amo_load(va, size)

    def load_at(self, va: int, size: int, pc: int, left: int) -> int:
        if self.watches:
            self.pc, self.left = pc, left
            self._look(va, size, writes=False)
        return super().load_at(va, size, pc, left)

    def store_at(self, va: int, size: int, value: int, pc: int, left: int) -> None:
        if self.watches:
            self.pc, self.left = pc, left
            self._look(va, size, writes=True, value=value)
        super().store_at(va, size, value, pc, left)
