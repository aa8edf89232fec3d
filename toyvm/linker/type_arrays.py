"""What the passes ask the relocation table about whole columns of relocations: arrays indexed by type, made once.

The passes meet only types that the linker applies: `scan_relocations.refuse_unsupported` stops the link where there are others.
"""

from __future__ import annotations

import numpy as np

from ..relocations import NUMBERS, RELOCATIONS, Formula, Need, R, Tool, by_type
from .inputs.columns import Column

APPLIED: Column = by_type(lambda row: Tool.LINKER in row.by)


def needing(need: Need) -> Column:
    """The types that the linker applies and that have `need`."""
    return by_type(lambda row: Tool.LINKER in row.by and need in row.needs)


def computing(*formulas: Formula) -> Column:
    """The types that the linker applies and that compute one of `formulas`."""
    return by_type(lambda row: Tool.LINKER in row.by and row.formula in formulas)


CALL = needing(Need.PLT)
DIRECT = needing(Need.COPY)  # the address itself is in the field, or the distance to it
_WORDS: dict[int, Column] = {64: needing(Need.DYNAMIC), 32: by_type(lambda row: row.type == R.ABS32)}
MARKER = computing(Formula.NONE)
PC_RELATIVE = computing(Formula.PC_RELATIVE)
TP_RELATIVE = computing(Formula.TP_RELATIVE)
LOW_PART = by_type(lambda row: row.is_low_part)
# The types that take a thread-local symbol, and those that take an address, of which a thread-local symbol has none.
THREAD_LOCAL = needing(Need.THREAD_LOCAL) & ~MARKER
ADDRESS = (DIRECT | CALL | needing(Need.GOT)) & ~THREAD_LOCAL
_FIXED_ADDRESS = DIRECT & computing(Formula.ABSOLUTE)

# The kinds of GOT entry that the linker makes.
GOT_ENTRY: dict[Need, Column] = {
    need: needing(need) for need in (Need.GOT, Need.TLS_IE, Need.TLS_GD, Need.TLS_DESC)
}


def words(xlen: int) -> Column:
    """The types of a word that holds an address, which the loader can relocate."""
    return _WORDS[xlen]


def fixed_address(xlen: int) -> Column:
    """The types that put an address, or a part of it, where the loader cannot add the load base."""
    result: Column = _FIXED_ADDRESS & ~_WORDS[xlen]
    return result


ANY_GOT_ENTRY: Column = np.logical_or.reduce(list(GOT_ENTRY.values()))
FORMULAS = tuple(Formula)


def _formula_numbers() -> Column:
    """By type the formula's place in FORMULAS, so that a column of types becomes a column of formulas in one step.

    Raises ValueError for a row that asks for the address of a GOT entry and not for one kind of entry, or the other way round.
    """
    numbers = np.zeros(NUMBERS + 1, dtype=np.int8)
    for row in RELOCATIONS.values():
        numbers[row.type] = FORMULAS.index(row.formula)
        entries = sum(bool(types[row.type]) for types in GOT_ENTRY.values())
        if Tool.LINKER in row.by and entries != (row.formula is Formula.GOT_PC_RELATIVE):
            raise ValueError(f"{row.name} computes {row.formula.value!r} and needs {entries} GOT entries")
    return numbers


FORMULA = _formula_numbers()
