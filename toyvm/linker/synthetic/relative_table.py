"""DT_RELR: R_RISCV_RELATIVE relocations as addresses and bitmaps, a bit for a word (gABI, "Relative Relocation Table").

The word at a place holds its addend. How many entries there are depends on addresses, so the section's size is settled
together with the layout.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from toyvm.base.record import replace
from toyvm.relocations import R

from ..image_layout import ImageLayout
from ..inputs.columns import ProgramColumns
from .dynamic_relocations import DynamicRelocs

NAME = ".relr.dyn"
ENTRY = 8  # bytes of an entry
_BITS = 63  # words that a bitmap covers
_NOTHING = 1  # a bitmap without a bit


def split(rows: DynamicRelocs, program: ProgramColumns) -> tuple[DynamicRelocs, DynamicRelocs]:
    """(those that the table can hold, the others): an entry with an odd number is a bitmap, so places are even."""
    even = (rows.type == R.RELATIVE) & (rows.offset % 2 == 0) & (program.sections.align[rows.sid] % 2 == 0)
    return rows.where(even), rows.where(~even)


def encode(rows: DynamicRelocs, layout: ImageLayout) -> bytes:
    """The table for the places of `rows`."""
    places = np.unique(layout.addr[rows.sid] + rows.offset).tolist()
    entries: list[int] = []
    at = 0
    while at < len(places):
        entries.append(places[at])
        base = places[at] + ENTRY
        at += 1
        while True:
            bitmap = 0
            while at < len(places):
                distance = places[at] - base
                if distance % ENTRY or distance >= _BITS * ENTRY:
                    break
                bitmap |= 1 << distance // ENTRY
                at += 1
            if not bitmap:
                break
            entries.append(bitmap << 1 | 1)
            base += _BITS * ENTRY
    return struct.pack(f"<{len(entries)}Q", *entries)


def settle(
    program: ProgramColumns, sid: int, rows: DynamicRelocs, lay_out: Callable[[ProgramColumns], ImageLayout]
) -> ProgramColumns:
    """The program with section `sid` as large as the table: it grows until the layout that it causes needs no more."""
    while True:
        size = len(encode(rows, lay_out(program)))
        if size <= int(program.sections.size[sid]):
            return program
        sizes = program.sections.size.copy()
        sizes[sid] = size
        program = replace(program, sections=replace(program.sections, size=sizes))


def padded(table: bytes, size: int) -> bytes:
    """The table in a section of `size` bytes, which an earlier layout may have needed."""
    return table + struct.pack("<Q", _NOTHING) * ((size - len(table)) // ENTRY)
