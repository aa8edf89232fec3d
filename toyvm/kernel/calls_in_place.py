"""System calls that are made while the engine runs, without ending the run.

Ending a run, and starting another, costs as much as several system calls. So an engine may ask at
an ecall (`Engine.answer_calls`). What a call does, and what is counted, is the same either way.
"""

from __future__ import annotations

from ..base.light_types import TYPE_CHECKING
from ..machine.traps import Cause, Trap
from .proc.process import Process, State
from .quick_calls import NAMES, QUICK, WAIT, may_be_quick
from .syscalls.table import find
from .trap_handling import InPlaceFaults, serve

if TYPE_CHECKING:
    from typing import NoReturn

    from .proc.kernel_state import KernelState
    from .quick_calls import Quick

# Calls that replace the registers or the address space of the thread, or end it.
_NEVER = frozenset(
    {"clone", "clone3", "execve", "execveat", "exit", "exit_group", "riscv_flush_icache", "rt_sigreturn"}
)
_LONGEST = 10_000_000  # instructions of a run, after which the kernel computes its budget again


class InPlaceCalls:
    """Makes the system calls of one run at a time.

    It declines a call that the kernel must see as a trap, and ends the run by a trap after a call
    that changes who runs and for how long. `served` says then that the trap is answered.
    """

    def __init__(self, kernel: KernelState, faults: InPlaceFaults):
        self._kernel = kernel
        self._faults = faults
        self.process: Process  # of this run
        self._allowed = self._alone = self.served = False
        self._last = 0
        self.start = self.left = 0  # its first `instret`, and what was left of the quantum there
        self._quantum = 1
        self._numbers: dict[int, bool] = {}  # whether this call may be made in place
        self._quick: dict[int, Quick] = {}  # the quick calls of this run
        # A stop, with the reason for it in the registers of the process
        self._end = Trap(Cause.ECALL_U)
        self._end.final = True

    def turn(self, process: Process, left: int, *, alone: bool) -> None:
        """Continue the run with `process`, which may make quick calls, too. The parameters are those of `begin`."""
        self.process = process
        self._alone = alone
        self.start = self._last = process.hart.instret
        self.left = left
        self._allowed = process.thread_group.cpu_timer_at is None and process.thread_timer_at is None
        self._quick = QUICK if self._allowed else {}

    def begin(self, process: Process, left: int, quantum: int, *, alone: bool) -> None:
        """Start a run with `left` instructions in the quantum; `alone` as in `InPlaceFaults.begin`."""
        kernel = self._kernel
        self.process = process
        self._alone = alone
        self.start = self._last = process.hart.instret
        self.left, self._quantum = left, quantum
        self.served = False
        group = process.thread_group
        self._allowed = (
            kernel.debug is None
            and kernel.breakpoints is None
            and process.watch_pc is None
            and group.cpu_timer_at is None
            and process.thread_timer_at is None
        )
        self._quick = QUICK if self._allowed and may_be_quick(kernel) else {}

    def quickly(self, instret: int, arguments: list[int]) -> int:
        """`quickly` of `Engine.answer_calls`. Counts and time are settled at the next ordinary call."""
        kernel, process, ran = self._kernel, self.process, instret - self.start
        number = arguments[7]
        call = self._quick.get(number)
        if (
            call is None
            or instret <= self._last
            or ran > _LONGEST
            or not (ran - self.left) % self._quantum
            or kernel.stopping
            or kernel.inotify is not None
        ):
            return -1
        result = call(kernel, process, arguments)
        if result is None:
            return -1
        if result == WAIT:
            return -2
        self._last = instret
        arguments[0] = result
        counters, stats, name = process.counters, kernel.system.stats, NAMES[number]
        counters.syscalls += 1
        stats.syscalls += 1
        stats.calls[name] = stats.calls.get(name, 0) + 1
        if self._alone and kernel.scheduler.crowded:  # the call has woken a thread
            self._alone = False
            self._faults.share()
            if ran < self.left:
                return self.left - ran
            return self._quantum - (ran - self.left) % self._quantum
        return _LONGEST

    def make(self, pc: int, instret: int) -> bool:
        """`on_call` of `Engine.answer_calls`."""
        process, kernel = self.process, self._kernel
        hart = process.hart
        number = hart.x[17]
        may = self._numbers.get(number)
        if may is None:
            may = self._numbers[number] = _may(number)
        # A trap at the first instruction of a quantum or of a run is charged as one instruction.
        if (
            not (may and self._allowed)
            or instret <= self._last
            or not (instret - self.start - self.left) % self._quantum
            or kernel.interrupted
        ):
            return False
        self._faults.settle(instret)
        self._last = instret
        hart.pc = pc
        hart.reservation = None
        before, hart.instret = hart.instret, instret
        scheduler = kernel.scheduler
        timers, pages = scheduler.timers_set, len(process.mm.mmu.tlb.execute)
        kernel.executing = False
        try:
            serve(kernel, process)
            kernel.system.balance(process.mm.context)
        finally:
            kernel.executing = True
            hart.instret = before
        signals = process.signals
        if (
            process.state is not State.RUNNABLE
            or process.in_call
            or signals.pending
            or signals.shared
            or kernel.stopping
            or kernel.yielded
            or self._alone is scheduler.crowded
            or scheduler.timers_set != timers
            or process.cpu_timer_at is not None
            or process.thread_timer_at is not None
            or len(process.mm.mmu.tlb.execute) != pages
            or instret - self.start > _LONGEST
        ):
            self.stop()
        self._faults.renew()
        return True

    def stop(self) -> NoReturn:
        """End the run behind a call that is made."""
        self.served = True
        self._end.__traceback__ = None  # each raise adds to it
        raise self._end


def _may(number: int) -> bool:
    entry = find(number)
    return entry is not None and not entry.private and entry.name not in _NEVER
