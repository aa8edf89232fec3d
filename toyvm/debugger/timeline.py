"""A run that can be computed again: the front of the machine's processes (`target.Target`).

To go back, the front ends the living machine, lets the nearest checkpoint before the moment continue
in a new one, and runs that up to the moment. Standing at a moment is the same whichever way led
there.
"""

from __future__ import annotations

import os
import signal as host_signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from os import PathLike
from typing import Any, BinaryIO

from toyvm.base.errors import ToyvmError, UsageError
from toyvm.base.record import Record, replace
from toyvm.guestfs import with_sysroot
from toyvm.run_options import RunOptions
from toyvm.system import Start

from .channel import Channel, ChannelClosedError
from .checkpoints import MOST, Checkpoint, Checkpoints
from .machine_process import start_machine
from .orders import Intervention, Report, RunOrder
from .recording import Recording
from .refused_options import check
from .replaying import require_version
from .streams import InputLog, OutputLog, readable
from .target import (
    Breakpoint,
    Conditions,
    Direction,
    LibraryState,
    Moment,
    NoSuchThreadError,
    ProcessState,
    Registers,
    Stop,
    StopKind,
    ThreadState,
    Watchpoint,
)

SPACING = 0.4  # seconds of CPU time between checkpoints
_LADDER = (
    10_000_000,
    300_000,
    10_000,
)  # instructions before a goal in the past, at which to make a checkpoint
_SLICE = 0.1  # seconds between looks for an interruption while the front waits for input


class BrokenMachineError(ToyvmError):
    """The machine's process has failed: an error of toyvm."""


class _Machine(Record, eq=False):
    """The living process."""

    channel: Channel
    process: int  # a pidfd

    def end(self) -> None:
        """Kill it."""
        with suppress(ProcessLookupError):
            host_signal.pidfd_send_signal(self.process, host_signal.SIGKILL)
        os.close(self.process)
        self.channel.close()


class Timeline:
    """A run of programs with its past (`Target`). Use `start`, or `open` for a recording.

    A timeline has processes of its own until `close`; it is a context manager.
    """

    def __init__(
        self,
        starts: Sequence[Start] | Recording,
        options: RunOptions,
        *,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        checkpoints: int = MOST,
        spacing: float = SPACING,
    ):
        check(options)
        self._input = InputLog(stdin)
        if isinstance(starts, Recording):
            self._input.feed(list(starts.input))
        self._output = OutputLog(stdout, stderr)
        self._interventions: list[Intervention] = []
        self._breakpoints: tuple[Breakpoint, ...] = ()
        self._watchpoints: tuple[Watchpoint, ...] = ()
        self._spacing = spacing
        self._interrupted = False
        self._cpu = 0.0  # of machines that have ended
        self._machine: _Machine | None = None
        root, self._first_process = start_machine(starts, options)
        try:
            report = self._first_report(root)
        except BaseException:
            root.close()
            os.waitpid(self._first_process, 0)
            raise
        self._checkpoints = Checkpoints(Checkpoint(root, report, self._first_process), checkpoints)
        self._report = report
        self._revive(self._checkpoints.first)

    @classmethod
    def start(
        cls,
        program: Any,
        argv: Sequence[str] = (),
        options: RunOptions | None = None,
        *,
        stdin: bytes | BinaryIO | None = None,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
    ) -> Timeline:
        """A timeline of one program, at its first instruction.

        `program` is a `Program` or the path of an ELF file, `argv` its arguments with the name. Without
        `stdin`, standard input is empty; without `stdout` and `stderr`, output is only kept. Raises
        UsageError for options that a timeline cannot have, NotFoundError, NotExecutableError.
        """
        if not argv:
            argv = (os.fspath(program) if isinstance(program, (str, PathLike)) else program.name,)
        options = with_sysroot([program], options if options is not None else RunOptions())
        return cls([Start(program, argv)], options, stdin=stdin, stdout=stdout, stderr=stderr)

    @classmethod
    def open(
        cls,
        recording: Recording,
        *,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        any_version: bool = False,
    ) -> Timeline:
        """A timeline of a recorded run, at its first instruction (`read_recording`).

        Raises OtherVersionError, unless `any_version`.
        """
        require_version(recording, any_version=any_version)
        return cls(recording, recording.options, stdout=stdout, stderr=stderr)

    def __repr__(self) -> str:
        stop = self.last_stop
        return f"Timeline({stop.kind.value}, after {stop.moment.instructions:,} instructions)"

    def __enter__(self) -> Timeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Where it stands

    @property
    def moment(self) -> Moment:
        """See `Target`."""
        return self._report.stop.moment

    @property
    def last_stop(self) -> Stop:
        """See `Target`."""
        return self._report.stop

    @property
    def beginning(self) -> Moment:
        """The first moment."""
        return self._checkpoints.first.moment

    @property
    def checkpoints(self) -> tuple[Moment, ...]:
        """The moments of the checkpoints."""
        return tuple(checkpoint.moment for checkpoint in self._checkpoints)

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the machine has used so far, as of its last stop."""
        return self._cpu + self._report.cpu

    @property
    def checkpoint_memory(self) -> int:
        """The bytes of the host's memory that the checkpoints hold."""
        return self._checkpoints.memory()

    def output(self) -> bytes:
        """See `Target`."""
        return self._output.until(self._report.output)

    def input(self) -> tuple[bytes, ...]:
        """The pieces of standard input that the run has read, at whatever moment."""
        return tuple(self._input.pieces)

    def siginfo(self, tid: int) -> bytes:
        """See `Target`."""
        stop = self.last_stop
        return stop.siginfo if stop.tid == tid else b""

    # Looking

    def processes(self) -> Sequence[ProcessState]:
        """See `Target`."""
        found: tuple[ProcessState, ...] = self._ask("processes")
        return found

    def threads(self) -> Sequence[ThreadState]:
        """See `Target`."""
        found: tuple[ThreadState, ...] = self._ask("threads")
        return found

    def registers(self, tid: int) -> Registers:
        """See `Target`."""
        found: Registers = self._ask("registers", tid)
        return found

    def read_memory(self, pid: int, address: int, length: int) -> bytes:
        """See `Target`."""
        found: bytes = self._ask("read_memory", pid, address, length)
        return found

    def read_file(self, pid: int, path: str) -> bytes:
        """See `Target`."""
        found: bytes = self._ask("read_file", pid, path)
        return found

    def auxv(self, pid: int) -> bytes:
        """See `Target`."""
        found: bytes = self._ask("auxv", pid)
        return found

    def libraries(self, pid: int) -> Sequence[LibraryState]:
        """See `Target`."""
        found: tuple[LibraryState, ...] = self._ask("libraries", pid)
        return found

    def ask(self, question: str, pid: int, address: int = 0) -> str:
        """See `Target`."""
        found: str = self._ask("ask", question, pid, address)
        return found

    def _ask(self, question: str, *values: Any) -> Any:
        channel = self._living().channel
        channel.send(question, *values)
        name, *answer = self._receive(channel)
        if name == "answer":
            return answer[0]
        kind, arguments = answer
        raise kind(*arguments)

    # Changing the run

    def write_registers(self, tid: int, registers: Registers) -> None:
        """See `Target`."""
        self.registers(tid)
        self._intervene(Intervention(self.moment, "registers", tid, registers))

    def write_memory(self, pid: int, address: int, data: bytes) -> None:
        """See `Target`."""
        self._ask("check_write", pid, address, len(data))
        self._intervene(Intervention(self.moment, "memory", pid, address=address, data=data))

    def kill(self, pid: int) -> None:
        """See `Target`."""
        if not any(process.pid == pid for process in self.processes()):
            raise NoSuchThreadError(f"there is no process {pid} at this moment")
        self._intervene(Intervention(self.moment, "kill", pid))

    def _intervene(self, intervention: Intervention) -> None:
        """Make a change at this moment, and forget what comes after it."""
        self._interventions = [it for it in self._interventions if it.moment <= self.moment]
        self._interventions.append(intervention)
        self._checkpoints.forget_after(self.moment)
        self._output.forget_after(self._report.output)
        self._ask("apply", tuple(self._interventions))

    # Moving

    def set_breakpoints(self, breakpoints: Sequence[Breakpoint]) -> None:
        """See `Target`."""
        self._breakpoints = tuple(breakpoints)

    def set_watchpoints(self, watchpoints: Sequence[Watchpoint]) -> None:
        """See `Target`. Raises UsageError for more than 16, and for one without bytes."""
        if len(watchpoints) > 16 or any(point.length <= 0 for point in watchpoints):
            raise UsageError("there can be 16 watchpoints, each of at least one byte")
        self._watchpoints = tuple(watchpoints)

    def resume(
        self,
        conditions: Conditions,
        direction: Direction = Direction.FORWARD,
        signals: Mapping[int, int] | None = None,
    ) -> Stop:
        """See `Target`."""
        self._interrupted = False
        if direction is Direction.BACKWARD:
            return self._go_back(conditions)
        for tid, number in (signals or {}).items():
            self._choose_signal(tid, number)
        order = RunOrder(conditions, self._breakpoints, self._watchpoints, spacing=self._spacing)
        return self._run(order).stop

    def _choose_signal(self, tid: int, number: int) -> None:
        stop = self.last_stop
        if stop.siginfo and stop.tid == tid:  # also if it was gone to
            if number != stop.signal:
                self._intervene(Intervention(self.moment, "replace signal", tid, signal=number))
        elif number:
            self._intervene(Intervention(self.moment, "signal", tid, signal=number))

    def _go_back(self, conditions: Conditions) -> Stop:
        if conditions.steps:
            return self._step_back(conditions)
        present = self.moment
        end = present
        for checkpoint in self._checkpoints.before(present):
            if checkpoint.moment >= end:
                break
            self._revive(checkpoint)
            limited = replace(conditions, until=end)
            order = RunOrder(
                limited, self._breakpoints, self._watchpoints, collecting=True, spacing=self._spacing
            )
            report = self._run(order)
            if report.stop.kind is StopKind.INTERRUPTED:
                return report.stop
            if report.collected is not None:
                return self._stand_at(report.collected)
            end = checkpoint.moment
            if conditions.until is not None and end <= conditions.until:
                break
        if conditions.until is not None and conditions.until > self.beginning:
            return self._go_to(conditions.until)
        return self._stand_at(Stop(StopKind.BEGINNING, self.beginning))

    def _stand_at(self, stop: Stop) -> Stop:
        """Go to the moment of a stop, and stand there for its reason."""
        here = self._go_to(stop.moment)
        if here.kind is StopKind.INTERRUPTED:
            return here
        stop = replace(
            stop,
            pid=stop.pid or here.pid,
            tid=stop.tid or here.tid,
            pc=here.pc if stop.kind is StopKind.WATCHPOINT else stop.pc or here.pc,
        )
        self._report = replace(self._report, stop=stop)
        return stop

    def _step_back(self, conditions: Conditions) -> Stop:
        """Go to where the thread had executed `steps` instructions less; to the beginning if there is none."""
        tid = conditions.tid or self.last_stop.tid
        goal = self._report.steps.get(tid, 0) - conditions.steps
        if goal < 0:
            return self._stand_at(Stop(StopKind.BEGINNING, self.beginning))
        present = self.moment
        checkpoint = next(
            (c for c in self._checkpoints.before(present) if c.report.steps.get(tid, 0) <= goal),
            self._checkpoints.first,
        )
        ladder = tuple(present.instructions - distance for distance in _LADDER)
        self._revive(checkpoint)
        order = RunOrder(Conditions(until=present), collecting=True, steps_of=(tid, goal), checkpoints=ladder)
        report = self._run(order)
        if report.collected is None:
            return report.stop
        return self._stand_at(report.collected)

    def go_to(self, moment: Moment) -> Stop:
        """See `Target`."""
        self._interrupted = False
        return self._go_to(moment)

    def _go_to(self, moment: Moment) -> Stop:
        moment = max(moment, self.beginning)
        nearest = self._checkpoints.at_or_before(moment)
        if moment < self.moment or nearest.moment > self.moment:
            self._revive(nearest)
        if self.moment == moment:
            return self.last_stop
        ladder = tuple(moment.instructions - distance for distance in _LADDER)
        order = RunOrder(Conditions(until=moment), collecting=True, checkpoints=ladder, spacing=self._spacing)
        return self._run(order).stop

    def interrupt(self) -> None:
        """See `Target`."""
        self._interrupted = True
        machine = self._machine
        if machine is not None:
            with suppress(ChannelClosedError):
                machine.channel.send("interrupt")

    def close(self) -> None:
        """See `Target`."""
        if self._machine is not None:
            self._machine.end()
            self._machine = None
        if len(self._checkpoints):
            self._checkpoints.close()
            os.waitpid(self._first_process, 0)
            self._output.close()

    # The machine's processes

    def _living(self) -> _Machine:
        if self._machine is None:
            raise BrokenMachineError("the timeline is closed")
        return self._machine

    def _revive(self, checkpoint: Checkpoint) -> None:
        """Let a checkpoint continue in a new process, in place of the living one."""
        if self._machine is not None:
            self._cpu += self._report.cpu
            self._machine.end()
            self._machine = None
        front, own = Channel.pair()
        checkpoint.channel.send("continue", descriptor=own)
        own.close()
        name, pid = front.receive()
        assert name == "process"
        self._machine = _Machine(front, os.pidfd_open(pid))
        self._report = self._until_stopped()

    def _run(self, order: RunOrder) -> Report:
        machine = self._living()
        if self._interrupted:
            self._report = replace(self._report, stop=replace(self.last_stop, kind=StopKind.INTERRUPTED))
            return self._report
        order = replace(order, interventions=tuple(self._interventions), known_output=self._output.length)
        machine.channel.send("run", order)
        self._report = self._until_stopped()
        return self._report

    def _until_stopped(self) -> Report:
        """Serve the living machine until it stands."""
        name, *values = self._receive(self._living().channel)
        assert name == "stopped", name
        report: Report = values[0]
        return report

    def _give_input(self, channel: Channel, position: int, count: int) -> None:
        """Give the machine bytes of standard input, or let it stand if there is an interruption first."""
        descriptor = self._input.descriptor
        if descriptor is not None and self._input.needs_source(position):
            while not readable(descriptor, _SLICE):
                if self._interrupted:
                    channel.send("stand")
                    return
        channel.send("input", self._input.read(position, count))

    def _first_report(self, root: Channel) -> Report:
        name, *values = self._receive(root)
        if name == "failed":
            kind, text = values
            raise kind(text)
        report: Report = values[0]
        return report

    def _receive(self, channel: Channel) -> tuple[Any, ...]:
        """The next message that answers the front; streams and checkpoints are served meanwhile."""
        while True:
            name, *values = message = channel.receive()
            if name == "output":
                self._output.add(*values)
            elif name == "input":
                self._give_input(channel, *values)
            elif name == "checkpoint":
                made = Checkpoint(channel.take_descriptor(), *values)
                self._checkpoints.add(made, max(self.moment, made.moment))
            elif name == "broken":
                raise BrokenMachineError(f"the machine's process has failed:\n{values[0]}")
            else:
                return message
