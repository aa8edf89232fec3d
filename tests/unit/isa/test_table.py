"""Every row: what it encodes it decodes, capstone reads the same, its tree is well formed."""

from __future__ import annotations

import random
import re

import capstone
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toyvm.isa.decode import Decoded, decode
from toyvm.isa.fields import Format
from toyvm.isa.operands import KINDS, fence_set, parse_fence_set
from toyvm.isa.ops import COMPARISONS, EFFECTS_WITH_VALUE, Node, Op
from toyvm.isa.properties import CLASSES, class_of, nodes, reads, writes
from toyvm.isa.semantics import Machine, low, s, select
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS, lookup
from toyvm.isa.text import instruction_text
from toyvm.isa.trees import tree

ROWS = list(INSNS.values())


def samples(insn: Insn) -> list[dict[str, int]]:
    """Fields at their limits, and some in between."""
    chance = random.Random(insn.name)
    lowest = {field.name: field.low for field in insn.free}
    highest = {field.name: field.high for field in insn.free}
    middle = [
        {
            field.name: field.step * chance.randint(field.low // field.step, field.high // field.step)
            for field in insn.free
        }
        for _ in range(20)
    ]
    return [fields | unreserved(insn, fields) for fields in (lowest, highest, *middle)]


def unreserved(insn: Insn, fields: dict[str, int]) -> dict[str, int]:
    """Another value for the field in which 0 is reserved; a destination that no more specific row has."""
    other = {
        field.name: field.step for field in insn.free if field.mask == insn.nonzero and not fields[field.name]
    }
    if insn.name in ("c.lui", "c.addi", "c.add") and fields["rd"] in (0, 2):
        other["rd"] = 5  # c.addi16sp, c.nop and c.ebreak
    return other


@pytest.mark.parametrize("insn", ROWS, ids=lambda insn: insn.name)
def test_encode_then_decode(insn: Insn) -> None:
    for fields in samples(insn):
        word = insn.encode(**fields)
        decoded = decode(word)
        assert decoded is not None
        if decoded.insn is not insn:  # fence: its reserved encodings have names of their own
            assert decoded.insn.mask & insn.mask == insn.mask and decoded.insn.mask != insn.mask
            assert insn.name in ("fence", "packw", "ori")
            continue
        assert decoded.fields == fields
        assert decoded.insn.encode(**decoded.fields) == word


@settings(max_examples=2000, deadline=None)
@given(st.integers(0, (1 << 32) - 1))
def test_decode_never_raises_and_keeps_every_bit(word: int) -> None:
    decoded = decode(word)
    if decoded is not None:
        assert decoded.insn.encode(**decoded.fields) == decoded.word == word & ((1 << 8 * decoded.length) - 1)
        assert instruction_text(decoded, pc=0x1000).startswith(decoded.insn.name)


def test_rows_overlap_only_where_one_is_more_specific() -> None:
    for a in ROWS:
        for b in ROWS:
            if a is not b and (a.match ^ b.match) & a.mask & b.mask == 0:
                assert a.mask != b.mask and (a.mask & b.mask) in (a.mask, b.mask), (a, b)


def test_values_out_of_range_name_the_limit() -> None:
    with pytest.raises(ValueError, match=r"imm 2048 is not in -2048\.\.2047"):
        INSNS["addi"].encode(rd=1, imm=2048)
    with pytest.raises(ValueError, match=r"imm 3 is not a multiple of 2"):
        INSNS["beq"].encode(imm=3)
    with pytest.raises(ValueError, match=r"shamt 32 is not in 0\.\.31"):
        INSNS["slliw"].encode(shamt=32)
    with pytest.raises(ValueError, match=r"rd 32 is not in 0\.\.31"):
        INSNS["add"].encode(rd=32)
    with pytest.raises(ValueError, match="addi has no field rs2"):
        INSNS["addi"].encode(rs2=1)
    upper = INSNS["lui"].operands[1]
    assert (upper.to_field(0xFFFFF), upper.from_field(-4096)) == (-4096, 0xFFFFF)
    with pytest.raises(ValueError, match=r"1048576 is not in 0\.\.1048575"):
        upper.to_field(1 << 20)


@pytest.mark.parametrize("insn", ROWS, ids=lambda insn: insn.name)
def test_operands_fill_every_free_field_that_a_program_can_choose(insn: Insn) -> None:
    filled = [name for operand in insn.operands for name in operand.fields]
    assert len(filled) == len(set(filled))
    assert all(operand.kind in KINDS for operand in insn.operands)
    free = {field.name for field in insn.free} - {"aq", "rl"}
    reserved = {
        "fence": {"fm", "rs1", "rd"},
        "fence.i": {"imm", "rs1", "rd"},
        **{
            name: {"rm"}
            for name in ("fcvt.d.s", "fcvt.d.w", "fcvt.d.wu", "fcvt.s.h", "fcvt.d.h", "fcvt.s.bf16")
        },
    }.get(insn.name, set())
    assert set(filled) == free - reserved


def test_ordering_suffixes() -> None:
    assert lookup("amoadd.w.aqrl") == (INSNS["amoadd.w"], {"aq": 1, "rl": 1})
    assert lookup("lr.d.aq") == (INSNS["lr.d"], {"aq": 1, "rl": 0})
    assert lookup("sc.w.rl") == (INSNS["sc.w"], {"aq": 0, "rl": 1})
    assert lookup("add.aq") is None and lookup("amoadd.aq") is None and lookup("nonsense") is None
    decoded = decode(INSNS["amoadd.w"].encode(aq=1, rl=1))
    assert decoded is not None and decoded.name == "amoadd.w.aqrl"


def test_fence_sets() -> None:
    assert [parse_fence_set(text) for text in ("iorw", "rw", "w", "i")] == [15, 3, 1, 8]
    assert [parse_fence_set(text) for text in ("wr", "rr", "x", "", "0")] == [None] * 5
    assert all(parse_fence_set(fence_set(bits)) == bits for bits in range(1, 16))


@pytest.mark.parametrize("insn", ROWS, ids=lambda insn: insn.name)
def test_trees_are_well_formed(insn: Insn) -> None:
    """Widths agree, effects stand in the tree, and reads come before writes."""
    effects = tree(insn)
    assert effects or insn.name == "c.nop"
    order = [node.op in (Op.WRITE_X, Op.WRITE_F) for node in effects]
    assert order == sorted(order)
    for node in nodes(insn):
        check_widths(node)
        if node.op in EFFECTS_WITH_VALUE:
            assert node in effects
    assert class_of(insn) in CLASSES
    assert reads(insn) | writes(insn) <= {field.name for field in insn.free}


def check_widths(node: Node) -> None:
    widths = [argument.width for argument in node.args]
    if node.op in COMPARISONS:
        assert node.width == 1 and widths[0] == widths[1]
    elif node.op in (
        Op.ADD,
        Op.SUB,
        Op.MUL,
        Op.AND,
        Op.OR,
        Op.XOR,
        Op.SHL,
        Op.LSHR,
        Op.ASHR,
        Op.UDIV,
        Op.SDIV,
    ):
        assert widths == [node.width] * 2
    elif node.op in (Op.ZEXT, Op.SEXT):
        assert widths[0] < node.width
    elif node.op is Op.TRUNC:
        assert widths[0] > node.width
    elif node.op is Op.SELECT:
        assert widths == [1, node.width, node.width]
    elif node.op is Op.WRITE_X:
        assert widths == [5, 64]


def test_classes_and_registers_follow_from_the_trees() -> None:
    found = {
        name: class_of(INSNS[name])
        for name in ("lw", "sd", "beq", "jalr", "amoadd.w", "mulh", "remu", "add", "csrrw", "fence", "ecall")
    }
    assert found == {
        "lw": "load", "sd": "store", "beq": "branch", "jalr": "jump", "amoadd.w": "atomic", "mulh": "multiply",
        "remu": "divide", "add": "alu", "csrrw": "system", "fence": "fence", "ecall": "system",
    }  # fmt: skip
    assert (reads(INSNS["sd"]), writes(INSNS["sd"])) == ({"rs1", "rs2"}, frozenset())
    assert (reads(INSNS["lui"]), writes(INSNS["jal"])) == (frozenset(), {"rd"})


def test_decoded_trees_are_folded() -> None:
    nothing = decode(INSNS["add"].encode(rd=0, rs1=1, rs2=2))
    move = decode(INSNS["addi"].encode(rd=1, rs1=2))
    assert nothing is not None and tree(nothing) == ()
    assert move is not None and [node.op for node in tree(move)[0].args] == [Op.CONST, Op.READ_X]
    reading = decode(INSNS["csrrs"].encode(rd=1, csr=0xC00))
    assert reading is not None and [node.op for node in tree(reading)] == [Op.CSR_READ, Op.WRITE_X]


def machine() -> Machine:
    add = INSNS["add"]
    return Machine(add.name, add.format, add.bound)


def test_a_guest_value_has_no_truth() -> None:
    with pytest.raises(TypeError, match=r"use select\(\)"):
        bool(machine().rs1 == machine().rs2)
    with pytest.raises(TypeError, match="mask it"):
        machine().rs1 << machine().rs2
    with pytest.raises(TypeError, match="64 and 32 bits"):
        machine().rs1 + low(machine().rs2)
    with pytest.raises(TypeError, match="condition of 1 bit"):
        select(machine().rs1, 1, 0)
    assert (s(machine().rs1) >> 3).node.op is Op.ASHR and (machine().rs1 >> 3).node.op is Op.LSHR


def test_a_format_must_fill_its_instruction() -> None:
    with pytest.raises(ValueError, match="take 20 bits"):
        Format("bad", "rs1 rd funct3 opcode", "")
    compressed = Format("CI", "funct3:3 imm[5] rd imm[4:0] op:2", "rd")
    assert compressed.length == 2 and (compressed.fields["imm"].low, compressed.fields["imm"].high) == (
        -32,
        31,
    )


def plain(fields: dict[str, int], insn: Insn) -> dict[str, int]:
    """Fields for which capstone prints no alias of its own: no x0, a CSR of RV64, fence sets that are not empty."""
    fixed = {"csr": 0xC00, "pred": fields.get("pred", 0) | 1, "succ": fields.get("succ", 0) | 2}
    fixed |= {name: fields.get(name, 0) or 8 for name in ("rd", "rs1", "rs2")}
    if "rm" in fields:
        fixed["rm"] = 0 if "rm" not in insn.syntax else 7 if fields["rm"] in (5, 6) else fields["rm"]
    if insn.name.startswith("fsgnj") and fixed["rs1"] == fixed["rs2"]:
        fixed["rs2"] ^= 1
    if insn.name in ("fence", "fence.i"):
        fixed |= dict.fromkeys(("fm", "rd", "rs1", "imm"), 0)
    return {name: fixed.get(name, value) for name, value in fields.items()}


KNOWN_TO_CAPSTONE = (
    "I",
    "Zmmul",
    "M",
    "Zaamo",
    "Zalrsc",
    "Zicsr",
    "Zifencei",
    "Zihintpause",
    "F",
    "D",
    "C",
    "Zcd",
)
CAPSTONE_LACKS = "an instruction of a newer extension, or a hint that capstone shows as what it is built of"


@pytest.mark.parametrize("insn", ROWS, ids=lambda insn: insn.name)
def test_capstone_agrees(insn: Insn) -> None:
    reader = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV64 | capstone.CS_MODE_RISCVC)
    for fields in samples(insn)[2:]:
        word = insn.encode(**plain(fields, insn))
        decoded = decode(word)
        assert decoded is not None
        found = list(reader.disasm(word.to_bytes(insn.length, "little"), 0))
        if insn.ext not in (*KNOWN_TO_CAPSTONE, "Privileged"):
            assert not found or found[0].mnemonic != insn.name, CAPSTONE_LACKS
            continue
        (theirs,) = found
        if insn.name == "pause":  # a hint that capstone does not know
            assert theirs.mnemonic == "fence"
            continue
        assert theirs.mnemonic == decoded.name
        ours = numbers(
            operand_text(decoded).removesuffix(", dyn")
        )  # the usual mode, which capstone leaves out
        assert sorted(map(str, numbers(theirs.op_str))) == sorted(map(str, ours)), instruction_text(decoded)


def operand_text(decoded: Decoded) -> str:
    return instruction_text(decoded).removeprefix(decoded.name)


def numbers(text: str) -> list[str | int]:
    """Operands without punctuation, numbers as numbers."""
    words = re.findall(r"[+-]?\b0x[0-9a-f]+|[+-]?\b\d+\b|[a-z]\w*", text)
    return [int(word, 0) if word.lstrip("+-")[0].isdigit() else word for word in words]
