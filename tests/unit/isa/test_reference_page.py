"""What is printed from the table is what the repository has; the table's examples run."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from toyvm.isa import constants, pseudo
from toyvm.isa.decode import decode
from toyvm.isa.pseudo import PSEUDOS, inverse_branch
from toyvm.isa.reference_page import page
from toyvm.isa.registers import CSRS, X_NAMES, f_register, x_register
from toyvm.isa.table import INSNS
from toyvm.isa.text import instruction_text

ROOT = Path(__file__).resolve().parents[3]


def test_the_reference_page_is_up_to_date() -> None:
    wanted = "\n".join(page()) + "\n"
    assert (ROOT / "docs/reference/isa.md").read_text() == wanted, (
        "python -m toyvm.isa.reference_page > docs/reference/isa.md"
    )


@pytest.mark.parametrize("module", [pseudo, constants], ids=lambda module: module.__name__)
def test_docstring_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_registers() -> None:
    assert [x_register(name) for name in ("zero", "x31", "fp", "s0", "a0", "x32", "f1")] == [
        0,
        31,
        8,
        8,
        10,
        None,
        None,
    ]
    assert [f_register(name) for name in ("ft0", "f31", "fa0", "fs11", "a0")] == [0, 31, 10, 27, None]
    assert len(set(X_NAMES)) == 32 and CSRS["cycle"] == 0xC00 and CSRS["hpmcounter31"] == 0xC1F


def test_instruction_text() -> None:
    words = {
        0xFF010113: "addi sp, sp, -16",
        0x00813083: "ld ra, 8(sp)",
        0x06B6252F: "amoadd.w.aqrl a0, a1, (a2)",
        0x0310000F: "fence rw, w",
        0xC0002573: "csrrs a0, cycle, zero",
        0xFE0718E3: "bne a4, zero, 0xff0",
        0x12345537: "lui a0, 0x12345",
        0x00000073: "ecall",
    }
    for word, text in words.items():
        decoded = decode(word)
        assert decoded is not None and instruction_text(decoded, pc=0x1000) == text


def test_every_expansion_is_made_of_rows() -> None:
    for entries in PSEUDOS.values():
        for entry in entries:
            assert all(line.split()[0] in INSNS for line in entry.lines), entry


def test_inverse_branches() -> None:
    pairs = {name: inverse_branch(INSNS[name]).name for name in ("beq", "bne", "blt", "bge", "bltu", "bgeu")}
    assert pairs == {"beq": "bne", "bne": "beq", "blt": "bge", "bge": "blt", "bltu": "bgeu", "bgeu": "bltu"}
    with pytest.raises(KeyError):
        inverse_branch(INSNS["add"])


def test_importing_the_table_runs_no_semantics_and_nothing_heavy() -> None:
    check = (
        "import sys, toyvm.isa.semantics as s; s.Machine.__init__ = None; import toyvm.isa.decode, toyvm.isa.trees as t; "
        "assert not t._TREES; "
        "heavy = {'dataclasses', 'inspect', 'numpy', 'lark', 'capstone', 'elftools'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", check], check=True, cwd=ROOT)
