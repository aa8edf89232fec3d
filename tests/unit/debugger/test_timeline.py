"""A timeline: standing at moments, forwards and backwards."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from toyvm.base.errors import UsageError
from toyvm.build import Program, build_program
from toyvm.debugger.target import (
    Access,
    Breakpoint,
    Conditions,
    Direction,
    Moment,
    NoSuchThreadError,
    StopKind,
    Watchpoint,
)
from toyvm.debugger.timeline import Timeline
from toyvm.run_options import RunOptions

COUNTER = """
    .globl _start, skip, counter, text
_start:
    la s0, counter
    li s1, 0
loop:
    addi s1, s1, 1
    sw s1, 64(s0)
    li t0, 40
    rem t1, s1, t0
    bnez t1, skip
    sw s1, 0(s0)
skip:
    li t0, 400
    bne s1, t0, loop
    li a0, 1
    la a1, text
    li a2, 5
    li a7, 64
    ecall
    li a0, 7
    li a7, 93
    ecall
    .data
counter: .zero 128
text: .ascii "done\\n"
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    source = tmp_path_factory.mktemp("timeline") / "counter.s"
    source.write_text(COUNTER)
    return build_program([source])


@pytest.fixture
def line(program: Program) -> Iterator[Timeline]:
    with Timeline.start(program) as line:
        yield line


ENDLESS = """
    .globl _start
_start:
    addi s1, s1, 1
    j _start
"""


@pytest.fixture
def endless(tmp_path: Path) -> Program:
    source = tmp_path / "endless.s"
    source.write_text(ENDLESS)
    return build_program([source])


def symbol(program: Program, name: str) -> int:
    return program.link.symbols[name]


def to_end(line: Timeline) -> None:
    while line.resume(Conditions()).kind is not StopKind.END:
        pass


def test_runs_to_its_end(line: Timeline) -> None:
    assert line.last_stop.kind is StopKind.BEGINNING
    stop = line.resume(Conditions())
    assert (stop.kind, stop.status, stop.pid) == (StopKind.EXITED, 7, 100)
    assert line.resume(Conditions()).kind is StopKind.END
    assert line.output() == b"done\n"
    assert line.processes() == ()


def test_steps_forwards_and_backwards(line: Timeline) -> None:
    beginning = line.registers(100)
    seen = [beginning]
    for _ in range(20):
        assert line.resume(Conditions(steps=1, tid=100)).kind is StopKind.STEPPED
        seen.append(line.registers(100))
    for before in reversed(seen[:-1]):
        assert line.resume(Conditions(steps=1, tid=100), Direction.BACKWARD).kind is StopKind.STEPPED
        assert line.registers(100) == before
    assert line.resume(Conditions(steps=1, tid=100), Direction.BACKWARD).kind is StopKind.BEGINNING


def test_stops_at_breakpoints(line: Timeline, program: Program) -> None:
    skip = symbol(program, "skip")
    line.set_breakpoints([Breakpoint(skip, 100)])
    for number in (1, 2, 3):
        stop = line.resume(Conditions())
        assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, skip)
        assert line.registers(100).x[9] == number
    assert line.resume(Conditions(), Direction.BACKWARD).kind is StopKind.BREAKPOINT
    assert line.registers(100).x[9] == 2
    line.set_breakpoints([])
    assert line.resume(Conditions()).kind is StopKind.EXITED
    line.set_breakpoints([Breakpoint(skip)])
    assert line.resume(Conditions(), Direction.BACKWARD).pc == skip
    assert line.registers(100).x[9] == 400
    assert line.read_memory(100, skip, 2) == line.read_memory(100, skip, 2)


def test_stops_at_changes_of_watched_memory(line: Timeline, program: Program) -> None:
    counter = symbol(program, "counter")
    point = Watchpoint(counter, 4)
    line.set_watchpoints([point])
    for number in (40, 80, 120):
        stop = line.resume(Conditions())
        assert (stop.kind, stop.watchpoint) == (StopKind.WATCHPOINT, point)
        assert (int.from_bytes(stop.old, "little"), int.from_bytes(stop.new, "little")) == (
            number - 40,
            number,
        )
    to_end(line)
    end = line.moment
    stop = line.resume(Conditions(), Direction.BACKWARD)
    assert (stop.kind, stop.new) == (StopKind.WATCHPOINT, (400).to_bytes(4, "little"))
    assert line.read_memory(100, counter, 4) == (360).to_bytes(4, "little")
    stop = line.resume(Conditions(), Direction.BACKWARD)
    assert line.read_memory(100, counter, 4) == (320).to_bytes(4, "little")
    assert line.go_to(Moment(1 << 60)).moment == end


def test_stops_at_reads_of_watched_memory(line: Timeline, program: Program) -> None:
    text = symbol(program, "text")
    line.set_watchpoints(
        [Watchpoint(text, 1, Access.READ), Watchpoint(symbol(program, "counter") + 64, 4, Access.ANY)]
    )
    assert line.resume(Conditions()).new == (1).to_bytes(4, "little")
    assert line.resume(Conditions()).new == (2).to_bytes(4, "little")


def test_stops_at_system_calls(line: Timeline) -> None:
    kinds = frozenset({StopKind.SYSCALL_ENTRY, StopKind.SYSCALL_RETURN})
    entry = line.resume(Conditions(kinds=kinds, syscalls=frozenset({64})))
    assert (entry.kind, entry.number) == (StopKind.SYSCALL_ENTRY, 64)
    assert line.output() == b""
    returned = line.resume(Conditions(kinds=kinds))
    assert (returned.kind, line.registers(100).x[10], line.output()) == (
        StopKind.SYSCALL_RETURN,
        5,
        b"done\n",
    )
    assert line.resume(Conditions(kinds=kinds), Direction.BACKWARD) == entry
    assert line.output() == b""
    assert line.go_to(returned.moment).kind is StopKind.REACHED
    assert line.output() == b"done\n"


def test_a_write_makes_another_history(line: Timeline, program: Program) -> None:
    beginning = line.moment
    line.resume(Conditions(steps=100, tid=100))
    changed = line.moment
    text = symbol(program, "text")
    line.write_memory(100, text, b"other")
    to_end(line)
    assert line.output() == b"other"
    line.go_to(beginning)
    assert line.read_memory(100, text, 5) == b"done\n"
    line.go_to(changed)
    assert line.read_memory(100, text, 5) == b"other"
    to_end(line)
    assert line.output() == b"other"


def test_registers_can_be_written_and_processes_killed(line: Timeline) -> None:
    registers = line.registers(100)
    x = list(registers.x)
    x[20] = 0x123456789ABCDEF0
    line.write_registers(100, type(registers)(tuple(x), registers.pc, registers.f, registers.fcsr))
    line.resume(Conditions(steps=5, tid=100))
    assert line.registers(100).x[20] == x[20]
    line.kill(100)
    stop = line.resume(Conditions())
    assert (stop.kind, stop.signal) == (StopKind.KILLED, 9)
    with pytest.raises(NoSuchThreadError):
        line.kill(99)


def test_each_byte_of_output_is_written_once(program: Program, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as sink, Timeline.start(program, stdout=sink) as line:
        beginning = line.moment
        for _ in range(3):
            to_end(line)
            line.go_to(beginning)
    assert (tmp_path / "out").read_bytes() == b"done\n"


def test_looking_changes_nothing(line: Timeline) -> None:
    line.resume(Conditions(steps=50, tid=100))
    before = line.ask("pagetable", 100)
    assert "pte" in before
    for question in ("maps", "smaps", "backtrace", "status", "frames", "memory"):
        assert line.ask(question, 100)
    pc = line.registers(100).pc
    assert line.ask("pte", 100, pc).count("level") == 3
    assert "to write" in line.ask("why", 100, pc)
    assert line.ask("frame", 100, 0) == "frame 0x0\n  frame       0x0: the shared zero page\n"
    with pytest.raises(UsageError, match="there is no frame 0xfffffff"):
        line.ask("frame", 100, 0xFFFFFFF)
    assert line.read_file(100, "/proc/self/maps")
    assert line.auxv(100)[:8] == (3).to_bytes(8, "little")
    assert line.ask("pagetable", 100) == before
    with pytest.raises(UsageError, match="maps"):
        line.ask("weather", 100)


def test_no_process_is_left(program: Program) -> None:
    line = Timeline.start(program)
    pids = {line._first_process}
    to_end(line)
    line.go_to(Moment(100))
    line.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_processes_end_with_their_front(endless: Program) -> None:
    """Even if that is killed while the machine runs."""
    reader, writer = os.pipe()
    front = os.fork()
    if not front:
        line = Timeline.start(endless)
        os.write(writer, line._first_process.to_bytes(4, "little"))
        line.resume(Conditions())
        os._exit(0)
    first = int.from_bytes(os.read(reader, 4), "little")
    time.sleep(0.5)
    os.kill(front, 9)
    os.waitpid(front, 0)
    for descriptor in (reader, writer):
        os.close(descriptor)
    for _ in range(100):
        time.sleep(0.05)
        try:
            with open(f"/proc/{first}/stat") as stream:
                if stream.read().rpartition(")")[2].split()[0] == "Z":
                    break
        except FileNotFoundError:
            break
    else:
        raise AssertionError("the machine's process still exists")


def test_an_endless_run_can_be_interrupted(endless: Program) -> None:
    with Timeline.start(endless) as line:
        for _ in range(2):
            before = line.moment
            timer = threading.Timer(0.3, line.interrupt)
            timer.start()
            stop = line.resume(Conditions())
            timer.join()
            assert (stop.kind, stop.tid) == (StopKind.INTERRUPTED, 100)
            assert stop.moment > before
        assert line.resume(Conditions(steps=1, tid=100), Direction.BACKWARD).kind is StopKind.STEPPED
        assert line.moment < stop.moment


def test_waiting_for_input_can_be_interrupted(tmp_path: Path) -> None:
    source = tmp_path / "reader.s"
    source.write_text(
        ".globl _start\n_start: li a0, 0\n mv a1, sp\n li a2, 1\n li a7, 63\n ecall\n lb a0, 0(sp)\n li a7, 93\n ecall\n"
    )
    reader, writer = os.pipe()
    with (
        open(reader, "rb", buffering=0) as stdin,
        Timeline.start(build_program([source]), stdin=stdin) as line,
    ):  # type: ignore[arg-type] # unbuffered
        timer = threading.Timer(0.3, line.interrupt)
        timer.start()
        assert line.resume(Conditions()).kind is StopKind.INTERRUPTED
        timer.join()
        os.write(writer, b"\x07")
        assert (line.resume(Conditions()).status, line.last_stop.kind) == (7, StopKind.EXITED)
        line.go_to(line.beginning)
        assert line.resume(Conditions()).status == 7
    os.close(writer)


def test_refuses_what_cannot_be_computed_again(program: Program, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--root DIR:rw"):
        Timeline.start(program, options=RunOptions(root=tmp_path, root_writable=True))
