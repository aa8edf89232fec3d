"""Deletes bytes from sections and adjusts everything that refers to them (psABI, "Linker Relaxation")."""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.elf.constants import STT_SECTION
from toyvm.relocations import R

from ..inputs.columns import Column, ProgramColumns, RelocColumns, SymbolColumns


class Deletions(Record, eq=False):
    """Byte ranges to delete: columns sorted by section and offset, not overlapping, within their sections."""

    sid: Column
    offset: Column
    count: Column

    @classmethod
    def of(cls, *ranges: tuple[Column, Column, Column]) -> Deletions:
        """The ranges of all `ranges` (section, offset, count), without empty ones, in order."""
        sid, offset, count = (np.concatenate([part[i] for part in ranges]) for i in range(3))
        order = np.lexsort((offset, sid))
        order = order[count[order] > 0]
        return cls(sid[order], offset[order], count[order])

    def before(self, sid: Column, position: Column) -> Column:
        """The number of deleted bytes before `position` of section `sid`."""
        if not len(self.sid):
            return np.zeros(len(sid), dtype=np.int64)
        span = int((self.offset + self.count).max()) + 2
        keys = self.sid * span + self.offset
        total = np.concatenate(([0], np.cumsum(self.count)))
        # Beyond the last range nothing more is deleted, so positions need not exceed `span`.
        clipped = np.minimum(np.maximum(position, 0), span - 1)
        base = sid * span
        upto = keys.searchsorted(base + clipped)
        first = keys.searchsorted(base)
        gone = total[upto] - total[first]
        last = np.maximum(upto - 1, 0)
        end = self.offset[last] + self.count[last]
        inside = (upto > first) & (clipped < end)
        gone[inside] -= (end - clipped)[inside]
        result: Column = gone
        return result

    def hit(self, sections: int) -> Column:
        """Which of the `sections` sections lose bytes."""
        result = np.zeros(sections, dtype=bool)
        result[self.sid] = True
        return result


def resize(program: ProgramColumns, gone: Deletions) -> ProgramColumns:
    """The sizes and the symbols of a program without the bytes `gone`, for a layout. Bytes and relocations stay."""
    if not len(gone.sid):
        return program
    size = program.sections.size.copy()
    np.subtract.at(size, gone.sid, gone.count)
    symbols = _move_symbols(program, gone, gone.hit(len(size)))
    return replace(program, sections=replace(program.sections, size=size), symbols=symbols)


def with_bytes(program: ProgramColumns, patched: dict[int, bytearray]) -> ProgramColumns:
    """A program with other bytes, of the same sizes, in the sections of `patched`."""
    if not patched:
        return program
    data = list(program.sections.data)
    for sid, body in patched.items():
        data[sid] = bytes(body)
    return replace(program, sections=replace(program.sections, data=data))


def delete(program: ProgramColumns, gone: Deletions) -> ProgramColumns:
    """A program without the bytes `gone`."""
    if not len(gone.sid):
        return program
    data = list(program.sections.data)
    affected, starts = np.unique(gone.sid, return_index=True)
    for sid, rows in zip(affected.tolist(), np.split(np.arange(len(gone.sid)), starts[1:]), strict=True):
        old, at, kept = data[sid], 0, []
        for offset, count in zip(gone.offset[rows].tolist(), gone.count[rows].tolist(), strict=True):
            kept.append(old[at:offset])
            at = offset + count
        data[sid] = b"".join([*kept, old[at:]])
    resized = resize(program, gone)
    relocs = move_relocs(program, gone, program.relocs)
    return replace(resized, sections=replace(resized.sections, data=data), relocs=relocs)


def _move_symbols(program: ProgramColumns, gone: Deletions, hit: Column) -> SymbolColumns:
    symbols = program.symbols
    rows = np.flatnonzero((symbols.sid >= 0) & hit[np.maximum(symbols.sid, 0)])
    value, size = symbols.value.copy(), symbols.size.copy()
    sid, old = symbols.sid[rows], symbols.value[rows]
    end = old + symbols.size[rows]
    # In one call, because most programs have so few symbols that the calls are what takes the time.
    before = gone.before(np.concatenate((sid, sid)), np.concatenate((old, end)))
    start, after = old - before[: len(rows)], end - before[len(rows) :]
    value[rows], size[rows] = start, after - start
    return replace(symbols, value=value, size=size)


def moved_addends(symbols: SymbolColumns, gone: Deletions, sym: Column, addend: Column) -> Column:
    """The addends of relocations against symbols `sym`. A place given as section symbol + addend moves."""
    result = addend.copy()
    target = symbols.sid[sym]
    inside = np.flatnonzero((target >= 0) & (symbols.type[sym] == STT_SECTION))
    result[inside] -= gone.before(target[inside], addend[inside])
    return result


def move_relocs(program: ProgramColumns, gone: Deletions, relocs: RelocColumns) -> RelocColumns:
    """`relocs` at the places where `gone` leaves them, without those of deleted bytes."""
    if not len(gone.sid):
        return relocs
    offset = relocs.offset.copy()
    rows = np.flatnonzero(gone.hit(len(program.sections))[relocs.sid])
    sid = relocs.sid[rows]
    offset[rows] -= gone.before(sid, offset[rows])
    addend = moved_addends(program.symbols, gone, relocs.sym, relocs.addend)
    # An offset inside a deleted range moves to the byte after the range.
    dropped = np.zeros(len(relocs), dtype=bool)
    here = relocs.offset[rows]
    dropped[rows] = gone.before(sid, here + 1) != gone.before(sid, here)
    dropped &= relocs.type != R.ALIGN
    return replace(relocs, offset=offset, addend=addend).where(~dropped)
