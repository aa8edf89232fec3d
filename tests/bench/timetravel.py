"""Going back in time: what checkpoints cost a run, and how long it takes from the end to a change in the middle."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.bench.measure import progress
from tests.bench.settings import Settings
from tests.bench.tables import Column, Row, Table
from toyvm.build import Program, build_program
from toyvm.debugger.target import Conditions, Direction, StopKind, Watchpoint
from toyvm.debugger.timeline import Timeline
from toyvm.run_options import RunOptions
from toyvm.system import run

TABLE = Table(
    "time travel, 1,000,000,000 instructions",
    (
        Column("what", "what"),
        Column("cpu", "CPU seconds", ".2f"),
        Column("memory", "MiB", ".1f"),
        Column("aim", "aim"),
    ),
)

# A loop of 8 instructions that stores beside the watched word, or on a page of its own; once, in the
# middle, it changes the watched word.
SOURCE = """
    .globl _start, spoiled
_start:
    la s0, spoiled
    li s1, 0
    li s2, {rounds}
    li s3, {middle}
loop:
    addi s1, s1, 1
    add s4, s4, s1
    xor s4, s4, s2
    sd s4, {beside}(s0)
    ld t1, {beside}(s0)
    add s5, s5, t1
    beq s1, s3, spoil
back:
    bne s1, s2, loop
    li a0, 0
    li a7, 94
    ecall
spoil:
    sd s1, 0(s0)
    j back
    .data
    .balign 4096
    .zero 4096
spoiled: .dword 5
    .zero 8192
"""


def _program(settings: Settings, beside: int) -> Program:
    rounds = settings.length(1_000_000_000) // 8
    text = SOURCE.format(rounds=rounds, middle=rounds // 2, beside=beside)
    path = settings.folder / f"spoil{beside + 2048}.s"
    path.write_text(text)
    return build_program([path])


def rows(settings: Settings) -> Iterator[Row]:
    """A plain run, one with checkpoints, and the way back."""
    for place, beside in (("on another page", -1024), ("on the same page", 64)):
        progress("", about=f"time travel, stores {place}")
        program = _program(settings, beside)
        plain = []
        for _ in range(settings.runs + 1):
            begun = time.process_time()
            run(program, ["spoil"], RunOptions(), capture=True)
            plain.append(time.process_time() - begun)
        yield {"what": f"run, stores {place}", "cpu": min(plain[1:])}
        recorded, reverse, memory, count = [], [], 0, 0
        for _ in range(settings.runs):
            with Timeline.start(program) as line:
                begun = line.cpu_seconds
                while line.resume(Conditions()).kind is not StopKind.END:
                    pass
                recorded.append(line.cpu_seconds - begun)
                line.set_watchpoints([Watchpoint(program.link.symbols["spoiled"], 8)])
                begun = line.cpu_seconds
                stop = line.resume(Conditions(), Direction.BACKWARD)
                assert stop.kind is StopKind.WATCHPOINT and stop.old == (5).to_bytes(8, "little")
                reverse.append(line.cpu_seconds - begun)
                memory, count = line.checkpoint_memory, len(line.checkpoints)
        yield {
            "what": f"the same with checkpoints ({count} at the end)",
            "cpu": min(recorded),
            "memory": memory / (1 << 20),
            "aim": "110 % of the run",
        }
        yield {
            "what": "reverse-continue from the end to the middle",
            "cpu": min(reverse),
            "aim": "10 s or less",
        }
