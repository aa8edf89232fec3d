"""Merges equal strings and equal constants (SHF_MERGE; gABI, "Section Attribute Flags").

Sections of the same output section, flags, entry size and alignment are cut into pieces; each different piece gets
one place in a new section, and everything that pointed to a piece points there.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise

import numpy as np

from toyvm.base.record import Record, replace

from ..base.bits import align_up
from ..elf.constants import SHF_ALLOC, SHF_GROUP, SHF_MERGE, SHF_STRINGS, SHF_WRITE, STT_SECTION
from .inputs.columns import Column, ProgramColumns, SymbolColumns
from .output_names import output_name

_MAX_ENTSIZE = 64
_MAX_ALIGN = 4096  # pieces aligned more than this would waste more than they save


class _Pieces(Record, eq=False):
    """The offsets of the pieces of one section, and the offset of each in the merged section."""

    start: Column
    target: Column


def merge(program: ProgramColumns, output_of: Column | None = None) -> ProgramColumns:
    """Merge all live mergeable sections. A section that has relocations is not merged.

    A piece stays in the first section that has it, as in GNU ld: the sections keep their places, and lose the pieces that
    an earlier one has. With a script, `output_of` tells the number of each section's output section.
    """
    groups = _groups(program, output_of)
    if not groups:
        return program
    placed: dict[int, _Pieces] = {}
    starts: list[int] = []
    numbers: list[int] = []
    old_sizes = program.sections.size
    data_of, size = list(program.sections.data), old_sizes.copy()
    live = program.sections.live.copy()
    start = 0
    for (_, flags, entsize, align), sids in groups.items():
        data, pieces, bounds = _merge_group(program, sids, entsize, align, bool(flags & SHF_STRINGS))
        for sid, where, (first, end) in zip(sids, pieces, bounds, strict=True):
            placed[sid] = _Pieces(where.start, where.target + start)
            data_of[sid], size[sid] = data[first:end], end - first
            if end > first:
                starts.append(start + first)
                numbers.append(sid)
            else:
                live[sid] = False
        start += len(data) + 1
    program = replace(program, sections=replace(program.sections, data=data_of, size=size, live=live))
    return _Redirection(program, placed, old_sizes, starts, numbers).apply()


def _groups(program: ProgramColumns, output_of: Column | None) -> dict[tuple[str, int, int, int], list[int]]:
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
        if not data or (flags & SHF_STRINGS and data[-entsize:].strip(b"\0")):
            continue  # NOBITS, or the last string has no end: leave it alone
        name = output_name(sections.name[sid]) if flags & SHF_ALLOC else sections.name[sid]
        if output_of is not None:
            name = str(output_of[sid])
        groups.setdefault((name, flags, entsize, int(sections.align[sid])), []).append(sid)
    return groups


def _merge_group(
    program: ProgramColumns, sids: list[int], entsize: int, align: int, strings: bool
) -> tuple[bytes, list[_Pieces], list[tuple[int, int]]]:
    """(the merged bytes, where the pieces of each section are, the range of those that a section has first)."""
    cut = [
        _strings(data, entsize, align) if strings else _constants(data, entsize)
        for data in (program.sections.data[sid] for sid in sids)
    ]
    # Debugging strings are many and seldom tails of each other, except for the empty one.
    in_memory = bool(program.sections.flags[sids[0]] & SHF_ALLOC)
    different = dict.fromkeys(piece for pieces in cut for _, piece in pieces)
    hosts: dict[bytes, bytes] = {}
    if strings and entsize == align == 1:
        few = [*islice(different, 2)]
        hosts = _tails(different if in_memory else few if b"\0" in few else ())
    needed: dict[bytes, int] = {}  # alignment: that of a piece's place, as far as its section is aligned
    for pieces in cut if align > 1 else ():
        for start, piece in pieces:
            needed[piece] = max(needed.get(piece, 1), min(align, start & -start or align))
    out = bytearray()
    place: dict[bytes, int] = {}
    bounds = []
    for pieces in cut:
        first = len(out)
        for _, piece in pieces:
            if piece not in hosts and piece not in place:
                place[piece] = align_up(len(out), needed.get(piece, 1))
                out += b"\0" * (place[piece] - len(out)) + piece
        bounds.append((first, len(out)))
        out += b"\0" * (-len(out) % align)
    for piece, host in hosts.items():
        place[piece] = place[host] + len(host) - len(piece)
    result = []
    for pieces in cut:
        starts = np.fromiter((start for start, _ in pieces), dtype=np.int64, count=len(pieces))
        targets = np.fromiter((place[piece] for _, piece in pieces), dtype=np.int64, count=len(pieces))
        result.append(_Pieces(starts, targets))
    return bytes(out), result, bounds


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


_Cut = list[tuple[int, bytes]]  # pieces and their offsets


def _constants(data: bytes, entsize: int) -> _Cut:
    return [(i, data[i : i + entsize]) for i in range(0, len(data), entsize)]


def _strings(data: bytes, entsize: int, align: int) -> _Cut:
    """The strings in `data`, each with its terminator. Zeros that only align the next string are no strings."""
    pieces = []
    start, end = 0, b"\0" * entsize
    if entsize == 1:
        for piece in data.split(b"\0")[:-1]:
            if piece or not start % align or not start:
                pieces.append((start, piece + b"\0"))
            start += len(piece) + 1
        return pieces
    for at in range(0, len(data), entsize):
        if data[at : at + entsize] == end:
            if at != start or not start % align:
                pieces.append((start, data[start : at + entsize]))
            start = at + entsize
    return pieces


class _Redirection:
    """Turns (old section, offset) into (merged section, offset) over whole columns.

    The targets of `placed` are places on one axis, on which the merged section number `made[k]` begins at `starts[k]`.
    """

    def __init__(
        self,
        program: ProgramColumns,
        placed: dict[int, _Pieces],
        sizes: Column,
        starts: list[int],
        made: list[int],
    ) -> None:
        self.program, self.made = program, made
        self.last = np.maximum(sizes - 1, 0)  # the last byte of each section before it was merged
        self.starts = np.array(starts, dtype=np.int64)
        self.sids = np.array(made, dtype=np.int64)
        count = len(program.sections)
        order = sorted(placed)
        # All merged sections end to end: key = base of the section + offset in it.
        bases = np.concatenate(([0], np.cumsum([int(sizes[sid]) + 1 for sid in order])))
        self.base = np.full(count, -1, dtype=np.int64)
        self.base[order] = bases[:-1]
        self.keys = np.concatenate(
            [placed[sid].start + base for sid, base in zip(order, bases[:-1], strict=True)]
        )
        self.targets = np.concatenate([placed[sid].target for sid in order])

    def of(self, sid: Column, offset: Column) -> tuple[Column, Column]:
        """The merged section, and the offset in it, of `offset` in `sid`."""
        inside = np.clip(offset, 0, self.last[sid])
        at = np.searchsorted(self.keys, self.base[sid] + inside, side="right") - 1
        part = np.searchsorted(self.starts, self.targets[at], side="right") - 1
        result: Column = self.targets[at] - self.starts[part] + (offset - (self.keys[at] - self.base[sid]))
        return self.sids[part], result

    def apply(self) -> ProgramColumns:
        """The program with symbols and relocations pointing into the merged sections."""
        symbols, relocs = self.program.symbols, self.program.relocs
        first_new = len(symbols)
        at = np.maximum(symbols.sid, 0)
        mine = (symbols.sid >= 0) & (self.base[at] >= 0)
        # In section symbol + addend the addend selects the piece: the relocation gets the merged section's symbol.
        by_addend = np.flatnonzero(mine[relocs.sym] & (symbols.type[relocs.sym] == STT_SECTION))
        new_symbol = np.zeros(len(self.program.sections), dtype=np.int64)
        new_symbol[self.made] = first_new + np.arange(len(self.made))
        sym, addend = relocs.sym.copy(), relocs.addend.copy()
        old = symbols.sid[sym[by_addend]]
        there, addend[by_addend] = self.of(old, symbols.value[sym[by_addend]] + addend[by_addend])
        sym[by_addend] = new_symbol[there]
        rows = np.flatnonzero(mine)
        sid, value = symbols.sid.copy(), symbols.value.copy()
        sid[rows], value[rows] = self.of(symbols.sid[rows], symbols.value[rows])
        return replace(
            self.program,
            symbols=_with_section_symbols(replace(symbols, sid=sid, value=value), self.made),
            relocs=replace(relocs, sym=sym, addend=addend),
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
