"""Deletes bytes from sections and adjusts everything that refers to them. R_RISCV_ALIGN is applied this way.

Under linker relaxation the assembler cannot know how far a label will be, so for `.align` it emits as many nops as
could ever be needed, marked by R_RISCV_ALIGN, and the linker deletes the surplus (psABI, "Linker Relaxation").
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.elf.constants import STT_SECTION
from toyvm.relocations import R

from ..inputs.columns import Column, ProgramColumns, RelocColumns, SymbolColumns
from ..link_errors import Diagnostics

_NOP = (0x00000013).to_bytes(4, "little")
_C_NOP = (0x0001).to_bytes(2, "little")


class Deletions(Record, eq=False):
    """Byte ranges to delete: columns sorted by section and offset, not overlapping, within their sections."""

    sid: Column
    offset: Column
    count: Column

    def before(self, sid: Column, position: Column) -> Column:
        """The number of deleted bytes before `position` of section `sid`."""
        span = int((self.offset + self.count).max()) + 2
        keys = self.sid * span + self.offset
        total = np.concatenate(([0], np.cumsum(self.count)))
        # Beyond the last range nothing more is deleted, so positions need not exceed `span`.
        clipped = np.clip(position, 0, span - 1)
        upto = np.searchsorted(keys, sid * span + clipped, side="left")
        first = np.searchsorted(keys, sid * span, side="left")
        gone = total[upto] - total[first]
        last = np.maximum(upto - 1, 0)
        inside = (upto > first) & (clipped < self.offset[last] + self.count[last])
        result: Column = np.where(inside, gone - (self.offset[last] + self.count[last] - clipped), gone)
        return result


def delete(
    program: ProgramColumns, gone: Deletions, patches: dict[int, bytearray] | None = None
) -> ProgramColumns:
    """A program without the bytes `gone`; `patches` are sections' bytes to start from where they differ."""
    if not len(gone.sid) and not patches:
        return program
    data, size = list(program.sections.data), program.sections.size.copy()
    for sid, patched in (patches or {}).items():
        data[sid] = bytes(patched)
    if not len(gone.sid):
        return replace(program, sections=replace(program.sections, data=data))
    affected, starts = np.unique(gone.sid, return_index=True)
    for sid, rows in zip(affected.tolist(), np.split(np.arange(len(gone.sid)), starts[1:]), strict=True):
        old, at, kept = data[sid], 0, []
        for offset, count in zip(gone.offset[rows].tolist(), gone.count[rows].tolist(), strict=True):
            kept.append(old[at:offset])
            at = offset + count
        data[sid] = b"".join([*kept, old[at:]])
        size[sid] = len(data[sid])
    hit = np.zeros(len(program.sections), dtype=bool)
    hit[affected] = True
    return replace(
        program,
        sections=replace(program.sections, data=data, size=size),
        symbols=_move_symbols(program, gone, hit),
        relocs=_move_relocs(program, gone, hit),
    )


def _move_symbols(program: ProgramColumns, gone: Deletions, hit: Column) -> SymbolColumns:
    symbols = program.symbols
    rows = np.flatnonzero((symbols.sid >= 0) & hit[np.maximum(symbols.sid, 0)])
    value, size = symbols.value.copy(), symbols.size.copy()
    sid, old = symbols.sid[rows], symbols.value[rows]
    value[rows] = old - gone.before(sid, old)
    end = old + symbols.size[rows]
    size[rows] = end - gone.before(sid, end) - value[rows]
    return replace(symbols, value=value, size=size)


def _move_relocs(program: ProgramColumns, gone: Deletions, hit: Column) -> RelocColumns:
    relocs = program.relocs
    offset, addend = relocs.offset.copy(), relocs.addend.copy()
    rows = np.flatnonzero(hit[relocs.sid])
    sid = relocs.sid[rows]
    offset[rows] -= gone.before(sid, offset[rows])
    # An offset inside a section that is given as section symbol + addend moves too.
    target = program.symbols.sid[relocs.sym]
    inside = (target >= 0) & hit[np.maximum(target, 0)] & (program.symbols.type[relocs.sym] == STT_SECTION)
    rows_in = np.flatnonzero(inside)
    addend[rows_in] -= gone.before(target[rows_in], addend[rows_in])
    # An offset inside a deleted range moves to the byte after the range.
    dropped = np.zeros(len(relocs), dtype=bool)
    here = relocs.offset[rows]
    dropped[rows] = gone.before(sid, here + 1) != gone.before(sid, here)
    dropped &= relocs.type != R.ALIGN
    return RelocColumns(relocs.sid, offset, relocs.type, relocs.sym, addend).where(~dropped)


def align_code(program: ProgramColumns, errors: Diagnostics) -> ProgramColumns:
    """Apply every R_RISCV_ALIGN: keep as many nops as the alignment needs, and delete the others.

    A section is aligned at least as strictly as any place in it, so that offsets decide and addresses need not be known.
    """
    relocs = program.relocs
    rows = np.flatnonzero((relocs.type == R.ALIGN) & program.sections.live[relocs.sid])
    if not len(rows):
        return program
    align = program.sections.align.copy()
    patches: dict[int, bytearray] = {}
    gone: list[tuple[int, int, int]] = []
    current, removed = -1, 0
    order = rows[np.lexsort((relocs.offset[rows], relocs.sid[rows]))]
    for row in order.tolist():
        sid, offset, room = int(relocs.sid[row]), int(relocs.offset[row]), int(relocs.addend[row])
        if sid != current:
            current, removed = sid, 0
        size = int(program.sections.size[sid])
        if not 0 <= room <= size - offset:
            errors.error(
                f"{program.section_label(sid)}+{offset:#x}): R_RISCV_ALIGN of {room} bytes ends outside it"
            )
            continue
        alignment = 1 << room.bit_length()  # the smallest power of two above the room
        needed = -(offset - removed) % alignment
        if needed > room or needed % 2:
            errors.error(
                f"{program.section_label(sid)}+{offset:#x}): {needed} bytes required for alignment "
                f"to {alignment}-byte boundary, but only {room} present"
            )
            continue
        align[sid] = max(int(align[sid]), alignment)
        if needed != room:
            gone.append((sid, offset + needed, room - needed))
            removed += room - needed
            body = patches.setdefault(sid, bytearray(program.sections.data[sid]))
            body[offset : offset + needed] = _NOP * (needed // 4) + _C_NOP * (needed % 4 // 2)
    columns = np.array(gone, dtype=np.int64).reshape(-1, 3).T
    program = replace(program, sections=replace(program.sections, align=align))
    return delete(program, Deletions(*columns), patches)
