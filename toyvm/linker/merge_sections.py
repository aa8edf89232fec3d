"""Merges equal strings and equal constants (SHF_MERGE; gABI, "Section Attribute Flags").

Sections of the same output section, flags, entry size and alignment are cut into pieces; each different piece gets
one place in a new section, and everything that pointed to a piece points there.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from toyvm.base.record import Record, replace

from ..base.bits import align_up
from ..elf.constants import SHF_ALLOC, SHF_GROUP, SHF_MERGE, SHF_STRINGS, SHF_WRITE, STT_SECTION
from .inputs.columns import Column, NewSection, ProgramColumns, RelocColumns, SymbolColumns
from .output_names import output_name

_MAX_ENTSIZE = 64
_MAX_ALIGN = 4096  # pieces aligned more than this would waste more than they save


class _Pieces(Record, eq=False):
    """The offsets of the pieces of one section, and the offset of each in the merged section."""

    start: Column
    target: Column


def merge(program: ProgramColumns) -> ProgramColumns:
    """Merge all live mergeable sections. A section that has relocations is not merged."""
    groups = _groups(program)
    if not groups:
        return program
    made: list[NewSection] = []
    placed: dict[int, tuple[int, _Pieces]] = {}
    for (name, flags, entsize, align), sids in groups.items():
        data, pieces = _merge_group(program, sids, entsize, align, bool(flags & SHF_STRINGS))
        kind = int(program.sections.type[sids[0]])
        for sid, where in zip(sids, pieces, strict=True):
            placed[sid] = (len(made), where)
        made.append(NewSection(name, kind, flags, align, len(data), entsize, data))
    program, numbers = program.extend(made)
    live = program.sections.live.copy()
    live[list(placed)] = False
    program = replace(program, sections=replace(program.sections, live=live))
    return _Redirection(
        program, {sid: (numbers[at], where) for sid, (at, where) in placed.items()}, numbers
    ).apply()


def _groups(program: ProgramColumns) -> dict[tuple[str, int, int, int], list[int]]:
    sections = program.sections
    candidates = sections.live & ((sections.flags & SHF_MERGE) != 0) & ((sections.flags & SHF_WRITE) == 0)
    candidates &= (sections.entsize > 0) & (sections.entsize <= _MAX_ENTSIZE) & (sections.size > 0)
    candidates &= sections.size % np.maximum(sections.entsize, 1) == 0
    candidates &= sections.align <= _MAX_ALIGN
    candidates[program.relocs.sid] = False
    groups: dict[tuple[str, int, int, int], list[int]] = {}
    for sid in np.flatnonzero(candidates).tolist():
        flags = int(sections.flags[sid]) & ~SHF_GROUP
        entsize, data = int(sections.entsize[sid]), sections.data[sid]
        if flags & SHF_STRINGS and data[-entsize:].strip(b"\0"):
            continue  # the last string has no end: leave it alone
        name = output_name(sections.name[sid]) if flags & SHF_ALLOC else sections.name[sid]
        groups.setdefault((name, flags, entsize, int(sections.align[sid])), []).append(sid)
    return groups


def _merge_group(
    program: ProgramColumns, sids: list[int], entsize: int, align: int, strings: bool
) -> tuple[bytes, list[_Pieces]]:
    cut = [
        _strings(data, entsize) if strings else [data[i : i + entsize] for i in range(0, len(data), entsize)]
        for data in (program.sections.data[sid] for sid in sids)
    ]
    different = dict.fromkeys(piece for pieces in cut for piece in pieces)
    # Debugging strings are many and seldom tails of each other.
    in_memory = bool(program.sections.flags[sids[0]] & SHF_ALLOC)
    hosts = _tails(different) if strings and entsize == align == 1 and in_memory else {}
    out = bytearray()
    place: dict[bytes, int] = {}
    for piece in different:
        if piece not in hosts:
            place[piece] = align_up(len(out), align)
            out += b"\0" * (place[piece] - len(out)) + piece
    for piece, host in hosts.items():
        place[piece] = place[host] + len(host) - len(piece)
    result = []
    for pieces in cut:
        sizes = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        targets = np.fromiter((place[piece] for piece in pieces), dtype=np.int64, count=len(pieces))
        result.append(_Pieces(np.cumsum(sizes) - sizes, targets))
    return bytes(out), result


def _tails(pieces: Iterable[bytes]) -> dict[bytes, bytes]:
    """String -> the longest string that ends with it, for those that are the tail of another."""
    # Sorted by their reversed bytes, a tail comes right before the strings that it ends.
    order = sorted(pieces, key=lambda piece: piece[::-1], reverse=True)
    hosts: dict[bytes, bytes] = {}
    for longer, piece in pairwise(order):
        host = hosts.get(longer, longer)
        if host.endswith(piece):
            hosts[piece] = host
    return hosts


def _strings(data: bytes, entsize: int) -> list[bytes]:
    """The strings in `data`, each with its terminator."""
    if entsize == 1:
        return [piece + b"\0" for piece in data.split(b"\0")[:-1]]
    pieces, start, end = [], 0, b"\0" * entsize
    for at in range(0, len(data), entsize):
        if data[at : at + entsize] == end:
            pieces.append(data[start : at + entsize])
            start = at + entsize
    return pieces


class _Redirection:
    """Turns (old section, offset) into (merged section, offset) over whole columns."""

    def __init__(self, program: ProgramColumns, placed: dict[int, tuple[int, _Pieces]], made: list[int]):
        self.program, self.made = program, made
        count = len(program.sections)
        sizes = program.sections.size
        order = sorted(placed)
        # All merged sections end to end: key = base of the section + offset in it.
        bases = np.concatenate(([0], np.cumsum([int(sizes[sid]) + 1 for sid in order])))
        self.base = np.full(count, -1, dtype=np.int64)
        self.base[order] = bases[:-1]
        self.merged = np.full(count, -1, dtype=np.int64)
        self.merged[order] = [placed[sid][0] for sid in order]
        self.keys = np.concatenate(
            [placed[sid][1].start + base for sid, base in zip(order, bases[:-1], strict=True)]
        )
        self.targets = np.concatenate([placed[sid][1].target for sid in order])

    def of(self, sid: Column, offset: Column) -> Column:
        """The offset in the merged section of `offset` in `sid`."""
        limit = self.program.sections.size[sid]
        inside = np.clip(offset, 0, np.maximum(limit - 1, 0))
        at = np.searchsorted(self.keys, self.base[sid] + inside, side="right") - 1
        result: Column = self.targets[at] + (offset - (self.keys[at] - self.base[sid]))
        return result

    def apply(self) -> ProgramColumns:
        """The program with symbols and relocations pointing into the merged sections."""
        symbols, relocs = self.program.symbols, self.program.relocs
        first_new = len(symbols)
        at = np.maximum(symbols.sid, 0)
        mine = (symbols.sid >= 0) & (self.merged[at] >= 0)
        # In section symbol + addend the addend selects the piece: the relocation gets the merged section's symbol.
        by_addend = np.flatnonzero(mine[relocs.sym] & (symbols.type[relocs.sym] == STT_SECTION))
        new_symbol = np.zeros(len(self.program.sections), dtype=np.int64)
        new_symbol[self.made] = first_new + np.arange(len(self.made))
        sym, addend = relocs.sym.copy(), relocs.addend.copy()
        old = symbols.sid[sym[by_addend]]
        addend[by_addend] = self.of(old, symbols.value[sym[by_addend]] + addend[by_addend])
        sym[by_addend] = new_symbol[self.merged[old]]
        rows = np.flatnonzero(mine)
        sid, value = symbols.sid.copy(), symbols.value.copy()
        value[rows] = self.of(symbols.sid[rows], symbols.value[rows])
        sid[rows] = self.merged[symbols.sid[rows]]
        return replace(
            self.program,
            symbols=_with_section_symbols(replace(symbols, sid=sid, value=value), self.made),
            relocs=RelocColumns(relocs.sid, relocs.offset, relocs.type, sym, addend),
        )


def _with_section_symbols(symbols: SymbolColumns, sids: list[int]) -> SymbolColumns:
    count = len(sids)

    def grown(column: Column, values: object) -> Column:
        return np.concatenate((column, np.broadcast_to(np.asarray(values, dtype=column.dtype), count)))

    return SymbolColumns(
        sid=grown(symbols.sid, sids), value=grown(symbols.value, 0), size=grown(symbols.size, 0),
        type=grown(symbols.type, STT_SECTION), weak=grown(symbols.weak, False),
        visibility=grown(symbols.visibility, 2), file=grown(symbols.file, -1), globals=symbols.globals,
    )  # fmt: skip
