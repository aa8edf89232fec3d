"""Random programs whose symbols are numbers, labels, functions elsewhere or nothing, said early or late; run by qemu.

Each is assembled by GNU as and by us, and linked by GNU ld and by us: all four must come to the same checksum of all addresses and data.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, QEMU, require_oracle
from toyvm.cli.as_ import main as assemble
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle

CHECKSUM = """
        lla     a1, data_end
        lla     a2, data_start
1:      ld      a3, 0(a2)
        slli    s0, s0, 1
        add     s0, s0, a3
        addi    a2, a2, 8
        bltu    a2, a1, 1b
        srli    a3, s0, 17
        xor     s0, s0, a3
        srli    a3, s0, 8
        xor     s0, s0, a3
        andi    a0, s0, 127
        li      a7, 93
        ecall
"""
KINDS = ("global number", "weak number", "overridden number", "local number", "function", "label", "absent")


def define(name: str, kind: str, value: int, chance: random.Random) -> tuple[list[str], list[str]]:
    """(what the program says of the symbol, what the other file says)."""
    match kind:
        case "global number":
            return [f".globl {name}", f".set {name}, {value}"], []
        case "weak number":
            return [f".weak {name}", f".set {name}, {value}"], []
        case "overridden number":
            return [f".weak {name}", f".set {name}, {value}"], [f".globl {name}", f".set {name}, {value + 8}"]
        case "local number":
            return [f".set {name}, {value}"], []
        case "label":
            scope = chance.choice([[], [f".globl {name}"]])
            return [".text 1", *scope, f"{name}: nop", f".type {name}, @function", ".text"], []
        case "function":
            return [], [f".globl {name}", f".type {name}, @function", f"{name}: ret"]
    return [f".weak {name}"], []


def use(name: str, kind: str, number: int, chance: random.Random) -> tuple[list[str], list[str]]:
    """(a use of the symbol, what stands at the end for it)."""
    offset = chance.choice([0, 4, -8, 0x1000])
    match chance.choice(["dword", "word", "address", "parts", "entry", "alias", "jump"]):
        case "dword":
            return [".data", f".dword {name} + {offset}", ".text"], []
        case "word":
            return [".data", f".word {name} + {offset}", ".balign 8", ".text"], []
        case "address":
            return [f"lla a1, {name}", "add s0, s0, a1"], []
        case "parts":
            return [f"lui a1, %hi({name})", f"addi a1, a1, %lo({name})", "xor s0, s0, a1"], []
        case "entry" if kind != "local number":
            return [".option pic", f"la a1, {name}", ".option nopic", "add s0, s0, a1"], []
        case "jump" if kind in ("label", "function"):
            return ["beqz zero, 9f", f"bnez a0, {name}", f"j {name}", "9:"], []
    alias = f"alias{number}"
    return [".data", f".dword {alias}", ".text"], [f".globl {alias}", f".set {alias}, {name}"]


def program(seed: int) -> tuple[str, str]:
    """The program, and the other file."""
    chance = random.Random(seed)
    early: list[str] = []
    late: list[str] = []
    uses: list[str] = []
    other: list[str] = []
    for symbol in range(chance.randint(3, 9)):
        name, kind = f"s{symbol}", chance.choice(KINDS)
        here, there = define(name, kind, chance.choice([5, 0x1234, -4, 0x10400, 0x7FFF0000]), chance)
        (early if chance.random() < 0.5 else late).extend(here)
        other += there
        for number in range(chance.randint(1, 3)):
            lines, after = use(name, kind, 10 * symbol + number, chance)
            uses += lines
            late += after
    head = [".option norelax", ".data", "data_start: .dword 0", ".text", ".globl _start", "_start: li s0, 0"]
    tail = [".data", ".balign 8", "data_end: .dword 0", ""]
    return "\n".join([*head, *early, *uses, CHECKSUM, *late, *tail]), "\n".join(
        [".option norelax", *other, ""]
    )


@pytest.mark.parametrize("seed", range(12))
def test_all_four_ways_come_to_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_AS, GNU_LD, QEMU)
    monkeypatch.chdir(tmp_path)
    for name, text in zip(("main", "other"), program(seed), strict=True):
        Path(f"{name}.s").write_text(text)
        subprocess.run(
            [GNU_AS, "-march=rv64gc", "-mno-relax", f"{name}.s", "-o", f"gnu_{name}.o"], check=True
        )
        assert assemble(["-mno-relax", f"{name}.s", "-o", f"ours_{name}.o"]) == 0
    found = {}
    for assembler in ("gnu", "ours"):
        line = [
            "-Ttext=0x10100",
            "-Tdata=0x20000",
            f"{assembler}_main.o",
            f"{assembler}_other.o",
            "-o",
            "program",
        ]
        subprocess.run([GNU_LD, "--no-relax", *line], check=True)
        found[assembler, "GNU ld"] = subprocess.run([QEMU, "./program"], timeout=60).returncode
        assert ld(line) == 0
        found[assembler, "ours"] = subprocess.run([QEMU, "./program"], timeout=60).returncode
    assert len(set(found.values())) == 1, found
    assert found["ours", "ours"] >= 0
