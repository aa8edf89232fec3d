"""The memory of one machine with what keeps it going: reclaim when frames run low, same-page merging, write-back."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from toyvm.base.events import Bus
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PhysicalMemory, require_reserve
from toyvm.run_options import Limits

from ..counters import FaultContext
from .machine_memory import MachineMemory

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine

    from ..counters import Group
    from .ksm import Ksm
    from .reclaim.reclaimer import Reclaimer
    from .writeback import WriteBack

_RESERVE_EVERY = 64  # traps, during which the kernel's own objects do not grow by much


class MemorySystem(MachineMemory):
    """`MachineMemory` that makes room by itself.

    limits         sizes and policies; see Limits
    kill_process   ends a process to make frames free, for a context that needs one; whether that has made any free
    on_swap_error  called when the host first refuses a write of the swap area
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        engine: Engine | None,
        bus: Bus,
        now: Callable[[], int],
        limits: Limits | None = None,
        *,
        kill_process: Callable[[FaultContext], bool] = lambda context: False,
        on_swap_error: Callable[[OSError], None] = lambda failure: None,
    ):
        self._limits = limits if limits is not None else Limits()
        super().__init__(memory, engine, bus, now, self._limits, on_swap_error)
        self._kill_process = kill_process
        self.ksm: Ksm | None = None  # once pages may be merged
        self._quiet_until = 0
        self._answers = 0  # traps
        self._futile: tuple[int, ...] = ()  # what memory looked like when nothing could be reclaimed

    @cached_property
    def reclaimer(self) -> Reclaimer:
        """Made when memory first runs low: with it comes numpy."""
        from .reclaim.reclaimer import Reclaimer

        return Reclaimer(self, self._limits.reclaim, self._limits.seed)

    @cached_property
    def write_back(self) -> WriteBack:
        """Made when pages of files can first become dirty."""
        from .writeback import WriteBack

        return WriteBack(self, self._limits.dirty_ratio)

    def start_ksm(self) -> Ksm:
        """The scanner for equal pages, from the first look at it on."""
        if self.ksm is None:
            from .ksm import Ksm

            self.ksm = Ksm(self)
        return self.ksm

    def make_room(self, context: FaultContext) -> bool:
        """Free one batch, at once; if there is nothing to free, a process may have to go, unless the context is may_fail."""
        now = (
            self.frames.used,
            self.swap.used if self.swap is not None else 0,
            len(self.cache),
            *self.recent,
        )
        if (
            context.may_fail and now == self._futile
        ):  # a process that tries to fork again and again learns at once
            return False
        try:
            freed = self.reclaimer.shrink(context, direct=True)
        except MemoryError:  # the host's own: as if nothing could be freed
            freed = 0
        self._futile = () if freed else now
        return freed > 0 or (not context.may_fail and self._kill_process(context))

    def shrink_group(self, group: Group, context: FaultContext) -> int:
        return self.reclaimer.shrink(context, group=group)

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        return self.reclaimer.page_out(frames, context)

    def balance(self, context: FaultContext) -> None:
        """Background reclaim, after every trap of `context`: nothing unless few frames are free. Where nothing could be freed, it
        waits for some allocations before it tries again. Raises MemoryError when the host has hardly any memory left."""
        self._answers += 1
        if not self._answers % _RESERVE_EVERY:
            require_reserve()
        if self.frames.free >= self.low or self.frames.births < self._quiet_until:
            return
        while self.frames.free < self.high:
            if not self.reclaimer.shrink(context):
                self._quiet_until = self.frames.births + self.reclaimer.batch
                break
