"""The commands that move the run."""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.bits import sext

from ..target import Direction, Moment, NoSuchThreadError, Registers, Stop, StopKind
from .conversation import CommandError, Conversation

_FORWARD, _BACKWARD = Direction.FORWARD, Direction.BACKWARD
_MOST_STEPS = 1 << 40


class MovementCommands:
    """`continue` and its kin; `Commands` has the rest."""

    def __init__(self, session: Conversation):
        self.session = session

    def _move(self, move: Callable[[], Stop], *, quiet: bool = False, times: int = 1) -> list[str]:
        """Move, and say where the run stands then. `quiet`: a step shows only its line."""
        session = self.session
        try:
            before: Registers | None = session.target.registers(session.tid)
        except NoSuchThreadError:
            before = None
        stop = session.target.last_stop
        for _ in range(times):
            stop = move()
            if stop.kind is not StopKind.STEPPED:
                break
        return session.stopped(stop, before, quiet)

    def _need_thread(self) -> tuple[int, int]:
        self.session.registers()
        return self.session.pid, self.session.tid

    def continue_(self, rest: str) -> list[str]:
        """`continue`."""
        if self.session.target.last_stop.kind is StopKind.END:
            raise CommandError("The program is not being run.")
        return self._move(self.session.run)

    def reverse_continue(self, rest: str) -> list[str]:
        """`reverse-continue`."""
        return self._move(lambda: self.session.run(_BACKWARD))

    def stepi(self, rest: str) -> list[str]:
        """`stepi`."""
        _, tid = self._need_thread()
        count = _count(rest)
        return self._move(lambda: self.session.motion.instructions(tid, count, _FORWARD), quiet=True)

    def reverse_stepi(self, rest: str) -> list[str]:
        """`reverse-stepi`."""
        tid, count = self.session.tid, _count(rest)  # it need not exist any more
        return self._move(lambda: self.session.motion.instructions(tid, count, _BACKWARD), quiet=True)

    def nexti(self, rest: str) -> list[str]:
        """`nexti`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(lambda: motion.over_instruction(pid, tid, _FORWARD), quiet=True, times=_count(rest))

    def reverse_nexti(self, rest: str) -> list[str]:
        """`reverse-nexti`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(
            lambda: motion.over_instruction(pid, tid, _BACKWARD), quiet=True, times=_count(rest)
        )

    def step(self, rest: str) -> list[str]:
        """`step`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(lambda: motion.line(pid, tid, over=False), quiet=True, times=_count(rest))

    def next(self, rest: str) -> list[str]:
        """`next`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(lambda: motion.line(pid, tid, over=True), quiet=True, times=_count(rest))

    def reverse_step(self, rest: str) -> list[str]:
        """`reverse-step`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(lambda: motion.back_line(pid, tid, over=False), quiet=True, times=_count(rest))

    def reverse_next(self, rest: str) -> list[str]:
        """`reverse-next`."""
        pid, tid = self._need_thread()
        motion = self.session.motion
        return self._move(lambda: motion.back_line(pid, tid, over=True), quiet=True, times=_count(rest))

    def finish(self, rest: str) -> list[str]:
        """`finish`."""
        session = self.session
        pid, tid = self._need_thread()
        frames = session.backtrace()
        if len(frames) < session.frame + 2:
            raise CommandError('"finish" not meaningful in the outermost frame.')
        target, sp = frames[session.frame + 1].pc, session.registers().x[2]
        pc = frames[session.frame].pc
        inside = session.places.function(pid, pc)
        lines = self._move(lambda: session.motion.finish(pid, tid, pc, target, sp))
        if session.alive and session.target.last_stop.tid == tid and session.registers().pc == target:
            value = session.registers().x[10]
            lines.append(f"Value returned by {inside or 'the function'}: {value:#x} ({sext(value, 64)})")
        return lines

    def reverse_finish(self, rest: str) -> list[str]:
        """`reverse-finish`."""
        pid, tid = self._need_thread()
        return self._move(lambda: self.session.motion.back_finish(pid, tid))

    def until(self, rest: str) -> list[str]:
        """`until`."""
        pid, tid = self._need_thread()
        if not rest:
            return self._move(lambda: self.session.motion.line(pid, tid, over=True), quiet=True)
        address = self.session.place(rest)
        return self._move(lambda: self.session.motion.to(pid, address, _FORWARD))

    def fault(self, rest: str) -> list[str]:
        """`fault`."""
        return self._to_event(StopKind.FAULT, _FORWARD)

    def reverse_fault(self, rest: str) -> list[str]:
        """`reverse-fault`."""
        return self._to_event(StopKind.FAULT, _BACKWARD)

    def syscall(self, rest: str) -> list[str]:
        """`syscall`."""
        return self._to_event(StopKind.SYSCALL_ENTRY, _FORWARD)

    def reverse_syscall(self, rest: str) -> list[str]:
        """`reverse-syscall`."""
        return self._to_event(StopKind.SYSCALL_ENTRY, _BACKWARD)

    def switch(self, rest: str) -> list[str]:
        """`switch`."""
        return self._to_event(StopKind.SWITCHED, _FORWARD)

    def reverse_switch(self, rest: str) -> list[str]:
        """`reverse-switch`."""
        return self._to_event(StopKind.SWITCHED, _BACKWARD)

    def _to_event(self, kind: StopKind, direction: Direction) -> list[str]:
        return self._move(lambda: self.session.run(direction, kind))

    def start(self, rest: str) -> list[str]:
        """`start`."""
        self.session.go_to(Moment(0))
        self.session.select_running()
        try:
            main = self.session.place("main")
        except CommandError:
            return ["No symbol main: the run stands at its first instruction.", *self.session.where()]
        return self._move(lambda: self.session.motion.to(self.session.pid, main, _FORWARD))

    def run(self, rest: str) -> list[str]:
        """`run`."""
        self.session.go_to(Moment(0))
        self.session.select_running()
        return self._move(self.session.run)

    def goto(self, rest: str) -> list[str]:
        """`goto`."""
        if rest in ("begin", "beginning", "start"):
            moment = Moment(0)
        elif rest == "end":
            moment = Moment(_MOST_STEPS)
        else:
            count, _, entry = rest.partition(":")
            if not count.isdigit() or (entry and not entry.isdigit()):
                raise CommandError("goto INSTRUCTIONS, goto begin or goto end")
            moment = Moment(int(count), int(entry or 0))
        return self._move(lambda: self.session.go_to(moment))


def _count(rest: str) -> int:
    if not rest:
        return 1
    if not rest.isdigit() or not int(rest):
        raise CommandError(f"a count is a number from 1 on, not '{rest}'")
    return int(rest)
