"""Call frame information is read as it was written, and no section can do harm."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.small_links import link_all
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.unwind_tables import (
    EXPRESSION,
    OFFSET,
    REGISTER,
    SAME,
    UNDEFINED,
    VALUE_OFFSET,
    Rule,
    UnwindTable,
)

RA, SP, S0, S1 = 1, 2, 8, 9
TEXT = """
        {sections}
        .option norvc
        .globl _start
_start: .cfi_startproc
        nop
        .cfi_def_cfa_offset 16
        .cfi_offset ra, -8
        nop
        .cfi_remember_state
        .cfi_def_cfa s0, 32
        .cfi_undefined s2
        .cfi_same_value s3
        .cfi_register s4, s5
        .cfi_val_offset s6, -24
        .cfi_escape 0x10, 9, 2, 0x72, 8         # s1 at the address sp + 8
        nop
        .cfi_restore_state
        .fill   400, 1, 0
        .cfi_restore ra
        .cfi_def_cfa_offset 0
        nop
        .cfi_endproc
other:  .cfi_startproc
        .cfi_signal_frame
        nop
        .cfi_endproc
"""


def table(image: bytes) -> tuple[UnwindTable, int]:
    """The table of an image, and the address of its code."""
    elf = ElfFile.parse(image, "image")
    return UnwindTable.from_elf(elf), elf.header.entry


@pytest.mark.parametrize(
    ("sections", "headers"),
    [("", True), ("", False), (".cfi_sections .debug_frame", True)],
    ids=["eh_frame", "no section headers", "debug_frame"],
)
def test_rows_are_read_as_they_were_written(sections: str, headers: bool) -> None:
    image = link_all(TEXT.format(sections=sections), eh_frame_hdr=True).image
    if not headers:  # as sstrip leaves a file: PT_GNU_EH_FRAME is the only way in
        image = image[:40] + bytes(8) + image[48:58] + bytes(6) + image[64:]
    found, start = table(image)
    assert len(found) == 2

    def rules(offset: int) -> tuple[int, int, dict[int, Rule]]:
        row = found.row(start + offset)
        assert row is not None and row.return_register == RA and not row.signal_frame
        return row.cfa_register, row.cfa_offset, row.rules

    assert rules(0) == rules(1) == (SP, 0, {})
    assert rules(4)[:2] == (SP, 16) and rules(4)[2] == {RA: Rule(OFFSET, -8)}
    assert rules(8) == (
        S0,
        32,
        {
            RA: Rule(OFFSET, -8),
            18: Rule(UNDEFINED),
            19: Rule(SAME),
            20: Rule(REGISTER, 21),
            22: Rule(VALUE_OFFSET, -24),
            S1: Rule(EXPRESSION, 0, bytes([0x72, 8])),
        },
    )
    assert rules(12) == rules(411) == (SP, 16, {RA: Rule(OFFSET, -8)})
    assert rules(412) == (SP, 0, {})
    other = found.row(start + 416)
    assert other is not None and other.signal_frame
    assert found.row(start - 1) is None and found.row(start + 420) is None


def test_a_file_without_information_has_an_empty_table() -> None:
    found, start = table(link_all(".globl _start\n_start: nop\n").image)
    assert len(found) == 0 and found.row(start) is None


@given(st.integers(0, 1 << 32))
def test_a_damaged_section_is_read_as_far_as_it_goes(seed: int) -> None:
    chance = random.Random(seed)
    image = bytearray(link_all(TEXT.format(sections=""), eh_frame_hdr=True).image)
    section = ElfFile.parse(bytes(image), "image").section(".eh_frame")
    assert section is not None
    first, size = section.header.offset, section.header.size
    for _ in range(chance.choice((1, 3, 30, 300))):
        image[first + chance.randrange(size)] = chance.choice((0, 0xFF, 0x0A, chance.randrange(256)))
    found, start = table(bytes(image))
    for offset in range(0, 424, 4):
        found.row(start + offset)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_section(data: bytes) -> None:
    image = bytearray(link_all(TEXT.format(sections=""), eh_frame_hdr=True).image)
    section = ElfFile.parse(bytes(image), "image").section(".eh_frame")
    assert section is not None
    data = data[: section.header.size]
    image[section.header.offset : section.header.offset + len(data)] = data
    found, start = table(bytes(image))
    found.row(start)


def test_a_long_entry_and_a_long_common_part_are_passed_over() -> None:
    """Many entries may share bytes: without a limit, the time would grow with the square of the size."""
    image = link_all(f'{TEXT.format(sections="")}\n.section .eh_frame,"a"\n.fill 200000, 1, 0\n').image
    elf = ElfFile.parse(image, "image")
    section = elf.section(".eh_frame")
    assert section is not None
    at = section.header.offset
    length = struct.unpack_from("<I", image, at)[0]
    long_cie = image[:at] + struct.pack("<I", 100_000) + image[at + 4 :]
    assert len(UnwindTable.from_elf(ElfFile.parse(long_cie, "image"))) == 0
    fde = at + 4 + length
    long_fde = image[:fde] + struct.pack("<I", 100_000) + image[fde + 4 :]
    assert len(UnwindTable.from_elf(ElfFile.parse(long_fde, "image"))) == 0
