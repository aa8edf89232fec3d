"""Jumps, calls and addresses whose target is a number: in a relocation without a symbol, or that of an absent weak symbol."""

from __future__ import annotations

import pytest

from tests.support.small_links import at, elf_of, errors_of, link_all
from toyvm.isa.decode import decode
from toyvm.relocation_fields import gather
from toyvm.relocations import RELOCATIONS, R

HERE = {"section_starts": {".text": 0x10000}}


def word(text: str, place: int = 0x10000, size: int = 4, **options: object) -> int:
    """The instruction at `place` of the linked text."""
    result = link_all(f".option norelax\n.globl _start\n_start: {text}\n", **(HERE | options))
    return int.from_bytes(elf_of(result).at_address(place, size), "little")


@pytest.mark.parametrize("target", [0, 0x10040, 0x4000, -0x8000])
@pytest.mark.parametrize(("mnemonic", "kind"), [("jal", R.JAL), ("j", R.JAL)])
def test_jump_to_a_number(mnemonic: str, kind: R, target: int) -> None:
    found = gather(RELOCATIONS[kind].field, word(f"{mnemonic} {target}"))
    assert (found - (target - 0x10000)) % (1 << 21) == 0


@pytest.mark.parametrize("text", ["beqz a0, 0x10040", "bltu a1, a2, 0x10040"])
def test_branch_to_a_number(text: str) -> None:
    # the assembler writes the opposite branch over a jump
    assert gather(RELOCATIONS[R.JAL].field, word(text, 0x10004)) == 0x10040 - 0x10004


@pytest.mark.parametrize("mnemonic", ["call", "tail"])
@pytest.mark.parametrize("target", [0x10040, 0x12345678])
def test_call_of_a_number(mnemonic: str, target: int) -> None:
    pair = word(f"{mnemonic} {target}", size=8)
    field = RELOCATIONS[R.CALL_PLT].field
    low = (pair >> 52 ^ 0x800) - 0x800
    assert (pair >> 12 & 0xFFFFF) * 0x1000 + low == target - 0x10000
    assert field.width == 8


def test_jump_to_an_absent_weak_symbol_goes_to_address_0_or_is_refused() -> None:
    text = ".option norelax\n.weak absent\n.globl _start\n_start: j absent\n"
    result = link_all(text, **HERE)
    assert gather(RELOCATIONS[R.JAL].field, at(result, "_start", 4)) == -0x10000 & 0x1FFFFF
    message = errors_of(text, section_starts={".text": 0x90000000})
    assert "relocation truncated to fit: R_RISCV_JAL against undefined symbol `absent'" in message


@pytest.mark.parametrize("start", [0x10000, 0x7FE00000, 0x90000000, 0x20_0000_0000])
def test_code_far_away_names_low_addresses_by_lui(start: int) -> None:
    text = """
        .option norelax
        .weak   absent
        .globl  _start, high, call
_start: lla     a1, absent+24
high:   lla     a1, low
call:   call    low
    """
    result = link_all(text, ".globl low\n.set low, 0x12344\n", section_starts={".text": start})
    for label, target in (("_start", 24), ("high", 0x12344), ("call", 0x12344)):
        place = result.symbols[label]
        pair = at(result, place)
        first, second = decode(pair & 0xFFFFFFFF), decode(pair >> 32)
        assert first is not None and second is not None
        base = place if first.insn.name == "auipc" else 0
        upper = (pair >> 12 & 0xFFFFF ^ 0x80000) - 0x80000
        assert base + (upper << 12) + ((pair >> 52 ^ 0x800) - 0x800) == target
        assert (first.insn.name == "lui") == (abs(target - place) > 0x7FFFF800)


def test_a_position_independent_image_cannot_name_them() -> None:
    text = ".option norelax\n.globl _start\n_start: lla a1, low\n"
    low = ".globl low\n.set low, 0x12344\n"
    assert "R_RISCV_PCREL_HI20" in errors_of(text, low, kind="pie", section_starts={".text": 0x90000000})


def test_a_number_out_of_reach_is_called_abs() -> None:
    message = errors_of(".option norelax\n.globl _start\n_start: j 0x12345678\n", **HERE)
    assert "relocation truncated to fit: R_RISCV_JAL against `*ABS*'" in message


def test_a_got_at_a_low_address_is_reached_by_lui() -> None:
    text = ".data\ndatum: .dword 5\n.text\n.option norelax\n.option pic\n.globl _start\n_start: la a0, datum\nla a1, datum\nnop\n"
    script = (
        "SECTIONS { .got 0x2000 : { *(.got) } .data 0x3000 : { *(.data) } .text 0x900000000 : { *(.text) } }"
    )
    result = link_all(text, scripts=(("low.ld", script),))
    high, low = (int.from_bytes(elf_of(result).at_address(0x900000000 + at, 4), "little") for at in (0, 4))
    assert high & 0x7F == 0x37 and (high & 0xFFFFF000) + (low >> 20) == 0x2008
