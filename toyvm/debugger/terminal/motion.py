"""Moving by instructions, lines and calls, forwards and backwards, on a target that knows instructions only.

The rules are gdb's: `step` enters a function that has source lines, `next` does not; both end at the
beginning of a line. Backwards, both end at the beginning of the line before. A line is left when
the pc is outside the addresses of the line; a call is over when the pc is at its return address and
the stack pointer is where it was, which tells the end of a call from that of a deeper one.
"""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.errors import ToyvmError

from ..target import Breakpoint, Conditions, Direction, Registers, Stop, StopKind, Target
from .places import Places, SourceLine

_MOST_PIECES = 10_000  # pieces of one `step`: the lines of a loop may call very often
_RA, _SP = 1, 2

Resume = Callable[[Conditions, Direction, list[Breakpoint]], Stop]


class MotionError(ToyvmError):
    """A movement that is not possible here."""


class Motion:
    """Moves one thread. `resume` runs the target with temporary breakpoints beside the user's."""

    def __init__(self, target: Target, places: Places, resume: Resume):
        self._target = target
        self._places = places
        self._resume = resume

    # By instruction

    def instructions(self, tid: int, count: int, direction: Direction) -> Stop:
        """`count` instructions of the thread; the others run when the scheduler says so."""
        return self._resume(Conditions(steps=count, tid=tid), direction, [])

    def over_instruction(self, pid: int, tid: int, direction: Direction) -> Stop:
        """One instruction, or a call as a whole (`nexti`)."""
        before = self._target.registers(tid)
        if direction is Direction.BACKWARD:
            stop = self.instructions(tid, 1, direction)
            return self._before_call(pid, tid, before, stop)
        stop = self.instructions(tid, 1, direction)
        if stop.kind is not StopKind.STEPPED:
            return stop
        after = self._target.registers(tid)
        if self._called(pid, before.pc, before.pc + 4, after):
            return self._to_return(tid, after)
        return stop

    # By line

    def line(self, pid: int, tid: int, *, over: bool) -> Stop:
        """To the beginning of another source line (`step`; `next` with `over`)."""
        here = self._target.registers(tid)
        line = self._places.source(pid, here.pc)
        if line is None:
            return self._out_of_function(pid, tid, here)
        stop = self._target.last_stop
        for _ in range(_MOST_PIECES):
            stop = self._resume(
                Conditions(steps=1, tid=tid, range=(line.start, line.end)), Direction.FORWARD, []
            )
            if stop.kind is not StopKind.STEPPED:
                return stop
            now = self._target.registers(tid)
            if self._called(pid, line.start, line.end, now) and (over or not self._has_lines(pid, now.pc)):
                stop = self._to_return(tid, now)
                if stop.kind is not StopKind.STEPPED:
                    return stop
                now = self._target.registers(tid)
            there = self._places.source(pid, now.pc)
            if there is None:
                return self._to_return(tid, now) if now.x[_RA] else stop
            if (there.file, there.line) != (line.file, line.line) and now.pc == there.start:
                return stop
            if now.pc == there.start and now.pc <= here.pc:
                return stop  # a loop of one line has begun again
            line, here = there, now  # in the middle of a line, such as after a return
        return stop

    def back_line(self, pid: int, tid: int, *, over: bool) -> Stop:
        """To the beginning of this source line, or from there to that of the line before (`reverse-step`, `reverse-next`)."""
        here = self._target.registers(tid)
        line = self._places.source(pid, here.pc)
        stop = self._target.last_stop
        if line is None or here.pc == line.start:
            stop = self.instructions(tid, 1, Direction.BACKWARD)
            if stop.kind is not StopKind.STEPPED:
                return stop
            now = self._target.registers(tid)
            if over or not self._has_lines(pid, now.pc):
                stop = self._before_call(pid, tid, here, stop)
            now = self._target.registers(tid)
            line = self._places.source(pid, now.pc)
            if line is None or now.pc == line.start:
                return stop
            here = now
        return self._back_to(tid, line, here)

    def _back_to(self, tid: int, line: SourceLine, here: Registers) -> Stop:
        """To the start of the line, in the same call of the function."""
        for _ in range(_MOST_PIECES):
            stop = self._resume(Conditions(), Direction.BACKWARD, [Breakpoint(line.start)])
            if stop.kind is not StopKind.BREAKPOINT or stop.pc != line.start or stop.tid != tid:
                return stop
            if self._target.registers(tid).x[_SP] >= here.x[_SP]:  # a deeper call has a lower one
                return _stepped(stop)
        raise MotionError("the beginning of the line was not found")

    # By call

    def finish(self, pid: int, tid: int, pc: int, return_address: int, sp: int) -> Stop:
        """To the caller of the frame at `pc`: until the pc is `return_address` and the frame of `sp` is gone.

        A function that has a frame gives it up before it returns, so the stack pointer rises. One that
        has none leaves it as it is. Only if it calls itself can a deeper call return to the same place
        with the same stack pointer.
        """
        symbols = self._places.symbols
        start = symbols.function_start(pid, pc)
        recursive = start is not None and start == symbols.function_start(pid, return_address - 1)
        least = sp + 1 if recursive and pc != start else sp
        for _ in range(_MOST_PIECES):
            stop = self._resume(Conditions(), Direction.FORWARD, [Breakpoint(return_address, pid)])
            if stop.kind is not StopKind.BREAKPOINT or stop.pc != return_address:
                return stop
            if stop.tid == tid and self._target.registers(tid).x[_SP] >= least:
                return _stepped(stop)
        raise MotionError("the function does not return")

    def back_finish(self, pid: int, tid: int) -> Stop:
        """To the call of this function (`reverse-finish`)."""
        here = self._target.registers(tid)
        start = self._places.symbols.function_start(pid, here.pc)
        if start is None:
            raise MotionError("Cannot find bounds of current function")
        if here.pc != start:
            stop = self._resume(Conditions(), Direction.BACKWARD, [Breakpoint(start, pid)])
            if stop.kind is not StopKind.BREAKPOINT or stop.pc != start:
                return stop
        return self.instructions(tid, 1, Direction.BACKWARD)

    def to(self, pid: int, address: int, direction: Direction) -> Stop:
        """To an address (`until`, `advance`)."""
        stop = self._resume(Conditions(), direction, [Breakpoint(address, pid)])
        return _stepped(stop) if stop.kind is StopKind.BREAKPOINT and stop.pc == address else stop

    # Calls

    def _called(self, pid: int, start: int, end: int, after: Registers) -> bool:
        """Whether an instruction in `start`..`end` has called a function, which begins at the pc now.

        The return address then lies behind an instruction of this interval. `auipc ra` of a call
        that was not shortened leaves its own address there.
        """
        if not start < after.x[_RA] <= end or start <= after.pc < end:
            return False
        symbols = self._places.symbols
        function = symbols.function_start(pid, after.pc)
        return function == after.pc or function != symbols.function_start(pid, start)

    def _to_return(self, tid: int, entered: Registers) -> Stop:
        """To the end of the call that has just been entered."""
        ra, sp = entered.x[_RA], entered.x[_SP]
        for _ in range(_MOST_PIECES):
            stop = self._resume(Conditions(), Direction.FORWARD, [Breakpoint(ra)])
            if stop.kind is not StopKind.BREAKPOINT or stop.pc != ra:
                return stop
            if stop.tid == tid and self._target.registers(tid).x[_SP] >= sp:
                return _stepped(stop)
        raise MotionError("the call does not return")

    def _before_call(self, pid: int, tid: int, after: Registers, stop: Stop) -> Stop:
        """If a step backwards from `after` has entered a function at its end: to the call of it."""
        if stop.kind is not StopKind.STEPPED:
            return stop
        now = self._target.registers(tid)
        symbols = self._places.symbols
        if symbols.function_start(pid, now.pc) == symbols.function_start(pid, after.pc):
            return stop
        calls = [Breakpoint(after.pc - size, pid) for size in (4, 2)]
        for _ in range(_MOST_PIECES):
            stop = self._resume(Conditions(), Direction.BACKWARD, calls)
            if stop.kind is not StopKind.BREAKPOINT or stop.pc not in [b.address for b in calls]:
                return stop
            if stop.tid == tid and self._target.registers(tid).x[_SP] == after.x[_SP]:
                return _stepped(stop)
        raise MotionError("the call was not found")

    def _out_of_function(self, pid: int, tid: int, here: Registers) -> Stop:
        """`step` in a function without lines: to its end."""
        start = self._places.symbols.function_start(pid, here.pc)
        if start is None:
            raise MotionError("Cannot find bounds of current function")
        stop = self._target.last_stop
        for _ in range(_MOST_PIECES):
            stop = self.over_instruction(pid, tid, Direction.FORWARD)
            if stop.kind is not StopKind.STEPPED:
                return stop
            if self._places.symbols.function_start(pid, self._target.registers(tid).pc) != start:
                return stop
        return stop

    def _has_lines(self, pid: int, pc: int) -> bool:
        return self._places.source(pid, pc) is not None


def _stepped(stop: Stop) -> Stop:
    """A stop at a breakpoint of our own, as the end of a movement."""
    from toyvm.base.record import replace

    return replace(stop, kind=StopKind.STEPPED)
