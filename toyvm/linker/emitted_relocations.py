"""--emit-relocs: the relocations that made a program, kept in it for tools that change programs (ld(1)).

A place is an address. What named a section of an object names the output section, and the addend says where in it.
Types and places are those after relaxation.
"""

from __future__ import annotations

import numpy as np

from ..elf.record_arrays import RELA, Table
from .image_layout import ImageLayout
from .inputs.columns import Column, ProgramColumns
from .synthetic.addresses import Addresses
from .synthetic.symbol_table import SymbolTableBytes, section_numbers


def emitted(
    program: ProgramColumns, layout: ImageLayout, known: Addresses, symbols: SymbolTableBytes
) -> list[tuple[int, Table]]:
    """(section header number, relocations by address) for each output section that has any."""
    relocs, places = program.relocs, program.symbols.sid
    numbers = section_numbers(layout)
    relocs = relocs.where(layout.output[relocs.sid] >= 0)
    owner = numbers[layout.output[relocs.sid]]
    target = places[relocs.sym]
    placed = (target >= 0) & (layout.output[np.maximum(target, 0)] >= 0)
    home = np.where(placed, layout.output[np.maximum(target, 0)], 0)
    by_section = placed & (symbols.index[relocs.sym] == 0) & (numbers[home] > 0)
    start: Column = np.array([section.addr for section in layout.outputs], dtype=np.int64)
    table = np.zeros(len(relocs), dtype=RELA)
    table["r_offset"] = layout.addr[relocs.sid] + relocs.offset
    table["r_type"] = relocs.type
    table["r_sym"] = np.where(by_section, symbols.sections[numbers[home]], symbols.index[relocs.sym])
    table["r_addend"] = relocs.addend + np.where(by_section, known.symbol[relocs.sym] - start[home], 0)
    if not len(table):
        return []
    order = np.lexsort((np.arange(len(table)), relocs.offset, layout.addr[relocs.sid], owner))
    present, first = np.unique(owner[order], return_index=True)
    parts = np.split(order, first[1:])
    return [(number, table[rows]) for number, rows in zip(present.tolist(), parts, strict=True) if number]
