"""Code that may become shorter when addresses are near: psABI, "Linker Relaxation".

The assembler marks such code with R_RISCV_RELAX. A candidate is a unit: a call, or all instructions that form one address, which
change together or not at all. Each unit has a form: `LONG` as it was assembled, or a shorter one.

    call      auipc + jalr                     jal, c.j, or jalr from x0
    address   lui + each %lo                   each %lo from gp or from x0
    high part lui of an address                c.lui
    distance  auipc + each %pcrel_lo           each %lo from gp or from x0; not in position-independent output
    thread    lui + add + each %tprel_lo       each %tprel_lo from tp
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record
from toyvm.elf.constants import EF_RISCV_RVC, SHF_ALLOC, SHF_EXECINSTR, STT_GNU_IFUNC
from toyvm.relocations import R

from ..inputs.columns import Column, ProgramColumns
from ..link_options import LinkOptions

LONG = 0
JAL, FROM_ZERO_CALL, C_J = 1, 2, 3  # of a call
C_LUI = 1  # of a high part
FROM_GP, FROM_ZERO = 1, 2  # of an address or a distance

_CALLS = (R.CALL, R.CALL_PLT)
_ABSOLUTE_LOW = (R.LO12_I, R.LO12_S)
_DISTANCE_LOW = (R.PCREL_LO12_I, R.PCREL_LO12_S)
_THREAD_LOW = (R.TPREL_LO12_I, R.TPREL_LO12_S)
_TYPES = (
    *_CALLS, R.HI20, *_ABSOLUTE_LOW, R.PCREL_HI20, *_DISTANCE_LOW, R.TPREL_HI20, R.TPREL_ADD, *_THREAD_LOW,
)  # fmt: skip
_REG_MASK, _SP = 31, 2


class Units(Record, eq=False):
    """Units of one kind. `row` and `unit` are parallel: relocation `row` belongs to unit number `unit`."""

    count: int
    row: Column
    unit: Column

    def all(self, fits: Column) -> Column:
        """By unit, whether `fits` is true of all its rows."""
        result: Column = np.bincount(self.unit, weights=~fits, minlength=self.count) == 0
        return result

    def spread(self, form: Column) -> Column:
        """By row, the form of its unit."""
        result: Column = form[self.unit]
        return result


class Candidates(Record, eq=False):
    """All units of a program. The rows index `program.relocs`."""

    calls: Units
    call_register: Column  # rd of each call
    call_compressed: Column  # whether its object has compressed instructions
    highs: Units  # one row each
    high_register: Column
    addresses: Units  # high and low parts
    distances: Units  # low parts, each with ...
    distance_high: Column  # ... the row of its high part
    threads: Units  # high parts, adds and low parts

    @property
    def kinds(self) -> tuple[Units, ...]:
        """The kinds, in the order in which forms are passed on."""
        return self.calls, self.highs, self.addresses, self.distances, self.threads

    def __len__(self) -> int:
        return sum(units.count for units in self.kinds)


def find_candidates(program: ProgramColumns, options: LinkOptions) -> Candidates:
    """The units of `program`: those whose every instruction is marked and lies in loaded code."""
    return _Finder(program, options).find()


class _Finder:
    def __init__(self, program: ProgramColumns, options: LinkOptions):
        self.program, self.options = program, options
        relocs, sections = program.relocs, program.sections
        self.kind = relocs.type
        code = sections.live & ((sections.flags & SHF_ALLOC) != 0) & ((sections.flags & SHF_EXECINSTR) != 0)
        usable = code[relocs.sid] & (relocs.offset >= 0)
        usable &= relocs.offset + self._length() <= sections.size[relocs.sid]
        self.marked = np.zeros(len(relocs), dtype=bool)
        if len(relocs) > 1:  # the mark is the next relocation, at the same place
            same = (relocs.sid[1:] == relocs.sid[:-1]) & (relocs.offset[1:] == relocs.offset[:-1])
            self.marked[:-1] = same & (self.kind[1:] == R.RELAX)
        # As in GNU ld, what goes through the PLT entry of an IFUNC stays as it is.
        self.marked &= usable & (program.symbols.type[relocs.sym] != STT_GNU_IFUNC)
        self._unmark_overlaps()
        flags = np.array([f.object.e_flags for f in program.resolution.files] + [0], dtype=np.int64)
        self.compressed = (flags[sections.file[relocs.sid]] & EF_RISCV_RVC) != 0
        self.compressed &= ~self._whole_words()[relocs.sid]

    def _length(self) -> Column:
        """The bytes of code that each relocation is about."""
        return np.where(np.isin(self.kind, _CALLS), 8, 4)

    def _unmark_overlaps(self) -> None:
        """Leave alone what overlaps: two relocations of one instruction, or of the nops of an alignment."""
        relocs = self.program.relocs
        rows = np.flatnonzero((self.marked & np.isin(self.kind, _TYPES)) | (self.kind == R.ALIGN))
        rows = rows[np.lexsort((relocs.offset[rows], relocs.sid[rows]))]
        sid, start = relocs.sid[rows], relocs.offset[rows]
        end = start + np.where(self.kind[rows] == R.ALIGN, relocs.addend[rows], self._length()[rows])
        over = np.flatnonzero((sid[1:] == sid[:-1]) & (start[1:] < end[:-1]))
        self.marked[rows[over]] = self.marked[rows[over + 1]] = False

    def _whole_words(self) -> Column:
        """Which sections have an alignment that counts on instructions of 4 bytes (`.option norvc`).

        It has room for 4 bytes less than its boundary, not for 2 less.
        """
        relocs = self.program.relocs
        rows = np.flatnonzero((self.kind == R.ALIGN) & (relocs.addend > 0))
        result = np.zeros(len(self.program.sections), dtype=bool)
        room = relocs.addend[rows]
        result[relocs.sid[rows[(room & (room + 2)) != 0]]] = True
        return result

    def find(self) -> Candidates:
        calls = np.flatnonzero(self.marked & np.isin(self.kind, _CALLS))
        highs = np.flatnonzero(self.marked & (self.kind == R.HI20) & self.compressed)
        register = self._register(highs)
        usable = (register != 0) & (register != _SP)  # c.lui of x0 is a hint, of sp is c.addi16sp
        highs, register = highs[usable], register[usable]
        distances, high = self._distances()
        return Candidates(
            calls=_single(calls),
            call_register=self._register(calls, 4),
            call_compressed=self.compressed[calls],
            highs=_single(highs),
            high_register=register,
            addresses=self._by_symbol((R.HI20, *_ABSOLUTE_LOW), _ABSOLUTE_LOW),
            distances=distances,
            distance_high=high,
            threads=self._by_symbol(
                (R.TPREL_HI20, R.TPREL_ADD, *_THREAD_LOW), (R.TPREL_HI20, R.TPREL_ADD, *_THREAD_LOW)
            ),
        )

    def _register(self, rows: Column, ahead: int = 0) -> Column:
        """rd of the instruction `ahead` bytes after each row's place."""
        relocs, data = self.program.relocs, self.program.sections.data
        places = zip(relocs.sid[rows].tolist(), (relocs.offset[rows] + ahead).tolist(), strict=True)
        words = [int.from_bytes(data[sid][at : at + 2], "little") for sid, at in places]
        return np.array(words, dtype=np.int64) >> 7 & _REG_MASK

    def _by_symbol(self, types: tuple[R, ...], must_be_marked: tuple[R, ...]) -> Units:
        """Units of all rows of one object that name one symbol: a high part may serve any of the low parts.

        The low parts of `x` and `x + 8` may share a high part, and may be in another section than it.
        """
        relocs = self.program.relocs
        rows = np.flatnonzero(np.isin(self.kind, types) & self.program.sections.live[relocs.sid])
        key = self.program.sections.file[relocs.sid[rows]] * len(self.program.symbols) + relocs.sym[rows]
        _, unit = np.unique(key, return_inverse=True)
        bad = np.isin(self.kind[rows], must_be_marked) & ~self.marked[rows]
        return _without(rows, unit, bad, self.marked[rows])[0]

    def _distances(self) -> tuple[Units, Column]:
        """(units of the low parts that name one marked auipc, the row of that auipc for each)."""
        relocs, symbols = self.program.relocs, self.program.symbols
        highs = np.flatnonzero((self.kind == R.PCREL_HI20) & self.marked)
        if self.options.pic:
            highs = highs[:0]
        lows = np.flatnonzero(np.isin(self.kind, _DISTANCE_LOW))
        span = int(relocs.offset.max(initial=0)) + 1
        keys = relocs.sid[highs] * span + relocs.offset[highs]
        order = np.argsort(keys, kind="stable")
        keys, highs = keys[order], highs[order]
        label = relocs.sym[lows]
        sid, value = symbols.sid[label], symbols.value[label]
        wanted = np.where((sid >= 0) & (value >= 0) & (value < span), sid * span + value, -1)
        unit = np.searchsorted(keys, wanted)
        found = unit < len(keys)
        found[found] = keys[unit[found]] == wanted[found]
        lows, unit = lows[found], unit[found]
        units, kept = _without(lows, unit, ~self.marked[lows], np.ones(len(lows), dtype=bool))
        return units, highs[unit[kept]]


def _single(rows: Column) -> Units:
    return Units(len(rows), rows, np.arange(len(rows)))


def _without(rows: Column, unit: Column, bad: Column, used: Column) -> tuple[Units, Column]:
    """(units without those that have a `bad` row, with their `used` rows only; which of `rows` are left)."""
    spoilt = np.bincount(unit, weights=bad, minlength=int(unit.max(initial=-1)) + 1) > 0
    kept = np.flatnonzero(used & ~spoilt[unit])
    _, renumbered = np.unique(unit[kept], return_inverse=True)
    return Units(int(renumbered.max(initial=-1)) + 1, rows[kept], renumbered), kept


def fits_12_bits(value: Column) -> Column:
    """Whether each value fits the immediate of an I-type or S-type instruction."""
    result: Column = (value >= -0x800) & (value <= 0x7FF)
    return result


def call_forms(found: Candidates, distance: Column, target: Column, pic: bool) -> Column:
    """The shortest form of each call, at `distance` from its place to `target`."""
    form = np.where((distance >= -0x100000) & (distance < 0x100000) & (distance % 2 == 0), JAL, LONG)
    if not pic:
        form = np.where(fits_12_bits(target), FROM_ZERO_CALL, form)
    short = (found.call_register == 0) & found.call_compressed & (distance >= -0x800) & (distance < 0x800)
    return np.where(short & (form == JAL), C_J, form)


def high_forms(value: Column) -> Column:
    """The shortest form of each lui of `value`."""
    high = value + 0x800 >> 12
    return np.where((high >= -32) & (high < 32) & (high != 0), C_LUI, LONG)


def base_forms(units: Units, value: Column, gp: int | None) -> Column:
    """The register that reaches each unit's addresses: x0, or gp where `gp` is its value."""
    form = np.zeros(units.count, dtype=np.int64)
    if gp is not None:
        form[units.all(fits_12_bits(value - gp))] = FROM_GP
    form[units.all(fits_12_bits(value))] = FROM_ZERO
    return form
