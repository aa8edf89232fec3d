"""Every relocation type there could be, in `ld`: applied by the psABI's formula, or refused by name and number."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from tests.support.elf_samples import relocs, symbol_table
from tests.support.small_links import at, elf_of, errors_of, link_all, obj
from toyvm.elf import constants as c
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section
from toyvm.linker import scan_relocations
from toyvm.linker.link_result import LinkResult
from toyvm.relocation_fields import apply
from toyvm.relocations import RELOCATIONS, Formula, R, Tool, relocation_name

HIGH, NEAR, T, START = 1, 2, 3, 4  # symbols of `made`
PLACE, A = 8, 6  # where the relocation stands in .text, and its addend
OLD = bytes.fromhex("b0c0818003000000")  # a number as any other, and also one in ULEB128
TEXT = bytes.fromhex("17050000") + bytes(4) + OLD + bytes(16)


def made(*rows: tuple[int, int, int, int], section: str = ".text", flags: int = -1) -> ObjectFile:
    """An object whose section `section`, a copy of TEXT, has the relocations `rows` (offset, type, symbol, addend)."""
    if flags < 0:
        flags = c.SHF_ALLOC | c.SHF_EXECINSTR
    mine = relocs(*rows)  # type: ignore[arg-type]  # arguments of several types
    text = c.SHF_ALLOC | c.SHF_EXECINSTR
    sections = [
        NULL_SECTION,
        Section(".text", c.SHT_PROGBITS, text, 4, data=TEXT),
        Section(section, c.SHT_PROGBITS, flags, 4, data=TEXT, relocs=mine),
        Section(".tdata", c.SHT_PROGBITS, c.SHF_ALLOC | c.SHF_WRITE | c.SHF_TLS, 8, data=bytes(24)),
    ]
    symbols = symbol_table(
        [
            ("high", c.STB_LOCAL, c.STT_NOTYPE, 2, 0, 0),
            ("near", c.STB_LOCAL, c.STT_NOTYPE, 2, 24, 0),
            ("t", c.STB_LOCAL, c.STT_TLS, 3, 16, 8),
            ("_start", c.STB_GLOBAL, c.STT_NOTYPE, 1, 0, 0),
            ("here", c.STB_GLOBAL, c.STT_NOTYPE, 2, 0, 0),
        ]
    )
    return ObjectFile("a.o", sections, symbols, c.EF_RISCV_FLOAT_ABI_DOUBLE | c.EF_RISCV_RVC)


class Place(NamedTuple):
    """The letters of the psABI. G: the address of the symbol's GOT entry of the wanted kind; H: the value of the high part at `high`."""

    s: int
    p: int
    g: int
    tls: int
    h: int


def entry(result: LinkResult, kind: int, symbol: int) -> int:
    tables = result.addresses.tables
    columns = {R.TLS_GOT_HI20: tables.ie_entry, R.TLS_GD_HI20: tables.gd_entry}
    columns |= {R(number): tables.desc_entry for number in DESCRIPTOR}
    first = len(result.program.symbols) - len(tables.got_entry)
    assert first == 0
    column = columns.get(R(kind), tables.got_entry)
    (offset,) = column[column >= 0].tolist()
    return result.addresses.got + int(offset)


def numbers(*spans: tuple[int, int]) -> list[int]:
    return [number for first, last in spans for number in range(first, last + 1)]


# Written down from the psABI's list, not from our table. Nothing else may be in an object.
DESCRIPTOR = (62, 63, 64, 65)  # the high part first
PC, TP, DTP = (lambda x: x.s + A - x.p), (lambda x: x.s + A - x.tls), (lambda x: x.s + A - x.tls - 0x800)
FORMULAS: dict[int, Callable[[Place], int] | None] = {
    **dict.fromkeys((0, 32, 43, 51), None),
    **dict.fromkeys(numbers((1, 2), (26, 28), (33, 40), (52, 56), (60, 61)), lambda x: x.s + A),
    **dict.fromkeys(numbers((8, 9)), DTP),
    **dict.fromkeys(numbers((16, 19), (23, 23), (44, 45), (57, 57), (59, 59)), PC),
    20: lambda x: x.g - x.p,  # an addend is refused
    **dict.fromkeys((21, 22, 41, 62), lambda x: x.g + A - x.p),
    **dict.fromkeys((24, 25, 63, 64), lambda x: x.h + A),
    65: None,
    **dict.fromkeys((29, 30, 31), TP),
}
THREAD_LOCAL = (8, 9, 21, 22, 29, 30, 31, 32, 62)


@pytest.mark.parametrize("kind", range(256))
def test_applied_or_refused(kind: int) -> None:
    low = kind in (24, 25, *DESCRIPTOR[1:])
    symbol = T if kind in THREAD_LOCAL else HIGH if low else NEAR
    addend = 0 if kind in (R.ALIGN, R.GOT_HI20) else A
    high = [(0, *((62, T) if kind in DESCRIPTOR else (int(R.PCREL_HI20), NEAR)), 0)] if low else []
    file = made(*high, (PLACE, kind, symbol, addend))
    if kind not in FORMULAS:
        name = f"{relocation_name(kind)} ({kind})" if kind in RELOCATIONS else f"{kind:#x}"
        assert (
            errors_of(file)
            == f"a.o: in function `high':\na.o:(.text+0x8): unsupported relocation type {name}"
        )
        return
    result = link_all(file, kind="shared" if kind in DESCRIPTOR else "exec")  # a program has no descriptors
    start = result.symbols["here"]
    formula = FORMULAS[kind]
    expected = bytearray(OLD)
    if formula is not None:
        tls = result.layout.tls()[0] if kind in THREAD_LOCAL else 0  # type: ignore[index]  # optional in general
        got = entry(result, kind, symbol) if kind in (20, 21, 22, 41, *DESCRIPTOR) else 0
        s = tls + 16 if kind in THREAD_LOCAL else start + 24
        distance = got - start if kind in DESCRIPTOR else 24
        apply(expected, 0, RELOCATIONS[R(kind)], formula(Place(s, start + PLACE, got, tls, distance)))
        words = {20: [s], 41: [s], 21: [16], 22: [1, 16 - 0x800]}.get(kind, [])
        for number, word in enumerate(words):
            assert at(result, got + 8 * number) == word % (1 << 64)
    assert elf_of(result).at_address(start + PLACE, 8) == expected


def test_all_refusals_are_reported_with_their_places() -> None:
    kinds = [*range(46, 51), 10, 11, 12, 3, 191, 256, 0xFFFFFFFF]
    file = made(*((2 * number, kind, NEAR, 0) for number, kind in enumerate(kinds)))
    names = [f"{relocation_name(k)} ({k})" if k in RELOCATIONS else f"{k:#x}" for k in kinds]
    assert errors_of(file).splitlines()[1:] == [
        f"a.o:(.text+{2 * number:#x}): unsupported relocation type {name}"
        for number, name in enumerate(names)
    ]


def test_what_is_left_out_is_not_refused() -> None:
    file = made((0, 46, NEAR, 0), (4, 0x12345, NEAR, 0), (8, 62, NEAR, 0), section=".text.unused")
    result = link_all(file, gc_sections=True)
    assert [s for s in result.program.sections.name if s == ".text.unused"] and elf_of(result)


@pytest.mark.parametrize("kind", [R.GOT_HI20, R.GOT32_PCREL])
def test_a_section_that_is_not_in_memory_has_got_entries_too(kind: R) -> None:
    file = made((PLACE, kind, START, 0), section=".notes", flags=0)
    result = link_all(file)
    column = result.addresses.tables.got_entry
    (symbol,) = np.flatnonzero(column >= 0).tolist()
    assert result.program.symbol_name(symbol) == "_start"
    assert at(result, result.addresses.got + int(column[symbol])) == result.symbols["_start"]


def test_a_formula_that_the_linker_cannot_compute_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that says what is not so: that the linker applies it."""
    monkeypatch.setattr(scan_relocations, "APPLIED", np.ones(257, dtype=bool))
    for row in RELOCATIONS.values():
        if row.formula in (Formula.LOAD_BASE, Formula.RESOLVER, Formula.TLS_DESCRIPTOR):
            assert Tool.LINKER not in row.by
            with pytest.raises(ValueError, match="the linker cannot compute"):
                link_all(made((PLACE, row.type, NEAR, 0)))


@pytest.mark.parametrize(("addend", "fits"), [(127, True), (128, False), (-1, False), (0, True)])
def test_a_difference_in_uleb128_keeps_its_length(addend: int, fits: bool) -> None:
    """One byte at PLACE + 8; addresses have more bits, and only their difference counts."""
    rows = [(PLACE + 8, int(R.SET_ULEB128), NEAR, addend), (PLACE + 8, int(R.SUB_ULEB128), NEAR, 0)]
    if fits:
        result = link_all(made(*rows))
        assert at(result, result.symbols["here"] + PLACE + 8, 1) == addend
    else:
        assert errors_of(made(*rows)) == (
            "a.o: in function `high':\na.o:(.text+0x10): dangerous relocation: final size of uleb128 value "
            f"{addend:#x} exceeds available space of 1 byte"
        )


def test_uleb128_without_an_end() -> None:
    file = made((PLACE, R.SET_ULEB128, NEAR, 0))
    data = TEXT[:PLACE] + b"\x80" * 24
    sections = [
        *file.sections[:2],
        Section(
            ".text", c.SHT_PROGBITS, file.sections[2].flags, 4, data=data, relocs=file.sections[2].relocs
        ),
    ]
    found = errors_of(ObjectFile("a.o", [*sections, *file.sections[3:]], file.symbols, file.e_flags))
    function, message = found.splitlines()
    assert function.startswith("a.o: in function `")
    place = r"a\.o:\(\.text\+0x8\): relocation R_RISCV_SET_ULEB128 at 0x[0-9a-f]+"
    assert re.fullmatch(f"{place}: no ULEB128 number ends there", message)


@pytest.mark.parametrize("relax", [False, True])
def test_thread_local_and_other_symbols_are_not_mixed(relax: bool) -> None:
    """GNU ld refuses such objects as well; each would be relocated to a wrong place."""
    takes = "_start: lui a0, %tprel_hi(v)\naddi a0, a0, %tprel_lo(v)\n.globl _start\n"
    gives = ".globl v\n.data\nv: .word 1\n"
    expected = "a.o:(.text+0x0): R_RISCV_TPREL_HI20 used with non-TLS symbol `v'"
    assert errors_of(obj(takes, relax=relax), gives) == expected
    takes = "_start: la a0, v\n.globl _start\n.data\n.dword v\n"
    gives = '.globl v\n.section .tdata,"awT",@progbits\nv: .word 1\n'
    assert errors_of(obj(takes, relax=relax), gives).splitlines() == [
        "a.o:(.text+0x0): R_RISCV_PCREL_HI20 used with TLS symbol `v'",
        "a.o:(.data+0x0): R_RISCV_64 used with TLS symbol `v'",
    ]


def test_a_thread_local_section_is_as_good_as_a_thread_local_symbol() -> None:
    text = (
        '_start: lui a0, %tprel_hi(t)\n.globl _start\n.section .tbss,"awT",@nobits\n.zero 4096\nt: .zero 4\n'
    )
    result = link_all(obj(text, relax=False))
    assert at(result, "_start", 4) == 0x1537
