"""The machine under a debugger: decides at each gate and kernel entry whether the run stops.

The kernel and its engine know nothing of time travel. The engine asks at the gate before each piece;
the kernel tells of each entry (`DebugHook`). Both wait while the machine stands, so nothing in them
is entered twice, and schedule and counts stay those of a run without a debugger.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from toyvm.base.light_types import Any
from toyvm.base.record import replace
from toyvm.engines.watching.watched_pages import Halt
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.proc.process import Process, State
from toyvm.kernel.proc.signals import SigInfo
from toyvm.machine.hart import Hart

from .gated_engine import GatedEngine
from .interventions import Interventions
from .machine_events import MachineEvents
from .moments import MomentCounter
from .orders import Intervention, Report, RunOrder
from .target import Moment, Stop, StopKind
from .watches import Watches

PIECE_SECONDS = 0.05  # CPU time of a piece, between looks at what the front wants
FIRST_PIECE = 1_000_000
LONGEST_PIECE = 400_000_000
_ENDS = (StopKind.EXITED, StopKind.KILLED)
_SYSCALLS = (StopKind.SYSCALL_ENTRY, StopKind.SYSCALL_RETURN)
_ALWAYS = (StopKind.REACHED, StopKind.INTERRUPTED, StopKind.END)


class Machine:
    """A kernel under a debugger (`DebugHook` of the kernel, `Gate` of its engine).

    `stand(report)` is called when the machine stops; it returns the next order. `look()` is called
    now and then while it runs; it returns whether the run must stop. `checkpoint(report)` makes a
    checkpoint; when that is continued later, it returns an order, and otherwise None. `output()` is
    the number of bytes written so far.
    """

    def __init__(
        self,
        kernel: Kernel,
        engine: GatedEngine,
        stand: Callable[[Report], RunOrder],
        look: Callable[[], bool],
        checkpoint: Callable[[Report], RunOrder | None],
        output: Callable[[], int],
    ):
        self.kernel = kernel
        self._engine = engine
        self._stand, self._look, self._checkpoint, self._output = stand, look, checkpoint, output
        self._moments = MomentCounter()
        self._events = MachineEvents(kernel)
        self._interventions = Interventions(kernel)
        self._watches = Watches(kernel, engine.inner)
        self._order = RunOrder()
        self.every_fault = False
        self.started = False
        self._thread: Process | None = None  # that has the hart
        self._fault: tuple[Process, int] | None = None
        self._signalled: Process | None = None
        self._base = self._count = (
            0  # instructions before the engine's present run, and before its present piece
        )
        self._steps: dict[int, int] = {}  # by thread: instructions and system calls
        self._all_steps = 0
        self._goal: tuple[int, int] | None = None  # a thread (0: any) and its number of steps to stop at
        self._collected: Stop | None = None
        self._at_gate = False
        self._passing = False
        self._passed: tuple[int, int] | None = (
            None  # the thread and its steps at a breakpoint that has stopped it
        )
        self._breakpoints: dict[int, set[int]] = {}  # address -> processes
        self._hit: Stop | None = None  # a watchpoint, to report before the next instruction
        self._hit_at = Moment(0)
        self._due: list[int] = []  # counts at which to make checkpoints
        self._piece = FIRST_PIECE
        self._silent = False
        self._looked, self._looked_cpu = time.monotonic(), time.process_time()
        self._checkpointed = self._looked_cpu

    # What the front sees

    @property
    def moment(self) -> Moment:
        """The present moment."""
        return self._moments.now

    def report(self, stop: Stop) -> Report:
        """A report of a stop here and now."""
        return Report(stop, self._output(), dict(self._steps), self._collected, time.process_time())

    def here(self, kind: StopKind, thread: Process | None = None, **details: Any) -> Stop:
        """A stop of a thread, or of the one that has the hart, at the present moment."""
        thread = thread if thread is not None else self._thread
        stop = Stop(kind, self._moments.now)
        if thread is not None:
            stop = replace(stop, pid=thread.pid, tid=thread.tid, pc=thread.hart.pc)
        return replace(stop, **details) if details else stop

    def apply(self, interventions: tuple[Intervention, ...]) -> None:
        """Make the interventions that are due at the present moment."""
        self._interventions.replace(interventions)
        self._interventions.apply_due(self._moments.now)

    def interrupted(self) -> None:
        """Stand in a system call that waits for input."""
        self._stop(self.here(StopKind.INTERRUPTED))

    # The gate

    def before(self, hart: Hart, ran: int) -> int:
        """See `Gate`."""
        if not ran:
            self._base = self.kernel.system.stats.instructions
            self._thread = self._thread_of(hart)
        self._count = count = self._base + ran
        thread = self._thread
        assert thread is not None
        self._moments.user(count)
        self._at_gate = True
        if not self.started:
            self.started = True
            self._begin(self._stand(self.report(self.here(StopKind.BEGINNING))))
        if self._due or time.monotonic() - self._looked > PIECE_SECONDS:
            self._make_due_checkpoint(count)
            self._looked, self._looked_cpu = time.monotonic(), time.process_time()
            if self._look():
                self._stop(self.here(StopKind.INTERRUPTED))
        moment = self._moments.now
        while True:
            if self._interventions.apply_due(moment):
                self._watches.refresh()
            if thread.state is not State.RUNNABLE or not thread.alive:
                return 0
            stop = self._stop_at_gate(thread, moment)
            if stop is None:
                break
            self._stop(stop)
        self._passing = self._watches.pending or hart.pc in self._breakpoints
        return self._limit(thread, moment)

    def must_pass(self) -> bool:
        """See `Gate`."""
        return self._passing

    def after(self, hart: Hart, ran: int, halt: Halt | None) -> None:
        """See `Gate`."""
        thread = self._thread
        assert thread is not None
        if ran:
            self._steps[thread.tid] = self._steps.get(thread.tid, 0) + ran
            self._all_steps += ran
            self._passed = None
            self._adapt(ran)
        if halt is not None:
            self._watches.halted(halt, thread)
            self._moments.user(self._count + ran)
            self._hit_at = self._moments.now
        elif self._watches.pending:
            if ran:
                self._hit = self._watches.passed(thread, self.here(StopKind.WATCHPOINT))
            else:
                self._watches.forget()

    def _thread_of(self, hart: Hart) -> Process | None:
        if self._thread is not None and self._thread.hart is hart and self._thread.alive:
            return self._thread
        return next(thread for thread in self.kernel.threads.values() if thread.hart is hart)

    def _stop_at_gate(self, thread: Process, moment: Moment) -> Stop | None:
        """Why the machine must stand before the next instruction of `thread`."""
        if self._hit is not None:
            hit, self._hit = self._hit, None
            return replace(hit, moment=self._hit_at if self._order.collecting else moment)
        conditions = self._order.conditions
        if conditions.until is not None and moment >= conditions.until:
            return self.here(StopKind.REACHED)
        steps = self._steps.get(thread.tid, 0)
        pids = self._breakpoints.get(thread.hart.pc)
        if pids is not None and not pids.isdisjoint((0, thread.pid)) and self._passed != (thread.tid, steps):
            self._passed = thread.tid, steps
            return self.here(StopKind.BREAKPOINT)
        if self._goal is not None and self._goal[0] in (0, thread.tid):
            done = steps if self._goal[0] else self._all_steps
            if done >= self._goal[1]:
                if (
                    conditions.range is None
                    or not conditions.range[0] <= thread.hart.pc < conditions.range[1]
                ):
                    if self._order.collecting:
                        self._goal = None
                    return self.here(StopKind.STEPPED)
                self._goal = self._goal[0], done + 1
        return None

    def _limit(self, thread: Process, moment: Moment) -> int:
        """How many instructions may run before the next look at the gate."""
        count, limit = moment.instructions, self._piece
        every_fault = StopKind.FAULT in self._order.conditions.kinds
        for goal in (self._order.conditions.until, self._interventions.next_moment):
            if goal is None:
                continue
            limit = min(limit, max(1, goal.instructions - count))
            every_fault |= goal.instructions == count
        if every_fault and not self.every_fault:
            self.kernel.system.windows.begin(thread.mm.map, allowed=False)
        self.every_fault = every_fault
        if self._goal is not None and self._goal[0] in (0, thread.tid):
            done = self._steps.get(thread.tid, 0) if self._goal[0] else self._all_steps
            limit = min(limit, max(1, self._goal[1] - done))
        if self._due:
            limit = min(limit, max(1, self._due[0] - count))
        return limit

    def _adapt(self, ran: int) -> None:
        """Let a piece take about PIECE_SECONDS."""
        if ran < self._piece:
            return
        took = time.process_time() - self._looked_cpu
        if took < PIECE_SECONDS / 2:
            self._piece = min(4 * self._piece, LONGEST_PIECE)
        elif took > 2 * PIECE_SECONDS:
            self._piece = max(self._piece // 2, 1000)

    def _make_due_checkpoint(self, count: int) -> None:
        spacing, due = self._order.spacing, False
        while self._due and self._due[0] <= count:
            due = self._due.pop(0) == count or due
        if not due and (not spacing or time.process_time() - self._checkpointed < spacing):
            return
        order = self._checkpoint(self.report(self.here(StopKind.REACHED)))
        self._checkpointed = time.process_time()
        if order is not None:
            self._begin(order)

    # Standing

    def _stop(self, stop: Stop) -> None:
        """Stand until the front orders to run. A collecting run only remembers the stop."""
        if self._order.collecting and stop.kind not in _ALWAYS:
            until = self._order.conditions.until
            if until is None or stop.moment < until:
                self._collected = stop
            return
        self._begin(self._stand(self.report(stop)))

    def _begin(self, order: RunOrder) -> None:
        changed = order.breakpoints != self._order.breakpoints
        watched = order.watchpoints != self._order.watchpoints
        self._order = order
        self._collected = self._hit = None
        self._interventions.replace(order.interventions)
        self._interventions.apply_due(self._moments.now)
        conditions, thread = order.conditions, self._thread
        if changed:
            self._breakpoints = {}
            for point in order.breakpoints:
                self._breakpoints.setdefault(point.address, set()).add(point.pid)
            spaces = {process.mm.mmu for process in self.kernel.processes.values() if process.alive}
            self._engine.inner.set_breakpoints(self._breakpoints, spaces)
        if watched and order.watchpoints:
            self._watches.replace(order.watchpoints)
        elif watched:
            self._watches.clear()
        else:
            self._watches.forget()
        self._goal = order.steps_of
        if conditions.steps:
            done = self._steps.get(conditions.tid, 0) if conditions.tid else self._all_steps
            self._goal = conditions.tid, done + conditions.steps
        self._passed = None
        if thread is not None and self._at_gate and not order.collecting and order.steps_of is None:
            self._passed = thread.tid, self._steps.get(thread.tid, 0)
        self._due = sorted(count for count in order.checkpoints if count > self._count)
        self._silent = not (self._watches or conditions.kinds or self._interventions.next_moment)
        self._looked, self._looked_cpu = time.monotonic(), time.process_time()
        self._checkpointed = self._looked_cpu

    # Kernel entries (`DebugHook`)

    def switched(self, thread: Process) -> None:
        """See `DebugHook`."""
        self._enter()
        self._thread = thread
        self._consider(StopKind.SWITCHED, thread)

    def syscall_entered(self, thread: Process, number: int) -> None:
        """See `DebugHook`."""
        self._enter()
        if not self._silent or self._order.conditions.until is not None:
            self._consider(StopKind.SYSCALL_ENTRY, thread, number=number)

    def syscall_returned(self, thread: Process, number: int) -> None:
        """See `DebugHook`."""
        self._enter()
        self._steps[thread.tid] = self._steps.get(thread.tid, 0) + 1
        self._all_steps += 1
        self._passed = None
        if not self._silent or self._order.conditions.until is not None:
            self._consider(StopKind.SYSCALL_RETURN, thread, number=number)

    def fault_handled(self, thread: Process, address: int) -> None:
        """See `DebugHook`."""
        self._enter()
        self._fault = thread, address

    def signal(self, thread: Process, info: SigInfo) -> int:
        """See `DebugHook`."""
        self._enter()
        self._signalled = thread
        self._interventions.signals.pop(thread.tid, None)
        self._consider(StopKind.SIGNAL, thread, signal=info.signal, siginfo=info.pack())
        return self._interventions.signals.pop(thread.tid, info.signal)

    def kernel_left(self, thread: Process) -> None:
        """See `DebugHook`."""
        if self._signalled is not None:
            self._enter()
            self._consider(None, thread)
        elif self._fault is not None and self.every_fault:
            (faulted, address), self._fault = self._fault, None
            self._consider(StopKind.FAULT, faulted, address=address)
        self._fault = None
        while self._events and (event := self._events.take()) is not None:
            self._enter()
            self._consider(event.kind, event.thread, **event.details)
        if self._watches:
            self._watches.refresh()

    def ended(self) -> None:
        """The run has ended: stand at its last moment for ever."""
        while (event := self._events.take()) is not None:
            self._enter()
            self._consider(event.kind, event.thread, **event.details)
        self._enter()
        self._thread = None
        while True:
            self._stop(self.here(StopKind.END))

    def _enter(self) -> None:
        self._fault = self._signalled = None
        self._at_gate = False
        self._moments.entry(self.kernel.system.stats.instructions)

    def _consider(self, kind: StopKind | None, thread: Process, **details: Any) -> None:
        """Stop in an entry of the kernel if the order wants that."""
        self._count = self._moments.count
        if self._interventions.next_moment is not None:
            self._interventions.apply_due(self._moments.now)
        if self._watches:
            self._stop_at_changes(thread)
        conditions = self._order.conditions
        reached = conditions.until is not None and self._moments.now >= conditions.until
        if kind is not None and self._wants(kind, details) and not (reached and self._order.collecting):
            self._stop(self.here(kind, thread, **details))
        elif reached:
            self._stop(self.here(StopKind.REACHED, thread, **details))

    def _wants(self, kind: StopKind, details: dict[str, Any]) -> bool:
        conditions = self._order.conditions
        if kind in conditions.kinds:
            return (
                kind not in _SYSCALLS or not conditions.syscalls or details["number"] in conditions.syscalls
            )
        if self._order.collecting:
            return False
        if kind is StopKind.SIGNAL:
            return details["signal"] not in conditions.pass_signals
        return kind in _ENDS

    def _stop_at_changes(self, thread: Process) -> None:
        """Stop at watchpoints whose memory the kernel has changed since the last place to stand at."""
        for process, point, old, new in list(self._watches.changed()):
            who = thread if thread.pid == process.pid else process
            stop = self.here(StopKind.WATCHPOINT, who, watchpoint=point, old=old, new=new)
            self._stop(replace(stop, moment=self._moments.before) if self._order.collecting else stop)
