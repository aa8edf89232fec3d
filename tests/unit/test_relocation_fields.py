"""Values in fields: where they go, their limits, and columns of relocations against single ones."""

from __future__ import annotations

import numpy as np
import pytest

from toyvm.isa.decode import decode
from toyvm.isa.table import INSNS
from toyvm.relocation_fields import RelocationError, RelocationOverflow, apply, apply_many
from toyvm.relocations import RELOCATIONS, ULEB128, R, Reloc

FIXED = [row for row in RELOCATIONS.values() if row.operation and row.field is not ULEB128]
LIMITED = [row for row in FIXED if row.field.low <= row.field.high]


def name_of(row: Reloc) -> str:
    return row.name


# An independent way to the same bits: the instruction table encodes the immediate that the relocation writes.
@pytest.mark.parametrize(
    ("type", "mnemonic", "value", "imm"),
    [
        (R.BRANCH, "beq", -4096, -4096),
        (R.BRANCH, "beq", 2730, 2730),
        (R.BRANCH, "beq", 4094, 4094),
        (R.JAL, "jal", -(1 << 20), -(1 << 20)),
        (R.JAL, "jal", 0x5A5A6, 0x5A5A6),
        (R.HI20, "lui", 0x12345678, 0x12345000),
        (R.HI20, "lui", 0x12345800, 0x12346000),
        (R.PCREL_HI20, "auipc", -4, 0),
        (R.LO12_I, "addi", 0x12345FFF, -1),
        (R.LO12_S, "sd", 0x12345ABC, 0xABC - 0x1000),
    ],
)
def test_field_is_where_the_instruction_has_its_immediate(
    type: R, mnemonic: str, value: int, imm: int
) -> None:
    insn = INSNS[mnemonic]
    buf = bytearray(insn.match.to_bytes(4, "little"))
    apply(buf, 0, RELOCATIONS[type], value)
    decoded = decode(int.from_bytes(buf, "little"))
    assert decoded is not None and decoded.insn is insn
    assert decoded.imm == imm


# Bytes that GNU ld 2.40 made of the same relocations.
@pytest.mark.parametrize(
    ("type", "before", "value", "after"),
    [
        (R.CALL_PLT, "97000000e7800000", 0x12345FFC, "97603412e780c0ff"),
        (R.RVC_BRANCH, "01c1", -6, "6ddd"),
        (R.RVC_JUMP, "01a0", 0x7FE, "fdaf"),
        (R.SUB6, "c5", 3, "c2"),
        (R.SET6, "c0", 0x41, "c1"),
        (R.ADD16, "ffff", 2, "0100"),
        (R.SUB32, "00000000", 1, "ffffffff"),
        (R.ABS64, "0000000000000000", -2, "feffffffffffffff"),
        (R.SET_ULEB128, "808000", 300, "ac8200"),
        (R.SUB_ULEB128, "ac8200", 299, "818000"),
    ],
)
def test_known_bytes(type: R, before: str, value: int, after: str) -> None:
    buf = bytearray(b"\xaa" + bytes.fromhex(before) + b"\xaa")
    apply(buf, 1, RELOCATIONS[type], value)
    assert buf.hex() == f"aa{after}aa"


@pytest.mark.parametrize("row", LIMITED, ids=name_of)
def test_limits_are_exact(row: Reloc) -> None:
    field = row.field
    lowest = -(-field.low // field.alignment) * field.alignment
    highest = field.high // field.alignment * field.alignment
    for value in (lowest, 0, highest):
        apply(bytearray(8), 0, row, value)
    for value in (lowest - field.alignment, highest + field.alignment):
        buf = bytearray(8)
        with pytest.raises(RelocationOverflow) as caught:
            apply(buf, 0, row, value)
        assert (caught.value.low, caught.value.high, caught.value.value) == (field.low, field.high, value)
        assert f"[{field.low}, {field.high}]" in str(caught.value) and buf == bytes(8)
    if field.alignment > 1:
        with pytest.raises(RelocationOverflow, match="multiple of 2"):
            apply(bytearray(8), 0, row, 1)


@pytest.mark.parametrize("row", FIXED, ids=name_of)
def test_column_equals_single(row: Reloc) -> None:
    rng = np.random.default_rng(int(row.type))
    field = row.field
    low, high = (field.low, field.high) if field.low <= field.high else (-(1 << 62), 1 << 62)
    values = rng.integers(low, high, 200, endpoint=True) // field.alignment * field.alignment
    values = np.maximum(values, -(-low // field.alignment) * field.alignment)
    offsets = rng.permutation(200) * 10 + 1
    if row.operation != "set":
        offsets[7] = offsets[9]
    column = bytearray(rng.bytes(2020))
    single = bytearray(column)
    apply_many(column, offsets, row, values)
    for offset, value in zip(offsets.tolist(), values.tolist(), strict=True):
        apply(single, offset, row, value)
    assert column == single


def test_column_is_all_or_nothing_and_tells_which() -> None:
    buf = bytearray(12)
    with pytest.raises(RelocationOverflow) as caught:
        apply_many(buf, np.array([0, 4, 8]), RELOCATIONS[R.BRANCH], np.array([8, 5000, 5001]))
    assert (caught.value.index, caught.value.value) == (1, 5000) and buf == bytes(12)
    with pytest.raises(RelocationError, match="outside its section") as outside:
        apply_many(buf, np.array([0, 10]), RELOCATIONS[R.ABS32], np.array([1, 2]))
    assert outside.value.index == 1


@pytest.mark.parametrize("offset", [-1, 5, 1 << 40])
def test_outside_the_section(offset: int) -> None:
    with pytest.raises(RelocationError, match="outside its section"):
        apply(bytearray(8), offset, RELOCATIONS[R.ABS32], 0)


def test_uleb128_that_does_not_end() -> None:
    with pytest.raises(RelocationError, match="no ULEB128"):
        apply(bytearray(b"\x80" * 100), 0, RELOCATIONS[R.SET_ULEB128], 1)
