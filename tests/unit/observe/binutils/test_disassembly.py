"""Disassembly of what capstone does not know."""

from __future__ import annotations

import pytest

from toyvm.isa.table import INSNS
from toyvm.observe.binutils.disassembly import disassemble
from toyvm.observe.symbolize import disassemble_one


@pytest.mark.parametrize("insn", INSNS.values(), ids=lambda insn: insn.name)
def test_every_row_has_a_text(insn) -> None:  # type: ignore[no-untyped-def]
    fields = {field.name: 9 for field in insn.free if field.name in ("rd", "rs1", "rs2", "rs3")}
    fields |= {field.name: 2 * field.step for field in insn.free if field.name in ("imm", "uimm", "shamt")}
    raw = insn.encode(**fields).to_bytes(insn.length, "little")
    (line,) = disassemble(raw, 0x1000)
    assert not line.mnemonic.startswith("."), line
    assert not disassemble_one(raw, 0x1000).startswith(".")


def test_bit_manipulation_is_read_by_the_table() -> None:
    raw = INSNS["sh2add"].encode(rd=10, rs1=11, rs2=12).to_bytes(4, "little")
    assert [line.text for line in disassemble(raw + b"\xff\xff\xff\xff", 0)] == [
        "sh2add a0,a1,a2",
        ".word 0xffffffff",
    ]
    assert disassemble_one(raw, 0) == "sh2add a0, a1, a2"
