"""What the front process of a timeline orders, and what the machine's process reports."""

from __future__ import annotations

from toyvm.base.record import Record

from .target import Breakpoint, Conditions, Moment, Registers, Stop, Watchpoint


class Intervention(Record):
    """A change that a debugger made at a moment. Each later run of that moment makes it again.

    `kind` is "registers" (of the thread `number`), "memory" (`data` at `address` of the process
    `number`), "kill" (the process `number`), or "signal": the thread `number` gets `signal`, at a
    stop for another signal in place of that one.
    """

    moment: Moment
    kind: str
    number: int
    registers: Registers | None = None
    address: int = 0
    data: bytes = b""
    signal: int = 0


class RunOrder(Record):
    """Run until something stops the machine.

    `collecting`: stop at `conditions.until` only, and report the last stop before it.
    `steps_of` is a thread and the number of steps since its beginning at which to stop.
    `interventions` are all of this history. `checkpoints` are counts of instructions at which to
    make one; `spacing` is the CPU time between others, in seconds (0: none).
    `known_output` is the number of bytes that the front has already.
    """

    conditions: Conditions = Conditions()
    breakpoints: tuple[Breakpoint, ...] = ()
    watchpoints: tuple[Watchpoint, ...] = ()
    collecting: bool = False
    steps_of: tuple[int, int] | None = None
    interventions: tuple[Intervention, ...] = ()
    checkpoints: tuple[int, ...] = ()
    spacing: float = 0.0
    known_output: int = 0


class Report(Record):
    """Why the machine stands, and where it is.

    `collected` is the last stop of a collecting run. `output` counts the bytes written so far,
    `steps` the steps of each thread: instructions and system calls. `cpu` is the CPU time of the process
    in seconds.
    """

    stop: Stop
    output: int
    steps: dict[int, int]
    collected: Stop | None = None
    cpu: float = 0.0
