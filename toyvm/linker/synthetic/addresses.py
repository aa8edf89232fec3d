"""The addresses that relocations, tables and symbol tables need, by symbol number: computed once the layout is fixed."""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record

from ..image_layout import ImageLayout
from ..inputs.columns import ABSOLUTE, Column, ProgramColumns
from .got_plt import GotPltTables

GLOBAL_POINTER = "__global_pointer$"  # the symbol whose address start-up code puts into gp (psABI)


class Addresses(Record, eq=False):
    """The operands of the relocation formulas, by symbol number."""

    symbol: Column  # S
    call: Column  # S for calls: the PLT entry where there is one
    got: int
    got_plt: int
    tables: GotPltTables
    resolvers: dict[
        int, tuple[int, int]
    ]  # of IFUNC symbols chosen here: section number and address of the resolver
    tls_start: int
    gp: int  # 0 if the program does not name it


def _section_addresses(program: ProgramColumns, layout: ImageLayout, sid: Column, value: Column) -> Column:
    """The address of offset `value` in section `sid`; 0 if the section is not in the output."""
    placed = (sid >= 0) & (layout.output[np.maximum(sid, 0)] >= 0)
    return np.where(placed, layout.addr[np.maximum(sid, 0)] + value, 0)


def addresses(
    program: ProgramColumns, layout: ImageLayout, tables: GotPltTables, linker_values: dict[int, int]
) -> Addresses:
    """Addresses of all symbols; `linker_values` are those of linker-defined ones."""
    symbols = program.symbols
    values = _section_addresses(program, layout, symbols.sid, symbols.value)
    absolute = symbols.sid == ABSOLUTE
    values[absolute] = symbols.value[absolute]
    numbers = list(linker_values)
    values[numbers] = list(linker_values.values())
    call = values.copy()
    through_plt = tables.plt_entry >= 0
    call[through_plt] = layout.addr[tables.plt] + tables.plt_entry[through_plt]
    tls = layout.tls()
    pointer = program.resolution.table.get(GLOBAL_POINTER)
    gp = int(values[pointer.id]) if pointer else 0
    resolvers = {
        number: (sid, int(layout.addr[sid]) + value) for number, (sid, value) in tables.ifunc_target.items()
    }
    got, got_plt = int(layout.addr[tables.got]), int(layout.addr[tables.got_plt])
    return Addresses(values, call, got, got_plt, tables, resolvers, tls[0] if tls else 0, gp)
