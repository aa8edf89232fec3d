"""Stops at what the kernel does: forks, execs, faults, signals, ends; forwards and backwards in the same places."""

from __future__ import annotations

from pathlib import Path

from toyvm.base.resources import data_dir
from toyvm.build import build_program
from toyvm.debugger.target import Conditions, Direction, Stop, StopKind
from toyvm.debugger.timeline import Timeline

from .random_programs import random_program

KINDS = frozenset(
    {
        StopKind.FORKED,
        StopKind.EXECUTED,
        StopKind.SWITCHED,
        StopKind.EXITED,
        StopKind.FAULT,
        StopKind.SIGNAL,
        StopKind.THREAD_STARTED,
    }
)


def stops_to_the_end(line: Timeline, kinds: frozenset[StopKind]) -> list[Stop]:
    found = []
    while (stop := line.resume(Conditions(kinds=kinds))).kind is not StopKind.END:
        found.append(stop)
    return found


def test_fork_and_exec() -> None:
    program = build_program([data_dir("asm") / "exec.s"])
    with Timeline.start(program) as line:
        kinds = frozenset({StopKind.FORKED, StopKind.EXECUTED})
        found = stops_to_the_end(line, kinds)
        assert [stop.kind for stop in found] == [
            StopKind.FORKED,
            StopKind.EXECUTED,
            StopKind.EXITED,
            StopKind.EXITED,
        ]
        forked, executed = found[:2]
        assert forked.pid == 100 and forked.other == 101
        assert executed.pid == 101 and executed.path == "/bin/exec"
        assert line.resume(Conditions(kinds=kinds), Direction.BACKWARD) == executed
        assert line.registers(101).pc == executed.pc
        assert [process.pid for process in line.processes()] == [100, 101]
        assert line.resume(Conditions(kinds=kinds), Direction.BACKWARD) == forked
        assert line.registers(101).x[10] == 0 and line.registers(100).x[10] == 101
        assert line.resume(Conditions(kinds=kinds), Direction.BACKWARD).kind is StopKind.BEGINNING


def test_stops_backwards_are_those_forwards(tmp_path: Path) -> None:
    source = tmp_path / "random.s"
    source.write_text(random_program(11, 8))
    with Timeline.start(build_program([source])) as line:
        found = stops_to_the_end(line, KINDS)
        assert {stop.kind for stop in found} >= {StopKind.FAULT, StopKind.SWITCHED, StopKind.EXITED}
        for stop in reversed(found[-12:]):
            assert line.resume(Conditions(kinds=KINDS), Direction.BACKWARD) == stop


def test_a_signal_can_be_replaced(tmp_path: Path) -> None:
    source = tmp_path / "killed.s"
    source.write_text(
        ".globl _start\n_start: li a7, 172\n ecall\n li a1, 10\n li a7, 129\n ecall\n li a0, 4\n li a7, 93\n ecall\n"
    )
    with Timeline.start(build_program([source])) as line:
        stop = line.resume(Conditions())
        assert (stop.kind, stop.signal, stop.siginfo[:4]) == (StopKind.SIGNAL, 10, b"\x0a\0\0\0")
        assert line.siginfo(100) == stop.siginfo
        assert line.resume(Conditions()).signal == 10
        line.go_to(stop.moment)
        ended = line.resume(Conditions(), signals={100: 0})
        assert (ended.kind, ended.status) == (StopKind.EXITED, 4)
        line.go_to(line.beginning)
        while line.resume(Conditions()).kind is not StopKind.EXITED:
            assert line.last_stop.kind is StopKind.SIGNAL
        assert line.last_stop.status == 4  # it is part of this history now
