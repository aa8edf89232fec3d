"""Applies R_RISCV_ALIGN: of the nops at an alignment, keeps those that it needs.

Under linker relaxation the assembler cannot know how far a label will be, so for `.align` it emits as many nops as
could ever be needed, marked by R_RISCV_ALIGN, and the linker deletes the surplus (psABI, "Linker Relaxation").
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.relocations import R

from ..inputs.columns import Column, ProgramColumns
from ..link_errors import Diagnostics
from .deletions import Deletions, delete, with_bytes

_NOP = (0x00000013).to_bytes(4, "little")
_C_NOP = (0x0001).to_bytes(2, "little")


class Alignment(Record, eq=False):
    """One place for each R_RISCV_ALIGN of a live section, in order: `needed` of its `room` bytes stay, as nops."""

    sid: Column
    offset: Column
    room: Column
    needed: Column

    @property
    def surplus(self) -> tuple[Column, Column, Column]:
        """The ranges to delete: section, offset, count."""
        return self.sid, self.offset + self.needed, self.room - self.needed


def alignment(program: ProgramColumns, gone: Deletions, errors: Diagnostics) -> Alignment:
    """What each R_RISCV_ALIGN needs when the bytes `gone` are deleted.

    A section is aligned at least as strictly as any place in it (`align_sections`), so that offsets decide and addresses
    need not be known.
    """
    relocs = program.relocs
    rows = np.flatnonzero((relocs.type == R.ALIGN) & program.sections.live[relocs.sid])
    rows = rows[np.lexsort((relocs.offset[rows], relocs.sid[rows]))]
    sids, offsets, rooms = relocs.sid[rows], relocs.offset[rows], relocs.addend[rows]
    moved = offsets - gone.before(sids, offsets)
    kept: list[int] = []
    needs: list[int] = []
    current, removed, end = -1, 0, 0
    columns = (column.tolist() for column in (sids, offsets, rooms, moved, program.sections.size[sids]))
    for index, (sid, offset, room, place, size) in enumerate(zip(*columns, strict=True)):
        if sid != current:
            current, removed, end = sid, 0, 0
        if not 0 <= room <= size - offset or offset < end:
            fault = "ends outside it" if offset >= end else "overlaps the one before"
            errors.error(f"{program.section_label(sid)}+{offset:#x}): R_RISCV_ALIGN of {room} bytes {fault}")
            continue
        end = offset + room
        boundary = 1 << room.bit_length()  # the smallest power of two above the room
        needed = -(place - removed) % boundary
        if needed > room or needed % 2:
            errors.error(
                f"{program.section_label(sid)}+{offset:#x}): {needed} bytes required for alignment "
                f"to {boundary}-byte boundary, but only {room} present"
            )
            continue
        kept.append(index)
        needs.append(needed)
        removed += room - needed
    return Alignment(sids[kept], offsets[kept], rooms[kept], np.array(needs, dtype=np.int64))


def align_sections(program: ProgramColumns) -> ProgramColumns:
    """Align each section as strictly as the places in it."""
    relocs = program.relocs
    rows = np.flatnonzero((relocs.type == R.ALIGN) & program.sections.live[relocs.sid])
    if not len(rows):
        return program
    align = program.sections.align.copy()
    boundaries = [1 << room.bit_length() if room > 0 else 1 for room in relocs.addend[rows].tolist()]
    np.maximum.at(align, relocs.sid[rows], np.array(boundaries, dtype=np.int64))
    return replace(program, sections=replace(program.sections, align=align))


def write_nops(program: ProgramColumns, places: Alignment) -> ProgramColumns:
    """Write the nops that stay: what the assembler has left of them need not begin at an instruction."""
    data = program.sections.data
    changed = places.needed != places.room
    patched: dict[int, bytearray] = {}
    columns = (column[changed].tolist() for column in (places.sid, places.offset, places.needed))
    for sid, offset, needed in zip(*columns, strict=True):
        body = patched.setdefault(sid, bytearray(data[sid]))
        body[offset : offset + needed] = _NOP * (needed // 4) + _C_NOP * (needed % 4 // 2)
    return with_bytes(program, patched)


def align_code(program: ProgramColumns, errors: Diagnostics) -> ProgramColumns:
    """Apply every R_RISCV_ALIGN and delete nothing else (--no-relax)."""
    nothing = Deletions(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    places = alignment(program, nothing, errors)
    if not len(places.sid):
        return program
    return delete(write_nops(align_sections(program), places), Deletions.of(places.surplus))
