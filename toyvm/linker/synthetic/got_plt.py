"""GOT and PLT: their entries, the offset of each, and their bytes.

`.got` begins with the address of the dynamic section, `.got.plt` with two words that the loader fills (its resolver
and the link map). Code of the PLT: psABI, "Program Linkage Table".
"""

from __future__ import annotations

import struct

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.elf.constants import SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS
from toyvm.relocation_fields import scatter
from toyvm.relocations import RELOCATIONS, R

from ..inputs.columns import Column, NewSection, ProgramColumns
from ..inputs.shared_library import SharedSymbol
from ..link_options import LinkOptions
from ..relax.deletions import Deletions
from ..scan_relocations import Needs
from .file_class import file_class

PLT_HEADER = 32
PLT_ENTRY = 16
RESERVED = 2  # words at the beginning of .got.plt

_RW = SHF_ALLOC | SHF_WRITE
_RX = SHF_ALLOC | SHF_EXECINSTR

# Words of the PLT with their immediate fields zero.
_HEADER = (
    0x00000397,  # auipc t2, %pcrel_hi(.got.plt)
    0x41C30333,  # sub   t1, t1, t3
    0x0003BE03,  # ld    t3, %pcrel_lo(.got.plt)(t2)
    0xFD430313,  # addi  t1, t1, -(32 + 12)
    0x00038293,  # addi  t0, t2, %pcrel_lo(.got.plt)
    0x00135313,  # srli  t1, t1, 1
    0x0082B283,  # ld    t0, 8(t0): the second word
    0x000E0067,  # jr    t3
)
_ENTRY = (
    0x00000E17,  # auipc t3, %pcrel_hi(entry in .got.plt)
    0x000E3E03,  # ld    t3, %pcrel_lo(entry in .got.plt)(t3)
    0x000E0367,  # jalr  t1, t3
    0x00000013,  # nop
)


# What differs in the code of a 32-bit machine, which loads words of 4 bytes: header, and entry.
_HEADER32 = {2: 0x0003AE03, 5: 0x00235313, 6: 0x0042A283}  # lw t3, 0(t2); srli t1, t1, 2; lw t0, 4(t0)
_ENTRY32 = {1: 0x000E2E03}  # lw t3, 0(t3)


class GotPltTables(Record, eq=False):
    """Section numbers (-1: there is none), and by symbol number the offset of its entry (-1: it has none).

    `word` is the size of an entry.
    """

    word: int
    got: int
    got_plt: int
    plt: int
    iplt: int
    got_entry: Column
    slot_entry: Column  # the GOT entry that is a word of .got.plt: its offset there
    ie_entry: Column
    gd_entry: Column
    desc_entry: Column
    plt_entry: Column  # in .plt
    ifunc_target: dict[int, tuple[int, int]]  # symbol -> (sid, value) of its resolver function
    ifunc_slot: dict[int, tuple[int, int]]  # symbol -> (sid, offset) of the word that its PLT entry loads

    def moved(self, gone: Deletions) -> GotPltTables:
        """The tables of a program without the bytes `gone`: resolver functions are at other places."""
        sid, value = (np.array([at[i] for at in self.ifunc_target.values()], dtype=np.int64) for i in (0, 1))
        value -= gone.before(sid, value)
        targets = zip(sid.tolist(), value.tolist(), strict=True)
        return replace(self, ifunc_target=dict(zip(self.ifunc_target, targets, strict=True)))


def make_tables(
    program: ProgramColumns, needs: Needs, options: LinkOptions
) -> tuple[ProgramColumns, GotPltTables]:
    """Add .got, .got.plt, .plt, .iplt and the copies, and move the symbols that are now defined there.

    Functions that a resolver of this file chooses have the last entries of the PLT. A program without a loader has no
    PLT, but such entries (.iplt), and their words are in .got.
    """
    count = len(program.symbols)
    none = np.full(count, -1, dtype=np.int64)
    entry = {name: none.copy() for name in ("got", "ie", "gd", "desc", "plt")}
    word = file_class(options.xlen).word
    at = word
    for name, numbers, words in (
        ("got", needs.got, 1),
        ("ie", needs.tls_ie, 1),
        ("gd", needs.tls_gd, 2),
        ("desc", needs.tls_desc, 2),
    ):
        entry[name][numbers] = at + np.arange(len(numbers)) * word * words
        at += len(numbers) * word * words
    has_loader = options.pic or not options.static
    imported, chosen = len(needs.plt), len(needs.iplt)
    in_plt = imported + chosen if has_loader else 0
    slots, at = np.arange(chosen) * word + at, at + (0 if has_loader else chosen * word)
    table = program.resolution.table.get("_GLOBAL_OFFSET_TABLE_")
    got_size = at if at > word or (table is not None and table.object_reference) else 0
    entry["plt"][needs.plt] = PLT_HEADER + np.arange(len(needs.plt)) * PLT_ENTRY
    plt_size = PLT_HEADER + in_plt * PLT_ENTRY if in_plt else 0
    got_plt_size = RESERVED * word + in_plt * word if in_plt else 0
    # With -z now nothing is written to .got.plt after start-up: it can be protected with .got.
    got_plt_name = ".got" if options.now and options.relro else ".got.plt"
    made = [
        NewSection(".got", SHT_PROGBITS, _RW, word, got_size, word),
        NewSection(got_plt_name, SHT_PROGBITS, _RW, word, got_plt_size, word),
        NewSection(".plt", SHT_PROGBITS, _RX, 16, plt_size, 16),
        NewSection(".iplt", SHT_PROGBITS, _RX, 16, 0 if has_loader else chosen * PLT_ENTRY, 16),
    ]
    program, (got, got_plt, plt, iplt) = program.extend(made)
    symbols = program.symbols
    targets = {n: (int(symbols.sid[n]), int(symbols.value[n])) for n in needs.ifunc.tolist()}
    sid, value = symbols.sid.copy(), symbols.value.copy()
    entries = np.arange(chosen) * PLT_ENTRY
    if has_loader:
        slots = RESERVED * word + (imported + np.arange(chosen)) * word
        entries += PLT_HEADER + imported * PLT_ENTRY
    sid[needs.iplt], value[needs.iplt] = plt if has_loader else iplt, entries
    slot_sid = got_plt if has_loader else got
    slot_of = {n: (slot_sid, offset) for n, offset in zip(needs.iplt.tolist(), slots.tolist(), strict=True)}
    shared_entry = none.copy()
    for number in needs.through_slot.tolist():
        (shared_entry if has_loader else entry["got"])[number] = slot_of[number][1]
    sid[needs.canonical], value[needs.canonical] = plt, entry["plt"][needs.canonical]
    program = replace(program, symbols=replace(symbols, sid=sid, value=value))
    program = _place_copies(program, needs)
    return program, GotPltTables(
        word,
        got,
        got_plt,
        plt,
        iplt,
        got_entry=entry["got"],
        slot_entry=shared_entry,
        ie_entry=entry["ie"],
        gd_entry=entry["gd"],
        desc_entry=entry["desc"],
        plt_entry=entry["plt"],
        ifunc_target=targets,
        ifunc_slot=slot_of,
    )


def _copy(shared: SharedSymbol) -> NewSection:
    """Room for a copy: where it becomes read-only after relocation, if the library does not write to it, or in .bss."""
    if not shared.writable:
        return NewSection(
            ".data.rel.ro", SHT_PROGBITS, _RW, shared.align, shared.size, data=bytes(shared.size)
        )
    return NewSection(".dynbss", SHT_NOBITS, _RW, shared.align, shared.size)


def _place_copies(program: ProgramColumns, needs: Needs) -> ProgramColumns:
    """Room for each copied datum; all of a library's names for it move together."""
    libraries, table = program.resolution.libraries, program.resolution.table
    sid, value = program.symbols.sid.copy(), program.symbols.value.copy()
    placed: set[int] = set()
    made: list[tuple[NewSection, list[int]]] = []
    for number in needs.copy.tolist():
        symbol = program.resolution.symbols[number]
        shared = symbol.shared
        if number in placed or shared is None:
            continue
        names = libraries[symbol.file].aliases.get((shared.section, shared.value), (symbol.name,))
        group = [table[n].id for n in names if n in table and table[n].shared is not None]
        placed.update(group)
        made.append((_copy(shared), group))
    if not made:
        return program
    program, sids = program.extend([section for section, _ in made])
    for at, (_, group) in zip(sids, made, strict=True):
        sid[group], value[group] = at, 0
    return replace(program, symbols=replace(program.symbols, sid=sid, value=value))


def _pcrel(word: int, kind: R, distance: int) -> int:
    return word | scatter(RELOCATIONS[kind].field, distance)


def plt_bytes(plt: int, got_plt: int, count: int, word: int = 8) -> bytes:
    """The PLT at address `plt` for `count` entries, whose words, of `word` bytes, lie in the .got.plt at `got_plt`."""
    distance = got_plt - plt
    words = list(_HEADER)
    for at, code in _HEADER32.items() if word == 4 else ():
        words[at] = code
    words[0] = _pcrel(words[0], R.PCREL_HI20, distance)
    words[2] = _pcrel(words[2], R.PCREL_LO12_I, distance)
    words[4] = _pcrel(words[4], R.PCREL_LO12_I, distance)
    out = struct.pack("<8I", *words)
    for i in range(count):
        out += entry_bytes(plt + PLT_HEADER + i * PLT_ENTRY, got_plt + (RESERVED + i) * word, word)
    return out


def entry_bytes(place: int, slot: int, word: int = 8) -> bytes:
    """A PLT entry at address `place` that jumps to where the word at `slot`, of `word` bytes, points."""
    words = list(_ENTRY)
    for at, code in _ENTRY32.items() if word == 4 else ():
        words[at] = code
    words[0] = _pcrel(words[0], R.PCREL_HI20, slot - place)
    words[1] = _pcrel(words[1], R.PCREL_LO12_I, slot - place)
    return struct.pack("<4I", *words)
