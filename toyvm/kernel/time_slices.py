"""Time slices: how many instructions a process executes before the kernel schedules again."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.events import ContextSwitch
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.traps import Trap

from .calls_in_place import InPlaceCalls
from .limits import RLIMIT_CPU, STATUS_LIMIT
from .proc.kernel_state import KernelState
from .proc.lifecycle import send
from .proc.process import ITIMER_PROF, ITIMER_VIRTUAL, Process, State
from .proc.scheduler import random_quanta
from .proc.signals import SigInfo, Signal
from .quick_calls import may_be_quick, resume, sleep
from .trap_handling import ACCESS, InPlaceFaults, answer, serve

if TYPE_CHECKING:
    from toyvm.machine.hart import Hart


class TimeSlices:
    """Runs processes on the one hart, a quantum at a time."""

    def __init__(self, kernel: KernelState):
        self._kernel = kernel
        self._quantum = kernel.limits.quantum  # length of the current quantum
        self._quanta: Iterator[int] | None = None
        if kernel.limits.schedule_seed is not None:
            self._quanta = random_quanta(kernel.limits.schedule_seed, kernel.limits.quantum)
        self._faults = InPlaceFaults(kernel, self._account)
        self._calls = InPlaceCalls(kernel, self._faults)
        if kernel.engine is not None:
            kernel.engine.answer_calls(self._calls.make, self._calls.quickly, self._turn)

    def give(self, process: Process) -> None:
        """Run `process` for one quantum, and handle its traps; then others whose turns come without a return."""
        kernel, calls = self._kernel, self._calls
        # A process that continues keeps the length: how often an engine returns must decide nothing.
        if self._quanta is not None and kernel.last_tid != process.tid:
            self._quantum = next(self._quanta)
        self._switch_to(process)
        left = self._quantum
        kernel.yielded = False
        engine = kernel.engine
        assert engine is not None, "a kernel without an engine cannot run"
        while left > 0 and process.state is State.RUNNABLE and not kernel.stopping and not kernel.yielded:
            signals = process.signals
            if (signals.pending or signals.shared) and not self._deliver(process):
                continue
            if process.in_call:
                if not may_be_quick(kernel) or not resume(kernel, process):
                    serve(kernel, process)
                if kernel.debug is not None:
                    kernel.debug.kernel_left(process)
                left -= 1
                continue
            budget = self._begin(process, left)
            kernel.executing = True
            try:
                trap = engine.run(process.hart, budget, self._faults.resolve)
            finally:
                kernel.executing = False
            process, left = calls.process, calls.left  # which `_turn` may have changed
            hart = process.hart
            self._faults.settle(hart.instret)
            left = self._left_after(left, hart.instret - calls.start, trap)
            if _cpu_timer_due(process):
                _expire_cpu_timers(kernel, process)
            # After Ctrl-C no trap is answered: a call might wait for input.
            if trap is not None and process.alive and not kernel.interrupted:
                hart.reservation = None
                if not calls.served:
                    answer(kernel, process, trap, self._faults)
                    kernel.system.balance(process.mm.context)
                if kernel.debug is not None:
                    kernel.debug.kernel_left(process)
            if kernel.breakpoints is not None and kernel.breakpoints.passing(process):
                left = max(left, 1)  # no other thread runs before the breakpoint is set again
        if process.state is State.RUNNABLE:
            kernel.scheduler.add(process)

    def _begin(self, process: Process, left: int) -> int:
        """Prepare a run of `process`. Returns its budget."""
        kernel, hart = self._kernel, process.hart
        hart.time_offset = kernel.scheduler.now - hart.instret
        budget = self._stretched(process, left) if process.watch_pc is None else self._watched(process)
        if kernel.breakpoints is not None and kernel.breakpoints.passing(process):
            budget = 1
        self._faults.begin(process, alone=budget > left)
        self._calls.begin(process, left, self._quantum, alone=budget > left)
        return self._within_limit(budget)

    def _turn(self, pc: int, instret: int) -> tuple[Hart, int] | None:
        """`on_wait` of `Engine.answer_calls`: block the running process, and give the next one its quantum.

        The run ends if more is to do between the two than to count, or if the next process cannot
        finish the call in which it was blocked on the short path.
        """
        kernel, scheduler = self._kernel, self._kernel.scheduler
        kernel.executing = False
        try:
            signals = self._calls.process.signals
            if signals.pending or signals.shared or kernel.stopping or not sleep(kernel, self._calls.process):
                return None
            self._faults.settle(instret)
            process = scheduler.first() if self._quanta is None and self._quiet() else None
            if process is None or process.watch_pc is not None:
                self._calls.stop()
            signals, left = process.signals, self._quantum
            if signals.pending or signals.shared or kernel.stopping or left < 2:
                self._calls.stop()
            self._switch_to(process)
            if process.in_call:
                if not resume(kernel, process):
                    self._calls.stop()
                left -= 1
            scheduler.next()
            hart = process.hart
            hart.time_offset = scheduler.now - hart.instret
            budget = self._stretched(process, left)
            self._faults.turn(process, alone=budget > left)
            self._calls.turn(process, left, alone=budget > left)
            return hart, budget if kernel.limits.max_instructions is None else self._within_limit(budget)
        finally:
            kernel.executing = True

    def _quiet(self) -> bool:
        """Whether nothing but processes needs the processor now."""
        kernel = self._kernel
        system, host = kernel.system, kernel.host_loopback
        return (
            system.write_back_at is None
            and system.ksm is None
            and kernel.limits.virtual_seconds is None
            and (host is None or not host.links)
            and kernel.scheduler.nothing_due
        )

    def _stretched(self, process: Process, left: int) -> int:
        """The budget of `process` in instructions; `left` are left in its quantum.

        While no other process needs the hart, the budget includes further quanta, because a return
        from the engine costs as much as thousands of native instructions.
        """
        kernel = self._kernel
        assert kernel.engine is not None
        until = kernel.scheduler.undisturbed_until(kernel.engine.stretch)
        if until is None or until - kernel.now <= left:
            return left
        if kernel.limits.virtual_seconds is not None:
            until = min(until, int(kernel.limits.virtual_seconds * 1e9) + 1)
        if process.cpu_timer_at is not None:
            until = min(until, kernel.now + process.cpu_timer_at - process.counters.instructions)
        if process.thread_timer_at is not None:
            until = min(until, kernel.now + process.thread_timer_at - process.hart.instret)
        quantum = self._quantum
        return left + max(0, -(-(until - kernel.now - left) // quantum)) * quantum

    def _left_after(self, left: int, ran: int, trap: Trap | None) -> int:
        """The rest of the quantum after `ran` instructions, which may extend into later quanta.

        A trap at the first instruction counts as one instruction, except a page fault, whose
        instruction is retried.
        """
        least = 0 if trap is not None and trap.cause in ACCESS else 1
        if ran < left:
            return left - max(ran, least)
        into = (ran - left) % self._quantum
        if trap is None and not into:
            return 0
        return self._quantum - max(into, least)

    def _switch_to(self, process: Process) -> None:
        kernel = self._kernel
        if kernel.last_tid != process.tid:
            process.hart.reservation = None
            process.counters.context_switches += 1
            kernel.system.stats.context_switches += 1
            if kernel.bus.wants(ContextSwitch):
                kernel.bus.emit(ContextSwitch(kernel.now, process.tid, kernel.last_tid))
            kernel.last_tid = process.tid
            if kernel.debug is not None:
                kernel.debug.switched(process)

    def _deliver(self, process: Process) -> bool:
        """Act on pending signals; whether the process can continue."""
        from .proc.signal_delivery import deliver  # most programs get no signal

        ready = deliver(self._kernel, process)
        if self._kernel.debug is not None:
            self._kernel.debug.kernel_left(process)
        return ready

    def _watched(self, process: Process) -> int:
        """The budget in instructions while a watched pc is set: one until it is reached."""
        if process.hart.pc != process.watch_pc:
            return 1
        process.watch_pc = None
        process.watched_at = process.counters.instructions
        return self._quantum

    def _within_limit(self, budget: int) -> int:
        kernel = self._kernel
        limit = kernel.limits.max_instructions
        if limit is None:
            return budget
        return max(1, min(budget, limit - kernel.system.stats.instructions))

    def _account(self, process: Process, ran: int, misses: int) -> None:
        kernel = self._kernel
        stats = kernel.system.stats
        kernel.scheduler.now += ran
        stats.instructions += ran
        stats.tlb_misses += misses
        process.counters.instructions += ran
        process.counters.tlb_misses += misses
        limit = kernel.limits.max_instructions
        if limit is not None and stats.instructions >= limit:
            kernel.stop(STATUS_LIMIT, f"limit of {limit} instructions reached")
        most = kernel.limits.max_faults
        if most is not None and stats.page_faults >= most:
            kernel.stop(STATUS_LIMIT, f"limit of {most} page faults reached")


def _cpu_timer_due(process: Process) -> bool:
    at, thread_at = process.cpu_timer_at, process.thread_timer_at
    return (at is not None and process.counters.instructions >= at) or (
        thread_at is not None and process.hart.instret >= thread_at
    )


def _expire_cpu_timers(kernel: KernelState, process: Process) -> None:
    spent = process.counters.instructions
    for which, signal in ((ITIMER_VIRTUAL, Signal.SIGVTALRM), (ITIMER_PROF, Signal.SIGPROF)):
        timer = process.timers.get(which)
        if timer is not None and timer.expires_at is not None and timer.expires_at <= spent:
            timer.expire(spent)
            send(kernel, process, SigInfo(signal))
    _enforce_cpu_limit(kernel, process, spent)
    for clock in (process.thread_group.cpu_clock, process.cpu_clock):
        if clock is not None:
            clock.ring()
    process.note_cpu_timers()


def _enforce_cpu_limit(kernel: KernelState, process: Process, spent: int) -> None:
    """RLIMIT_CPU: SIGXCPU at the soft limit and each second from then on, SIGKILL at the hard one (setrlimit(2))."""
    limits = process.rlimits
    if spent < max(1, limits.cpu) * 10**9:
        return
    hard = limits.get_hard(RLIMIT_CPU)
    if spent >= max(1, hard) * 10**9:
        send(kernel, process, SigInfo(Signal.SIGKILL))
        return
    send(kernel, process, SigInfo(Signal.SIGXCPU))
    limits.set(RLIMIT_CPU, max(1, limits.cpu) + 1, hard)
