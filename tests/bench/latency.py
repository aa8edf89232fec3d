"""What it costs to make code fast that then hardly runs: many hot instructions, each executed not very often.

Rows of generated instructions, and C programs spread over much of the C library. The same program runs on the Python tiers
alone and on the LLVM engine without translations in its cache. An engine that translates too eagerly loses here what it can
never earn back.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.bench.images import build
from tests.bench.measure import interleaved, progress
from tests.bench.settings import Cache, Settings
from tests.bench.tables import Column, Row, Table
from toyvm.base.resources import write_atomically
from toyvm.build import build_program

INSTRUCTIONS = 20_000
LOOP = 50  # instructions of one loop, where the program is a row of loops
# How often each instruction is executed.
STRAIGHT = (1, 10, 100, 1000)
LOOPS = (100, 300, 1000, 3000, 10_000)
# C programs that spend their time all over the C library, and how much work they are given.
SPREAD = {"spread_libm": (300, 3000), "spread_strings": (300, 3000), "spread_trees": (30, 300)}

TABLE = Table(
    "20,000 instructions that are hot once, CPU seconds",
    (
        Column("what", "program"),
        Column("times", "times each", ",d"),
        Column("reference", "Python tiers"),
        Column("cold", "llvm, cold"),
        Column("warm", "llvm, warm"),
        Column("cold/reference", "cold/Python"),
        Column("warm/reference", "warm/Python"),
        Column("aim", "aim"),
    ),
)

_REGISTERS = ("a0", "a1", "a2", "a3", "a4", "a5", "t0", "t1", "t2", "t3", "t4", "t5")
_ENDING = """
        li      a0, 0
        li      a7, 94
        ecall
        .bss
        .balign 4096
data:   .zero   4096
"""


def _plain(rng: random.Random) -> str:
    """One instruction of everyday kind that only reads and writes registers and the page at s1."""
    a, b, c = (rng.choice(_REGISTERS) for _ in range(3))
    return rng.choice(
        (
            f"add {a}, {b}, {c}",
            f"xor {a}, {b}, {c}",
            f"addi {a}, {b}, {rng.randrange(-2048, 2048)}",
            f"slli {a}, {b}, {rng.randrange(1, 64)}",
            f"mul {a}, {b}, {c}",
            f"sltu {a}, {b}, {c}",
            f"ld {a}, {8 * rng.randrange(200)}(s1)",
            f"sd {a}, {8 * rng.randrange(200)}(s1)",
        )
    )


def straight(rounds: int) -> str:
    """One long body without a branch, gone through `rounds` times."""
    rng = random.Random(1)
    body = "\n".join(_plain(rng) for _ in range(INSTRUCTIONS))
    return (
        f".globl _start\n_start: la s1, data\nli s0, {rounds}\nagain:\n{body}\naddi s0, s0, -1\nbeqz s0, done\n"
        f"j again\ndone:\n{_ENDING}"
    )


def loops(rounds: int) -> str:
    """One small loop after the other, each `rounds` times round."""
    rng = random.Random(2)
    out = [".globl _start\n_start: la s1, data\n"]
    for number in range(INSTRUCTIONS // LOOP):
        body = "\n".join(_plain(rng) for _ in range(LOOP - 2))
        out.append(f"li s0, {rounds}\nloop{number}:\n{body}\naddi s0, s0, -1\nbnez s0, loop{number}\n")
    return "".join(out) + _ENDING


def rows(settings: Settings) -> Iterator[Row]:
    """Both shapes and the C programs, from barely warm to hot."""
    folder = settings.folder
    for shape, text_of, counts in (("straight", straight, STRAIGHT), ("loops", loops, LOOPS)):
        for times in counts[: 2 if settings.quick else None] if settings.wants(shape) else ():
            progress("building", about=f"{shape}, {times}")
            image = _build(text_of(times), folder / f"{shape}-{times}")
            yield _row(settings, shape, times, "1 or less", image)
    for name, counts in SPREAD.items():
        for times in counts[: 1 if settings.quick else None] if settings.wants(name) else ():
            progress("building", about=f"{name}, {times}")
            yield _row(settings, name, times, "2 or less", build(name, folder), str(times))


def _row(settings: Settings, what: str, times: int, aim: str, *command: str | Path) -> Row:
    warm, cold = Cache(settings.folder / "warm"), Cache(settings.folder / "cold")
    python = Cache(settings.folder / "python")
    timings = interleaved(
        {
            "reference": python.run_without_translations("--engine", "reference", *command),
            "cold": cold.run_without_translations("--engine", "llvm", *command),
            "warm": warm.run("--engine", "llvm", *command),
        },
        settings.runs,
    )
    reference, first, later = (timings[way].median for way in ("reference", "cold", "warm"))
    return {
        "what": what,
        "times": times,
        "reference": reference,
        "cold": first,
        "warm": later,
        "cold/reference": first / reference,
        "warm/reference": later / reference,
        "aim": aim,
    }


def _build(text: str, image: Path) -> Path:
    source = image.with_suffix(".s")
    source.write_text(text)
    write_atomically(image, build_program([source], linkage="static").image, 0o755)
    return image
