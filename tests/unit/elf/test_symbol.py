"""Records of symbols, relocations, and notes, against bytes written by hand."""

from __future__ import annotations

from toyvm.elf import constants as c
from toyvm.elf.symbol import (
    NHDR_SIZE,
    Rela,
    Sym,
    note_header,
    pack_note,
    r_info,
    relocation_fields,
    st_info,
    symbol_at,
)

SYM = bytes.fromhex("07000000 12 02 0100 8000000000000000 1000000000000000")


def test_symbol() -> None:
    symbol = Sym(7, st_info(c.STB_GLOBAL, c.STT_FUNC), c.STV_HIDDEN, 1, 0x80, 16)
    assert symbol.pack() == SYM and len(SYM) == c.SYM_SIZE
    assert symbol_at(bytes(c.SYM_SIZE) + SYM, 1) == symbol
    assert (symbol.binding, symbol.type, symbol.visibility) == (c.STB_GLOBAL, c.STT_FUNC, c.STV_HIDDEN)
    assert Sym().pack() == bytes(c.SYM_SIZE)


def test_visibility_is_told_from_other_bits() -> None:
    assert Sym(other=c.STO_RISCV_VARIANT_CC | c.STV_PROTECTED).visibility == c.STV_PROTECTED


def test_relocation() -> None:
    rela = Rela(0x10, r_info(5, 2), -8)
    raw = bytes.fromhex("1000000000000000 02000000 05000000 f8ffffffffffffff")
    assert rela.pack() == raw and len(raw) == c.RELA_SIZE
    assert (rela.symbol, rela.type) == (5, 2)
    assert [Rela(*fields) for fields in relocation_fields(raw + raw)] == [rela, rela]


def test_note() -> None:
    raw = pack_note(b"GNU", c.NT_GNU_BUILD_ID, b"1234")
    assert raw == bytes.fromhex("04000000 04000000 03000000 474e5500 31323334")
    assert note_header(b"...." + raw, 4) == (4, 4, c.NT_GNU_BUILD_ID)
    assert pack_note(b"Linux", 1, b"")[NHDR_SIZE:] == b"Linux\0\0\0"
