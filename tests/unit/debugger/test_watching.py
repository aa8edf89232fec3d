"""Watchpoints and breakpoints find what stepping finds, in every tier of the engine."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from toyvm.base.record import replace
from toyvm.build import Program, build_program
from toyvm.debugger.target import Access, Breakpoint, Conditions, Direction, Moment, StopKind, Watchpoint
from toyvm.debugger.timeline import Timeline
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.run_options import RunOptions

from .random_programs import AREA, random_program

SEEDS = range(int(os.environ.get("TOYVM_TIMELINES", "1")))


def built(text: str, folder: Path) -> Program:
    source = folder / "watched.s"
    source.write_text(text.replace(".globl _start", ".globl _start, area"))
    return build_program([source])


def changes_by_stepping(line: Timeline, point: Watchpoint, most: int) -> list[tuple[Moment, bytes, bytes]]:
    """Moments after each change of a value, found by looking after each step."""
    found = []
    old = line.read_memory(point.pid, point.address, point.length)
    for _ in range(most):
        stop = line.resume(Conditions(steps=1))
        if not any(process.pid == point.pid and process.alive for process in line.processes()):
            break
        new = line.read_memory(point.pid, point.address, point.length)
        if new != old:
            found.append((stop.moment, old, new))
        old = new
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_finds_every_change(seed: int, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole area is watched in pieces; native code runs from the first repetition on."""
    monkeypatch.setattr(LlvmEngine.__init__, "__defaults__", (None, None, EAGER, True))
    dice = random.Random(seed)
    program = built(random_program(seed, 8), tmp_path)
    area = program.link.symbols["area"]
    with Timeline.start(program, options=RunOptions(engine=engine, caching=False)) as line:
        beginning = line.moment
        while line.resume(Conditions()).kind is not StopKind.END:
            pass
        end = line.moment
        for _ in range(2):
            point = Watchpoint(
                area + dice.randrange(0, AREA // 2), dice.choice((1, 4, 8, 200)), Access.WRITE, 100
            )
            line.go_to(beginning)
            line.set_watchpoints([])
            expected = changes_by_stepping(line, point, 800)
            last = line.moment
            line.go_to(beginning)
            line.set_watchpoints([point])
            found = []
            while True:
                stop = line.resume(Conditions(until=last))
                if stop.kind in (StopKind.REACHED, StopKind.END):
                    break
                if stop.kind is StopKind.WATCHPOINT:
                    found.append((stop.moment, stop.old, stop.new))
            assert [row[1:] for row in found] == [row[1:] for row in expected]
            assert [row[0].instructions for row in found] == [row[0].instructions for row in expected]
            line.go_to(last)
            for _, old, new in reversed(found[-4:]):
                stop = line.resume(Conditions(), Direction.BACKWARD)
                assert (stop.kind, stop.old, stop.new) == (StopKind.WATCHPOINT, old, new)
                assert line.read_memory(100, point.address, point.length) == old
        assert line.go_to(end).moment == end


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_breakpoints_in_hot_code(engine: str, tmp_path: Path) -> None:
    """Each pass is seen, in a loop that was native before the breakpoint was set, and in one that becomes native after."""
    text = """
    .globl _start, here
_start:
    li s1, 0
    li s2, 300000
loop:
    addi s1, s1, 1
    xor s3, s3, s1
    andi t0, s1, 1023
    bnez t0, skip
here:
    addi s4, s4, 1
skip:
    add s5, s5, s3
    bne s1, s2, loop
    li a0, 0
    li a7, 94
    ecall
"""
    source = tmp_path / "hot.s"
    source.write_text(text)
    program = build_program([source])
    here = program.link.symbols["here"]
    with Timeline.start(program, options=RunOptions(engine=engine)) as line:
        line.resume(Conditions(steps=600_000, tid=100))
        passes = line.registers(100).x[20]
        line.set_breakpoints([Breakpoint(here, 100)])
        hits = 0
        while (stop := line.resume(Conditions())).kind is StopKind.BREAKPOINT:
            assert stop.pc == here
            assert line.registers(100).x[20] == passes + hits
            hits += 1
        assert (stop.kind, passes + hits) == (StopKind.EXITED, 300_000 // 1024)
        assert line.resume(Conditions(), Direction.BACKWARD).kind is StopKind.BREAKPOINT
        assert line.registers(100).x[20] == 300_000 // 1024 - 1


def test_what_the_kernel_writes(tmp_path: Path) -> None:
    """read(2) into a watched buffer stops at its return, backwards before it."""
    text = """
    .globl _start, buffer
_start:
    li a0, 0
    la a1, buffer
    li a2, 4
    li a7, 63
    ecall
    li a0, 0
    li a7, 94
    ecall
    .bss
buffer: .zero 16
"""
    source = tmp_path / "reader.s"
    source.write_text(text)
    program = build_program([source])
    point = Watchpoint(program.link.symbols["buffer"], 8, Access.WRITE, 100)
    with Timeline.start(program, stdin=b"abcdef") as line:
        line.set_watchpoints([point])
        stop = line.resume(Conditions())
        assert (stop.kind, stop.old, stop.new) == (StopKind.WATCHPOINT, bytes(8), b"abcd" + bytes(4))
        while line.resume(Conditions()).kind is not StopKind.END:
            pass
        back = line.resume(Conditions(), Direction.BACKWARD)
        assert (back.kind, back.new) == (StopKind.WATCHPOINT, stop.new)
        assert back.moment < stop.moment
        assert line.read_memory(100, point.address, 8) == bytes(8)
        assert replace(back, moment=stop.moment, pc=0) == replace(stop, pc=0)
