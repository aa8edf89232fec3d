"""Modifiers (`%lo(x)`): which relocation they become, and that one in a foreign place is an error with line and column."""

from __future__ import annotations

import itertools

import pytest

from toyvm.assembler import assemble_text
from toyvm.base.errors import AssemblyError
from toyvm.isa.pseudo import PSEUDOS
from toyvm.isa.table import INSNS
from toyvm.relocations import MODIFIERS, R

WRITTEN = {
    "rd": "t0", "rs1": "a1", "rs2": "a2", "temp": "t1", "frd": "fa0", "frs1": "fa1", "frs2": "fa2", "frs3": "fa3",
    "rm": "rne", "imm12": "1", "imm": "1", "imm20": "1", "uimm5": "1", "uimm6": "1", "load_mem": "8(a0)", "store_mem": "8(a0)",
    "amo_mem": "(a0)", "branch": "x", "jump": "x", "csr": "fcsr", "zimm5": "1", "fence_pred": "rw", "fence_succ": "rw",
    "symbol": "x", "constant": "1", "tprel_add": "%tprel_add(x)", "tlsdesc_call": "%tlsdesc_call(x)", "imm6": "1",
    "imm10": "16", "uimm10": "4", "lui6": "1", "sp": "sp", "load_sp": "8(sp)", "store_sp": "8(sp)",
    "rnum": "3", "bs": "2", "fli": "1.0", "rtz": "rtz", "rs3": "a3", "nzimm": "1",
}  # fmt: skip
NAMES = sorted({modifier for modifier, _ in MODIFIERS if modifier} | {"%nonsense", "%call_plt"})


def relocations(text: str) -> list[tuple[int, int, str, int]]:
    made = assemble_text(text, "a.s")
    section = next(section for section in made.sections if section.name == ".text")
    names = made.symbols.names
    return [
        (int(row["r_offset"]), int(row["r_type"]), names[row["r_sym"]], int(row["r_addend"]))
        for row in section.relocs
    ]


@pytest.mark.parametrize("modifier", NAMES)
def test_every_modifier_in_every_operand_is_a_relocation_or_an_error(modifier: str) -> None:
    """Of every instruction and pseudo-instruction, each operand in turn is one with the modifier."""
    forms = [(name, tuple(operand.kind for operand in row.operands)) for name, row in INSNS.items()]
    forms += [(name, entry.operands) for name, entries in PSEUDOS.items() for entry in entries]
    meant = {type for (name, _), type in MODIFIERS.items() if name == modifier}
    taken = 0
    for name, kinds in forms:
        for at, kind in enumerate(kinds):
            pieces = [WRITTEN[each] for each in kinds]
            base = "(a0)" if kind in ("load_mem", "store_mem", "amo_mem", "load_sp", "store_sp") else ""
            pieces[at] = f"{modifier}(x){base}"
            line = f"\t{name} {', '.join(pieces)}"
            try:
                found = relocations(f".option arch, +zba, +zbb, +zbs\n{line}\n")
            except AssemblyError as error:
                first = str(error).splitlines()[0]
                assert first.startswith("a.s:2:") and " error: " in first, (line, first)
                continue
            taken += 1
            assert meant & {row[1] for row in found}, line
    assert bool(taken) == bool(meant)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("ld a1, %hi(x)(a0)", 8, "%lo"),
        ("sd a1, %pcrel_hi(x)(a0)", 8, "%pcrel_lo"),
        ("jalr a0, %hi(x)(a1)", 10, "%lo"),
        ("fsd fa1, %got_pcrel_hi(x)(a0)", 10, "%tprel_lo"),
        ("ld a1, %tlsdesc_hi(x)(a0)", 8, "%tlsdesc_load_lo"),
        ("lui a0, %lo(x)", 9, "%hi"),
        ("addi a0, a0, %hi(x)", 14, "%lo"),
        (".insn s 0x23, 3, a0, %hi(x)(a1)", 22, "offset(register)"),
    ],
)
def test_where_and_what_else(text: str, column: int, expected: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text(text + "\n", "a.s")
    assert f"a.s:1:{column}: error: operand" in str(caught.value)
    assert expected in str(caught.value).splitlines()[-1]


DESCRIPTOR = """
.Lhigh: auipc   a0, %tlsdesc_hi(t + 8)
        ld      a1, %tlsdesc_load_lo(.Lhigh)(a0)
        addi    a0, a0, %tlsdesc_add_lo(.Lhigh)
        {call}
        .section .tbss,"awT",@nobits
t:      .zero   16
"""


@pytest.mark.parametrize("relax", [True, False])
@pytest.mark.parametrize(
    "call",
    [
        "jalr t0, 0(a1), %tlsdesc_call(.Lhigh)",
        "jalr t0, a1, %tlsdesc_call(.Lhigh)",
        "jalr t0, (a1), %tlsdesc_call(.Lhigh)",
    ],
)
def test_descriptor(call: str, relax: bool) -> None:
    """psABI, "TLS Descriptors". LLVM writes the first form of the call, GNU as the second."""
    text = DESCRIPTOR.format(call=call)
    assert relocations(text if relax else ".option norelax\n" + text) == [
        (0, R.TLSDESC_HI20, "t", 8),
        *[(0, R.RELAX, "", 8)] * relax,  # LLVM marks the first only
        (4, R.TLSDESC_LOAD_LO12, ".Lhigh", 0),
        (8, R.TLSDESC_ADD_LO12, ".Lhigh", 0),
        (12, R.TLSDESC_CALL, ".Lhigh", 0),
    ]
    made = assemble_text(text, "a.s")
    code = next(section.data for section in made.sections if section.name == ".text")
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, 16, 4)]
    assert words == [0x00000517, 0x00053583, 0x00050513, 0x000582E7]


def test_descriptor_call_needs_t0() -> None:
    for register, operand in itertools.product(("ra", "t1"), ("a1", "0(a1)")):
        with pytest.raises(AssemblyError, match="returns to t0"):
            assemble_text(f"jalr {register}, {operand}, %tlsdesc_call(x)\n", "a.s")


def test_constant_by_its_low_part() -> None:
    assert relocations("li a0, %lo(x)\n")[0] == (0, R.LO12_I, "x", 0)
