"""A conversation with a debugger: what is selected, where the run stands, and every resumption of it.

It knows no screen. It has the numbered stop points, selects a thread and a frame, resumes the
target with what the user wants to stop at, passes over stops that a condition or an ignore count
rules out, and says in gdb's words why the run stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from toyvm.base.bits import M64
from toyvm.base.errors import ToyvmError, UsageError
from toyvm.isa.registers import F_NUMBERS, X_NUMBERS

from ..target import (
    Breakpoint,
    Conditions,
    Direction,
    Moment,
    NoSuchThreadError,
    Registers,
    Stop,
    StopKind,
    Target,
)
from .motion import Motion
from .numbered_stops import NumberedStop, NumberedStops
from .places import Places, SourceLine
from .sources import Sources
from .stop_text import event_text
from .value_expressions import ExpressionFault, evaluate

_FRAME = re.compile(r"#(\d+) +(0x[0-9a-f]+)")
_SIZES = (1, 2, 4, 8)


class CommandError(ToyvmError):
    """A command that cannot be carried out; the text is for the user."""


class StackFrame(NamedTuple):
    """A line of a backtrace: `pc` is the address that the frame stands at."""

    number: int
    pc: int
    text: str


class Conversation:
    """Commands stand on this. `target` is a run that stands at its beginning."""

    def __init__(self, target: Target, source_folders: Iterable[str] = ()):
        self.target = target
        self.places = Places(target)
        self.sources = Sources(source_folders)
        self.points = NumberedStops()
        self.motion = Motion(target, self.places, self._resume)
        self.pid = self.tid = 0
        self.frame = 0
        self.displays: dict[int, tuple[str, str]] = {}
        self.before: Registers | None = None  # the registers at the stop before this one
        self.select_running()

    # What is selected

    def select_running(self) -> None:
        """Select the thread that the last stop names, else the one that has the hart."""
        stop = self.target.last_stop
        threads = self.target.threads()
        threads = [thread for thread in threads if thread.state != "Z"]
        chosen = next((t for t in threads if t.tid == stop.tid), None)
        chosen = chosen or next((t for t in threads if t.running), None) or next(iter(threads), None)
        if chosen is not None:
            self.pid, self.tid = chosen.pid, chosen.tid
        self.frame = 0

    def select_thread(self, tid: int) -> None:
        """Select a thread. Raises CommandError."""
        for thread in self.target.threads():
            if thread.tid == tid:
                self.pid, self.tid, self.frame = thread.pid, tid, 0
                return
        raise CommandError(f"Unknown thread {tid}.")

    @property
    def alive(self) -> bool:
        """Whether the selected thread can execute at this moment: it exists, and is no zombie."""
        return any(thread.tid == self.tid and thread.state != "Z" for thread in self.target.threads())

    def registers(self) -> Registers:
        """The selected thread's registers. Raises CommandError."""
        try:
            return self.target.registers(self.tid)
        except NoSuchThreadError:
            raise CommandError("The program is not being run.") from None

    @property
    def pc(self) -> int:
        """Where the selected frame stands."""
        if self.frame:
            frames = self.backtrace()
            if self.frame < len(frames):
                return frames[self.frame].pc
        return self.registers().pc

    def source(self) -> SourceLine | None:
        """The source line of the selected frame; of a caller, the line of the call."""
        return self.places.source(self.pid, self.pc - 1 if self.frame else self.pc)

    def backtrace(self) -> list[StackFrame]:
        """The frames of the selected thread, the innermost first."""
        self.registers()
        found = []
        for line in self.target.ask("backtrace", self.tid).splitlines():
            match = _FRAME.match(line.strip())
            if match is not None:
                found.append(StackFrame(int(match[1]), int(match[2], 16), line.strip()))
        return found

    # Moving

    def _resume(self, conditions: Conditions, direction: Direction, temporary: list[Breakpoint]) -> Stop:
        """Resume, passing over stop points whose condition does not hold. `temporary`: breakpoints of a movement."""
        own = {(b.address, b.pid) for b in temporary}
        self.target.set_breakpoints([*self.points.breakpoints, *temporary])
        self.target.set_watchpoints(self.points.watchpoints)
        conditions = Conditions(
            conditions.steps,
            conditions.tid,
            conditions.until,
            self.points.kinds | conditions.kinds,
            self.points.syscalls,
            conditions.range,
            conditions.pass_signals,
        )
        while True:
            stop = self.target.resume(conditions, direction)
            if stop.kind in (StopKind.BREAKPOINT, StopKind.WATCHPOINT):
                mine = stop.kind is StopKind.BREAKPOINT and (
                    (stop.pc, stop.pid) in own or (stop.pc, 0) in own
                )
                if not self._hit(stop) and not mine:
                    continue
            return stop

    def _hit(self, stop: Stop) -> list[NumberedStop]:
        """The stop points at which this stop counts."""
        found = []
        self.pid, self.tid, self.frame = stop.pid, stop.tid, 0
        for point in self.at(stop):
            if point.condition:
                try:
                    if not self.evaluate(point.condition):
                        continue
                except ExpressionFault as fault:
                    raise CommandError(
                        f"Error in testing condition for breakpoint {point.number}:\n{fault}"
                    ) from None
            point.hits += 1
            if point.ignore:
                point.ignore -= 1
                continue
            found.append(point)
        return found

    def at(self, stop: Stop) -> list[NumberedStop]:
        """The stop points that a stop is at, whatever their conditions."""
        if stop.kind is StopKind.BREAKPOINT:
            return [p for p in self.points if p.kind == "breakpoint" and p.enabled and p.address == stop.pc]
        if stop.kind is StopKind.WATCHPOINT and stop.watchpoint is not None:
            place = (stop.watchpoint.address, stop.watchpoint.length, stop.watchpoint.access)
            return [
                p
                for p in self.points
                if p.kind == "watchpoint" and p.enabled and (p.address, p.length, p.access) == place
            ]
        return [p for p in self.points if p.kind == "catchpoint" and stop.kind in p.kinds]

    def run(self, direction: Direction = Direction.FORWARD, *kinds: StopKind) -> Stop:
        """Run until something stops the program (`continue`, `reverse-continue`), or an event of `kinds`."""
        return self._resume(Conditions(kinds=frozenset(kinds)), direction, [])

    def go_to(self, moment: Moment) -> Stop:
        """Stand at a moment."""
        return self.target.go_to(moment)

    def stopped(self, stop: Stop, before: Registers | None, quiet: bool) -> list[str]:
        """After a movement: select the thread that stopped, and say where the run stands.

        `quiet`: a step within a function, which shows its line only.
        """
        self.before = before
        function = self.places.function(self.pid, before.pc) if before is not None else ""
        self.select_running()
        lines = event_text(stop, self.at(stop), self.places, self.pid)
        for point in self.at(stop):
            if point.temporary:
                self.points.remove(point.number)
        if stop.kind in (StopKind.END, StopKind.EXITED, StopKind.KILLED) or not self.alive:
            return lines
        same = quiet and stop.kind is StopKind.STEPPED
        same = same and self.places.function(self.pid, self.registers().pc) == function
        return [*lines, *self.where(brief=same), *self.shown_displays()]

    def where(self, brief: bool = False) -> list[str]:
        """The place of the selected frame: function and line, and the text of the line or the instruction."""
        pc, source = self.pc, self.source()
        lines = []
        if not brief:
            name = self.places.describe(self.pid, pc) or "??"
            lines.append(f"{pc:#018x} in {name}")
        if source is not None and (text := self.sources.line(source.file, source.line)) is not None:
            lines.append(f"{source.line}\t{text}")
        else:
            code = self.places.instructions(self.pid, pc, 1)
            if code:
                lines.append(f"=> {pc:#x}:\t{code[0].text}")
        return lines

    def shown_displays(self) -> list[str]:
        """The lines of the expressions that are displayed at each stop."""
        lines = []
        for number, (text, form) in self.displays.items():
            from .formats import formatted

            try:
                lines.append(f"{number}: {text} = {formatted(self.evaluate(text), form)}")
            except (ExpressionFault, CommandError) as fault:
                lines.append(f"{number}: {text}: {fault}")
        return lines

    # Values (value_expressions.Surroundings)

    def evaluate(self, text: str) -> int:
        """The value of an expression in the selected frame. Raises ExpressionFault."""
        return evaluate(text, self)

    def register(self, name: str) -> int:
        """See `Surroundings`; `$1` is not here: values have no history."""
        registers = self.registers()
        if name == "pc":
            return self.pc
        if name in X_NUMBERS:
            return registers.x[X_NUMBERS[name]]
        if name in F_NUMBERS:
            return registers.f[F_NUMBERS[name]]
        if name == "fcsr":
            return registers.fcsr
        raise ExpressionFault(f"No register is called ${name}.")

    def address(self, name: str) -> int:
        """See `Surroundings`."""
        found = self.places.address_of(self.pid, name)
        if found is None:
            raise ExpressionFault(f'No symbol "{name}" in current context.')
        return found

    def value(self, name: str) -> int:
        """See `Surroundings`."""
        address = self.address(name)
        if self.places.is_function(self.pid, address):
            return address
        size = self.places.symbol_size(self.pid, name)
        return self.memory(address, size if size in _SIZES else 8)

    def memory(self, address: int, size: int) -> int:
        """See `Surroundings`."""
        data = self.target.read_memory(self.pid, address, size)
        if len(data) < size:
            raise ExpressionFault(f"Cannot access memory at address {address + len(data):#x}")
        return int.from_bytes(data, "little", signed=True)

    def place(self, text: str) -> int:
        """The address that a user's text names: `main`, `cow.s:52`, `52`, `*EXPRESSION`. Raises CommandError."""
        text = text.strip()
        if not text:
            return self.pc
        if text.startswith("*"):
            return self.evaluate(text[1:]) & M64
        try:
            near = self.source()
        except CommandError:
            near = None
        found = self.places.address_of(self.pid, text, near)
        if found is None:
            if text.isdigit() or ":" in text:
                raise CommandError(f"No line {text} in the program's files.")
            raise CommandError(f'Function "{text}" not defined.')
        return found

    def ask(self, question: str, address: int = 0) -> list[str]:
        """An answer of the target, as lines. Raises CommandError."""
        self.registers()
        try:
            return self.target.ask(question, self.pid, address).splitlines()
        except UsageError as error:
            raise CommandError(str(error)) from None
