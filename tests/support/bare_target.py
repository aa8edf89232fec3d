"""A `Target` in memory, for tests of what stands on one: a bare machine that remembers each of its states."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.support.bare_machine import CODE, DATA, DATA_PAGES, Machine
from toyvm.base.errors import UsageError, error
from toyvm.debugger.target import (
    Access,
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
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.machine.traps import Cause, Trap

WRITE, EXIT, FORK, EXECVE = 64, 93, 220, 221
_EVENTS = {FORK: StopKind.FORKED, EXECVE: StopKind.EXECUTED}
_SIGTRAP, _SIGSEGV = 5, 11
_LONGEST = 100_000
_State = tuple[list[int], list[int], int, int, int, bytes]  # x, f, pc, fcsr, instret, data
_DYNAMIC = 0x2000
_DEBUG = struct.pack("<6Q", 1, 1, 21, 0x7700, 0, 0)  # DT_NEEDED, DT_DEBUG
_END = DATA + (DATA_PAGES << 12)


class BareTarget:
    """One process, pid 1, of `text` at CODE. `ecall` knows write, exit, fork (a child that never runs) and execve."""

    def __init__(self, text: bytes, files: Mapping[str, bytes] | None = None):
        self._text = text
        self._files = files or {}
        self._machine = Machine(text)
        self._engine = WalkEngine(self._machine.memory)
        self._engine.run(self._machine.hart, 0)
        self._output = b""
        self._children = 0
        self._status: int | None = None
        self._past: list[tuple[_State, bytes, int, int | None]] = []
        self._breakpoints: list[Breakpoint] = []
        self._watchpoints: list[Watchpoint] = []
        self._interrupted = False
        self.killed: list[int] = []
        self.closed = False
        self.delivered: list[int] = []  # signals
        self.last_stop = self._stop(StopKind.REACHED)

    @property
    def moment(self) -> Moment:
        return Moment(len(self._past))

    def processes(self) -> Sequence[ProcessState]:
        alive = self._status is None
        return [
            ProcessState(pid, pid - 1, "/bin/bare", (b"bare", b"word"), alive)
            for pid in range(1, 2 + self._children)
        ]

    def threads(self) -> Sequence[ThreadState]:
        if self._status is not None:
            return []
        return [
            ThreadState(pid, pid, "bare", "R" if pid == 1 else "S", pid == 1, "" if pid == 1 else "read")
            for pid in range(1, 2 + self._children)
        ]

    def registers(self, tid: int) -> Registers:
        self._check(tid)
        hart = self._machine.hart
        return Registers(
            tuple(hart.x), hart.pc, tuple(hart.f), hart.fcsr, hart.instret, hart.instret + hart.time_offset
        )

    def read_memory(self, pid: int, address: int, length: int) -> bytes:
        self._check(pid)
        for start, data in ((CODE, self._text), (DATA, self._machine.data()), (_DYNAMIC, _DEBUG)):
            if start <= address < start + len(data):
                return data[address - start : address - start + length]
        return b""

    def read_file(self, pid: int, path: str) -> bytes:
        if path not in self._files:
            raise error(2)
        return self._files[path]

    def auxv(self, pid: int) -> bytes:
        return struct.pack("<4Q", 9, CODE, 0, 0)

    def libraries(self, pid: int) -> Sequence[LibraryState]:
        return [
            LibraryState("/bin/bare", 0x1000, 0, _DYNAMIC),
            LibraryState("/lib/<&>.so", 0x3000, 0x4000, 0x5000),
        ]

    def siginfo(self, tid: int) -> bytes:
        return self.last_stop.siginfo

    def output(self) -> bytes:
        return self._output

    def ask(self, question: str, pid: int, address: int = 0) -> str:
        if question != "why":
            raise UsageError("it knows why")
        return f"{pid} {address:#x}"

    def write_registers(self, tid: int, registers: Registers) -> None:
        self._check(tid)
        hart = self._machine.hart
        hart.x[:], hart.pc, hart.f[:], hart.fcsr = registers.x, registers.pc, registers.f, registers.fcsr

    def write_memory(self, pid: int, address: int, data: bytes) -> None:
        if not DATA <= address <= _END - len(data):
            raise error(14)
        self._machine.write_data(address, data)

    def kill(self, pid: int) -> None:
        self.killed.append(pid)

    def set_breakpoints(self, breakpoints: Sequence[Breakpoint]) -> None:
        self._breakpoints = list(breakpoints)

    def set_watchpoints(self, watchpoints: Sequence[Watchpoint]) -> None:
        self._watchpoints = list(watchpoints)

    def resume(
        self,
        conditions: Conditions,
        direction: Direction = Direction.FORWARD,
        signals: Mapping[int, int] | None = None,
    ) -> Stop:
        self._interrupted = False
        self.delivered += (signals or {}).values()
        move = self._forward if direction is Direction.FORWARD else self._backward
        for number in range(1, _LONGEST):
            self.last_stop = stop = move(conditions)
            if stop.kind is not StopKind.STEPPED or number == conditions.steps:
                return stop
            if self._interrupted:
                self.last_stop = self._stop(StopKind.INTERRUPTED)
                return self.last_stop
        raise AssertionError("the program of this test does not end")

    def go_to(self, moment: Moment) -> Stop:
        while len(self._past) > moment.instructions:
            self._undo()
        while len(self._past) < moment.instructions and self._status is None:
            self._forward(Conditions())
        self.last_stop = self._stop(StopKind.REACHED if self._status is None else StopKind.END)
        return self.last_stop

    def interrupt(self) -> None:
        self._interrupted = True

    def close(self) -> None:
        self.closed = True

    def _check(self, tid: int) -> None:
        if not 1 <= tid <= 1 + self._children:
            raise NoSuchThreadError(f"no thread {tid}")

    def _stop(self, kind: StopKind, **more: object) -> Stop:
        place = {"moment": self.moment, "pid": 1, "tid": 1, "pc": self._machine.hart.pc}
        return Stop(kind, **{**place, **more})  # type: ignore[arg-type] # the fields are checked by the tests

    def _forward(self, conditions: Conditions) -> Stop:
        if self._status is not None:
            return self._stop(StopKind.END)
        machine, hart = self._machine, self._machine.hart
        before, pc = machine.data(), hart.pc
        state = (list(hart.x), list(hart.f), pc, hart.fcsr, hart.instret, before)
        known = (state, self._output, self._children, self._status)
        try:
            self._engine.step(hart)
        except Trap as trap:
            if trap.cause is not Cause.ECALL_U:
                return self._signal(_SIGTRAP if trap.cause is Cause.BREAKPOINT else _SIGSEGV)
            self._past.append(known)
            return self._call(conditions)
        self._past.append(known)
        return self._where(before, pc)

    def _where(self, before: bytes, pc: int) -> Stop:
        after = self._machine.data()
        for point in self._watchpoints:
            start = point.address - DATA
            old, new = before[start : start + point.length], after[start : start + point.length]
            if old != new and point.access is not Access.READ:
                return self._stop(StopKind.WATCHPOINT, watchpoint=point, old=old, new=new, pc=pc)
        if any(point.address == self._machine.hart.pc for point in self._breakpoints):
            return self._stop(StopKind.BREAKPOINT)
        return self._stop(StopKind.STEPPED)

    def _signal(self, number: int) -> Stop:
        return self._stop(StopKind.SIGNAL, signal=number, siginfo=struct.pack("<i124x", number))

    def _call(self, conditions: Conditions) -> Stop:
        hart = self._machine.hart
        number, a0, a1, a2 = hart.x[17], hart.x[10], hart.x[11], hart.x[12]
        hart.pc += 4
        hart.instret += 1
        if number == EXIT:
            self._status = a0
            return self._stop(StopKind.EXITED, status=a0, tid=0)
        if number == WRITE:
            self._output += self._machine.data()[a1 - DATA : a1 - DATA + a2]
        if number == FORK:
            self._children += 1
        if _EVENTS.get(number) in conditions.kinds:
            return self._stop(_EVENTS[number], other=1 + self._children, path="/bin/other")
        return self._stop(StopKind.STEPPED)

    def _backward(self, conditions: Conditions) -> Stop:
        if not self._past:
            return self._stop(StopKind.BEGINNING)
        after = self._machine.data()
        self._undo()
        return self._where(after, self._machine.hart.pc)

    def _undo(self) -> None:
        state, self._output, self._children, self._status = self._past.pop()
        hart = self._machine.hart
        hart.x[:], hart.f[:], hart.pc, hart.fcsr, hart.instret, data = state
        self._machine.write_data(DATA, data)
