"""The memory of one machine with its maintenance: reclaim, same-page merging, writeback."""

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
    """`MachineMemory` with reclaim.

    limits         sizes and policies; see Limits
    kill_process   the OOM killer: kills a process for a context; whether frames are free now
    on_swap_error  called when the host first fails to write to the swap area
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
        self.ksm: Ksm | None = None  # see `start_ksm`
        self._quiet_until = 0  # the number of allocations until which background reclaim waits
        self._traps = 0
        self._futile: tuple[int, ...] = ()  # the state of memory when nothing could be reclaimed

    @cached_property
    def reclaimer(self) -> Reclaimer:
        """Created when memory first runs low, because it imports numpy."""
        from .reclaim.reclaimer import Reclaimer

        return Reclaimer(self, self._limits.reclaim, self._limits.seed)

    @cached_property
    def write_back(self) -> WriteBack:
        """Created when pages of files can first become dirty."""
        from .writeback import WriteBack

        return WriteBack(self, self._limits.dirty_ratio)

    def start_ksm(self) -> Ksm:
        """The scanner for equal pages, created at the first call."""
        if self.ksm is None:
            from .ksm import Ksm

            self.ksm = Ksm(self)
        return self.ksm

    def make_room(self, context: FaultContext) -> bool:
        """Reclaim one batch; if that frees nothing, kill a process unless `context.may_fail`."""
        now = (
            self.frames.used,
            self.swap.used if self.swap is not None else 0,
            len(self.cache),
            *self.recent,
        )
        if context.may_fail and now == self._futile:  # repeated forks fail at once
            return False
        try:
            freed = self.reclaimer.shrink(context, direct=True)
        except MemoryError:  # of the host: as if nothing could be freed
            freed = 0
        self._futile = () if freed else now
        return freed > 0 or (not context.may_fail and self._kill_process(context))

    def shrink_group(self, group: Group, context: FaultContext) -> int:
        return self.reclaimer.shrink(context, group=group)

    def page_out(self, frames: list[int], context: FaultContext) -> int:
        return self.reclaimer.page_out(frames, context)

    def balance(self, context: FaultContext) -> None:
        """Background reclaim, called after every trap of `context`: between the two watermarks.

        If nothing can be freed, it waits for some allocations before it tries again. Raises
        MemoryError if the host has hardly any memory left.
        """
        self._traps += 1
        if not self._traps % _RESERVE_EVERY:
            require_reserve()
        if self.frames.free >= self.low or self.frames.births < self._quiet_until:
            return
        while self.frames.free < self.high:
            if not self.reclaimer.shrink(context):
                self._quiet_until = self.frames.births + self.reclaimer.batch
                break
