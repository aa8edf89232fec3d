"""Linker relaxation: which form each kind of code takes, where its reach ends, and that everything else follows."""

from __future__ import annotations

import random

import pytest

from tests.support.elf_samples import relocs
from tests.support.small_links import errors_of, link_all, obj
from toyvm.base.errors import LinkError
from toyvm.base.record import replace
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import ObjectFile
from toyvm.linker.link_result import LinkResult
from toyvm.observe.binutils.disassembly import disassemble
from toyvm.relocations import R

START = ".text\n.globl _start\n_start:\n"
SETS_GP = ".option push; .option norelax; lla gp, __global_pointer$; .option pop\n"


def linked(*texts: str | ObjectFile, **options: object) -> LinkResult:
    """A relaxing link."""
    return link_all(*texts, relax=True, **options)


def code(result: LinkResult, name: str = "_start", size: int = 8) -> list[str]:
    """The mnemonics and operands in the `size` bytes at a global symbol."""
    address = result.symbols[name]
    data = ElfFile.parse(result.image, "a.out").at_address(address, size)
    return [" ".join((i.mnemonic, i.operands)).strip() for i in disassemble(data, address)]


def word(result: LinkResult, name: str, size: int = 8) -> int:
    """The number at a global symbol."""
    data = ElfFile.parse(result.image, "a.out").at_address(result.symbols[name], size)
    return int.from_bytes(data, "little")


@pytest.mark.parametrize(
    ("call", "gap", "expected", "size"),
    [
        ("call f", 0, "jal", 4),
        ("tail f", 0x7FA, "c.j", 2),  # 0x7fe bytes as a jal of 4 bytes
        ("tail f", 0x7FC, "j", 4),
        ("call f", 0xFFFF6, "jal", 4),  # 0xffffe bytes as it was assembled, in 8 bytes
        ("call f", 0xFFFF8, "auipc", 8),
        ("call t0, f", 0, "jal", 4),
        (".option norelax; call f", 0, "auipc", 8),
    ],
)
def test_a_call_reaches_as_far_as_its_form(call: str, gap: int, expected: str, size: int) -> None:
    result = linked(f'{START}{call}\n.section .text.f,"ax"\n.zero {gap}\n.globl f\nf: ret\n')
    assert result.symbols["f"] - result.symbols["_start"] == size + gap
    first = code(result, size=size)[0]
    assert first.split()[0] == expected
    if expected != "auipc":
        assert f"{result.symbols['f']:x}" in first


def test_a_call_backwards_and_one_without_compressed_code() -> None:
    far = linked(f".globl f\nf: ret\n.zero 0x7fe\n{START}tail f\n")
    assert far.symbols["_start"] - far.symbols["f"] == 0x800
    assert code(far, size=2) == [f"c.j {far.symbols['f']:x}"]
    plain = linked(obj(f".globl f\nf: ret\n{START}tail f\nnop\n", march="rv64g"))
    assert code(plain, size=4) == [f"j {plain.symbols['f']:x}"]


def test_calls_of_nothing_and_of_low_numbers_come_from_x0() -> None:
    result = linked(f"{START}call absent\ntail low\n.weak absent\n.globl low\nlow = 0x7fe\n")
    assert code(result) == ["jalr zero", "jalr zero,zero,2046"]


def test_addresses_come_from_gp_if_the_program_sets_it() -> None:
    data = ".data\n.globl x\nx: .dword 1\ny: .dword 2\n"
    uses = "lui a0, %hi(x)\nld a1, %lo(x)(a0)\nsd a1, %lo(x+8)(a0)\naddi a0, a0, %lo(x)\n"
    plain = linked(START + uses + data)
    assert [line.split()[0] for line in code(plain, size=14)] == ["c.lui", "ld", "sd", "addi"]
    with_gp = linked(START + SETS_GP + uses + data)
    gp = with_gp.addresses.gp
    lines = code(with_gp, size=20)[2:]
    assert lines == [f"ld a1,{with_gp.symbols['x'] - gp}(gp)", *lines[1:]]
    assert [line.split()[0] for line in lines] == ["ld", "sd", "addi"]
    assert f"sd a1,{with_gp.symbols['x'] + 8 - gp}(gp)" in lines
    kept = linked(START + SETS_GP + uses + data, relax_gp=False)
    assert code(kept, size=10)[2].split()[0] == "c.lui"
    moving = linked(START + SETS_GP + "lla a0, x\n" + data, kind="pie")
    assert [line.split()[0] for line in code(moving, size=16)[2:]] == ["auipc", "addi"]


def test_distances_come_from_gp_or_x0() -> None:
    text = (
        START + SETS_GP + "lla a0, x\nlla a1, absent\n1: auipc a2, %pcrel_hi(x)\nsb a3, %pcrel_lo(1b)(a2)\n"
    )
    result = linked(text + ".weak absent\n.data\n.zero 100\n.globl x\nx: .byte 1\n")
    offset = result.symbols["x"] - result.addresses.gp
    assert code(result, size=20)[2:] == [f"addi a0,gp,{offset}", "mv a1,zero", f"sb a3,{offset}(gp)"]


def test_a_high_part_stays_for_a_low_part_that_needs_it() -> None:
    """The second low part is out of reach of gp, the third may not change."""
    far = "lui a0, %hi(x)\nld a1, %lo(x)(a0)\nld a2, %lo(x+0x1800)(a0)\n"
    kept = "lui a3, %hi(y)\nld a1, %lo(y)(a3)\n.option norelax\nld a2, %lo(y)(a3)\n"
    result = linked(START + SETS_GP + far + kept + ".data\n.globl x, y\ny: .dword 0\nx: .zero 0x2000\n")
    names = [line.split()[0] for line in code(result, size=8 + 10 + 10)]
    assert names[2:] == ["c.lui", "ld", "ld", "c.lui", "ld", "ld"]


def test_thread_local_data_comes_from_tp() -> None:
    text = START + "lui a0, %tprel_hi(t)\nadd a0, a0, tp, %tprel_add(t)\nlw a1, %tprel_lo(t)(a0)\nret\n"
    near = linked(text + '.section .tdata,"awT"\n.zero 40\n.globl t\nt: .word 1\n')
    assert code(near, size=4) == ["lw a1,40(tp)"]
    far = linked(text + '.section .tdata,"awT"\n.zero 0x800\n.globl t\nt: .word 1\n')
    assert [line.split()[0] for line in code(far, size=12)] == ["lui", "add", "lw"]


def test_lui_becomes_c_lui_where_the_number_fits() -> None:
    near = linked(START + "lui a0, %hi(x)\naddi a0, a0, %lo(x)\n.globl x\nx = 0x1f123\n")
    assert code(near, size=6) == ["c.lui a0,0x1f", "addi a0,a0,291"]
    far = linked(START + "lui a0, %hi(x)\naddi a0, a0, %lo(x)\n.globl x\nx = 0x20123\n")
    assert code(far) == ["lui a0,0x20", "addi a0,a0,291"]
    stack = linked(START + "lui sp, %hi(x)\naddi sp, sp, %lo(x)\n.globl x\nx = 0x1f123\n")
    assert code(stack) == ["lui sp,0x1f", "addi sp,sp,291"]
    zero = linked(START + "lui a0, %hi(x)\naddi a0, a0, %lo(x)\n.globl x\nx = 0x123\n")
    assert code(zero, size=4) == ["addi a0,zero,291"]


def test_an_alignment_of_whole_words_forbids_compressed_forms() -> None:
    text = f"{START}tail f\nlui a0, %hi(x)\n.option norvc\n.balign 8\n.option rvc\nf: ret\nx = 0x1f000\n"
    assert [line.split()[0] for line in code(linked(text))] == ["j", "lui"]


def test_what_refers_to_the_code_follows_it() -> None:
    """Symbols, sizes, differences, alignment, section symbols with addends, and words that the loader relocates."""
    text = f"""{START}
        call f
        call f
    .globl after
    after:
        nop
        .balign 16
    .globl aligned
    aligned:
        call f
    .globl end
    end:
    .size _start, end - _start
    f:  ret
    .data
    .globl difference, address, local, bytes
    difference: .dword end - _start
    address: .dword aligned
    local: .dword f
    bytes: .uleb128 after - _start
    """
    for options in ({}, {"kind": "pie"}):
        result = linked(text, **options)
        at = result.symbols
        assert (at["after"] - at["_start"], at["aligned"] % 16, at["end"] - at["aligned"]) == (8, 0, 4)
        assert word(result, "difference") == at["end"] - at["_start"]
        assert word(result, "bytes", 1) == 8
        elf = ElfFile.parse(result.image, "a.out")
        table = elf.symbols()
        assert table and table.array["st_size"][table.names.index("_start")] == at["end"] - at["_start"]
        if options:
            addends = {row["r_offset"]: row["r_addend"] for row in result_relocs(elf)}
            assert addends[at["address"]] == at["aligned"] and addends[at["local"]] == at["end"]
        else:
            assert (word(result, "address"), word(result, "local")) == (at["aligned"], at["end"])


def result_relocs(elf: ElfFile) -> list[dict[str, int]]:
    """The rows of .rela.dyn."""
    section = elf.section(".rela.dyn")
    assert section is not None
    rows = elf.relocations_of(section)
    return [{name: int(row[name]) for name in rows.dtype.names} for row in rows]


def test_a_form_that_padding_puts_out_of_reach_becomes_longer_again() -> None:
    """Shorter calls move `middle` nearer and the 4096-byte boundary no further: the padding between them grows."""
    for gap in range(0xFF000, 0x100010, 0x3FE):
        result = linked(
            f"{START}tail f\n{'call g; ' * 40}\n.section .text.b\n.zero {gap}\n.balign 4096\n.globl f, g\nf: ret\ng: ret\n"
        )
        distance = result.symbols["f"] - result.symbols["_start"]
        assert code(result)[0].split()[0] == ("j" if distance < 0x100000 else "auipc"), hex(distance)


def test_segments_may_touch_before_code_is_shorter() -> None:
    """As it was assembled the code would overlap with the data; the trial layouts do not complain."""
    text = f"{START}{'call f; ' * 600}\nf: ret\n.data\n.globl x\nx: .word 1\n"
    starts = {".text": 0x10000, ".data": 0x11000}
    assert linked(text, section_starts=starts).symbols["x"] == 0x11000
    assert "overlaps" in errors_of(text, section_starts=starts)


def test_the_result_says_what_was_done() -> None:
    result = linked(f"{START}call f\ntail f\ncall f\nf: ret\n")
    assert result.relaxations == {"jal": (2, 8), "c.j": (1, 6)}
    assert link_all(f"{START}call f\nf: ret\n").relaxations == {}


def test_marks_on_anything_do_no_harm() -> None:
    """Relocations that overlap or end outside, in random places: an error or a program, never a traceback."""
    rng = random.Random(1)
    types = [R.CALL_PLT, R.HI20, R.LO12_I, R.PCREL_HI20, R.PCREL_LO12_I, R.TPREL_HI20, R.TPREL_ADD, R.ALIGN]
    made = 0
    for _ in range(300):
        base = obj(START + ".rept 16\ncall f\n.endr\nf: ret\n")
        rows = []
        for _ in range(rng.randrange(1, 12)):
            place, type = rng.randrange(0, 140, 2), rng.choice(types)
            addend = rng.choice([0, 2, 6, 14, 1 << 40]) if type == R.ALIGN else 0
            rows += [(place, type, rng.randrange(len(base.symbols.array)), addend), (place, R.RELAX, 0, 0)]
        sections = tuple(replace(s, relocs=relocs(*rows)) if s.name == ".text" else s for s in base.sections)
        try:
            made += bool(link_all(replace(base, sections=sections), relax=True).image)
        except LinkError as error:
            assert str(error)
    assert made > 20


def test_an_alignment_that_overlaps_another_is_an_error() -> None:
    base = obj(START + ".rept 16\nnop\n.endr\n")
    rows = relocs((0, R.ALIGN, 0, 6), (4, R.ALIGN, 0, 6))
    sections = tuple(replace(s, relocs=rows) if s.name == ".text" else s for s in base.sections)
    for relax in (True, False):
        assert "R_RISCV_ALIGN of 6 bytes overlaps the one before" in errors_of(
            replace(base, sections=sections), relax=relax
        )


@pytest.mark.parametrize("value", [(1 << 63) - 1, 1 << 62, 1 << 40, 1 << 63])
def test_a_label_far_outside_its_section_marks_nothing(value: int) -> None:
    """The key of (section, offset) does not overflow, and does not become another section's."""
    base = obj(START + "1: auipc a0, %pcrel_hi(f)\n addi a0, a0, %pcrel_lo(1b)\nx: nop\nf: ret\n")
    symbols = base.symbols.array.copy()
    symbols["st_value"][base.symbols.names.index("x")] = value
    changed = link_all(replace(base, symbols=replace(base.symbols, array=symbols)), relax=True)
    assert code(changed, size=10) == code(link_all(base, relax=True), size=10)
