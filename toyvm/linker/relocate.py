"""Values into the bytes: every relocation's formula over whole columns, type by type.

S, A, P, G and GOT are the psABI's letters. Within a type all rows are computed at once; a row whose value does not
fit is looked at again alone, to be reported with its file, section and symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..elf.constants import SHF_ALLOC
from ..relocations import RELOCATIONS, R, RelocationError, RelocationOverflow, apply_many, relocation_name
from .diagnostics import OVERFLOWS_SHOWN, REFERENCES_SHOWN, Diagnostics
from .layout import Layout
from .options import LinkOptions
from .program import ABSOLUTE, UNDEFINED, Column, Program, Relocs
from .scan import CALLS, GOT, TPREL, Needs
from .tables import Tables

TLS_DTV_OFFSET = 0x800
_LO12 = (R.PCREL_LO12_I, R.PCREL_LO12_S)
_HI20 = (R.PCREL_HI20, R.GOT_HI20, R.TLS_GOT_HI20, R.TLS_GD_HI20)
_DTPREL = (R.TLS_DTPREL32, R.TLS_DTPREL64)
_IGNORED = (R.NONE, R.RELAX, R.ALIGN, R.TPREL_ADD)
_X0_BASE_MASK = 0xFFF07FFF  # clears rs1 of jalr: a call to nothing goes to address 0


@dataclass(frozen=True, eq=False, slots=True)
class Addresses:
    """Everything a formula can ask for, by symbol number."""

    symbol: Column  # S
    call: Column  # S for calls: the PLT entry where there is one
    got: int
    tables: Tables
    tls_start: int


def section_addresses(program: Program, layout: Layout, sid: Column, value: Column) -> Column:
    """The address of offset `value` in section `sid`; 0 for what is not in the output."""
    placed = (sid >= 0) & (layout.addr[np.maximum(sid, 0)] >= 0)
    return np.where(placed, layout.addr[np.maximum(sid, 0)] + value, 0)


def addresses(program: Program, layout: Layout, tables: Tables, linker_values: dict[int, int]) -> Addresses:
    """Addresses of all symbols; `linker_values` are those of linker-defined ones."""
    symbols = program.symbols
    values = section_addresses(program, layout, symbols.sid, symbols.value)
    absolute = symbols.sid == ABSOLUTE
    values[absolute] = symbols.value[absolute]
    numbers = list(linker_values)
    values[numbers] = list(linker_values.values())
    call = values.copy()
    through_plt = tables.plt_entry >= 0
    call[through_plt] = layout.addr[tables.plt] + tables.plt_entry[through_plt]
    tls = layout.tls()
    return Addresses(values, call, int(layout.addr[tables.got]), tables, tls[0] if tls else 0)


def relocate(
    image: bytearray,
    program: Program,
    layout: Layout,
    needs: Needs,
    known: Addresses,
    options: LinkOptions,
    errors: Diagnostics,
) -> None:
    """Apply all relocations of live sections to `image`. Undefined references and overflows go to `errors`."""
    relocs = program.relocs.where((layout.output >= 0)[program.relocs.sid])
    relocs = relocs.where(~np.isin(relocs.type, _IGNORED))
    alloc = (program.sections.flags[relocs.sid] & SHF_ALLOC) != 0
    report_undefined(program, relocs, layout, options, errors)
    foreign = alloc & (relocs.type == R.ABS64) & needs.preemptible[relocs.sym]
    relocs = relocs.where(~foreign)  # the loader's; the word stays 0
    place = layout.addr[relocs.sid] + relocs.offset
    offset = layout.offset[relocs.sid] + relocs.offset
    value = _values(program, relocs, place, known, errors)
    _call_nothing(image, program, relocs, offset, value, known)
    order = np.argsort(relocs.type, kind="stable")
    kinds, starts = np.unique(relocs.type[order], return_index=True)
    bounds = [*starts.tolist(), len(order)]
    by_kind = {int(kind): order[bounds[i] : bounds[i + 1]] for i, kind in enumerate(kinds.tolist())}
    # What sets a place comes before what adds to it and subtracts from it.
    for kind in sorted(by_kind, key=lambda k: (_operation(k) != "set", k)):
        rows = by_kind[kind]
        if kind not in RELOCATIONS:
            _refuse(program, relocs, int(rows[0]), kind, errors)
            continue
        _apply(image, program, relocs, rows, R(kind), offset, value, errors)


def _operation(kind: int) -> str:
    return RELOCATIONS[R(kind)].operation if kind in RELOCATIONS else ""


def _values(program: Program, relocs: Relocs, place: Column, known: Addresses, errors: Diagnostics) -> Column:
    """The formula of each row."""
    kind, sym = relocs.type, relocs.sym
    value = known.symbol[sym] + relocs.addend  # S + A
    pcrel = np.zeros(256, dtype=bool)
    pcrel[[row.type for row in RELOCATIONS.values() if row.formula.endswith("- P")]] = True
    calls = np.isin(kind, CALLS)
    value[calls] = known.call[sym[calls]] + relocs.addend[calls]
    for kinds, entry in (
        (GOT, known.tables.got_entry),
        ((R.TLS_GOT_HI20,), known.tables.ie_entry),
        ((R.TLS_GD_HI20,), known.tables.gd_entry),
    ):
        rows = np.isin(kind, kinds)
        value[rows] = known.got + entry[sym[rows]] + relocs.addend[rows]  # GOT + G + A
    rows = np.isin(kind, TPREL)
    value[rows] -= known.tls_start
    rows = np.isin(kind, _DTPREL)
    value[rows] -= known.tls_start + TLS_DTV_OFFSET
    rows = pcrel[np.minimum(kind, 255)] & ~np.isin(kind, _LO12)
    value[rows] -= place[rows]
    _pair_low_parts(program, relocs, value, errors)
    return value


def _pair_low_parts(program: Program, relocs: Relocs, value: Column, errors: Diagnostics) -> None:
    """%pcrel_lo names the label of its %pcrel_hi: the value is the one computed there."""
    low = np.flatnonzero(np.isin(relocs.type, _LO12))
    if not len(low):
        return
    high = np.flatnonzero(np.isin(relocs.type, _HI20))
    span = int(program.sections.size.max()) + 1
    keys = relocs.sid[high] * span + relocs.offset[high]
    order = np.argsort(keys, kind="stable")
    keys, high = keys[order], high[order]
    label = relocs.sym[low]
    wanted = program.symbols.sid[label] * span + program.symbols.value[label]
    at = np.searchsorted(keys, wanted)
    found = at < len(keys)
    found[found] = keys[at[found]] == wanted[found]
    value[low[found]] = value[high[at[found]]] + relocs.addend[low[found]]
    for row in low[~found][:REFERENCES_SHOWN].tolist():
        errors.error(
            f"{where(program, relocs, row)}: dangerous relocation: %pcrel_lo missing matching %pcrel_hi "
            f"at `{program.symbol_name(int(relocs.sym[row]))}'"
        )
        value[row] = 0


def _call_nothing(
    image: bytearray, program: Program, relocs: Relocs, offset: Column, value: Column, known: Addresses
) -> None:
    """A call of an undefined weak function may be too far from address 0: go there by way of x0 (GNU ld's rewriting)."""
    nothing = (program.symbols.sid[relocs.sym] == UNDEFINED) & (known.call[relocs.sym] == 0)
    for row in np.flatnonzero(nothing & np.isin(relocs.type, (R.CALL, R.CALL_PLT))).tolist():
        at = int(offset[row]) + 4
        jalr = int.from_bytes(image[at : at + 4], "little") & _X0_BASE_MASK
        image[at : at + 4] = jalr.to_bytes(4, "little")
        value[row] = 0
    value[nothing & np.isin(relocs.type, (R.BRANCH, R.JAL, R.RVC_BRANCH, R.RVC_JUMP))] = 0


def _apply(
    image: bytearray,
    program: Program,
    relocs: Relocs,
    rows: Column,
    kind: R,
    offset: Column,
    value: Column,
    errors: Diagnostics,
) -> None:
    """Apply one type; a row that does not fit is reported and left out, and the rest tried again."""
    reloc = RELOCATIONS[kind]
    while len(rows):
        try:
            apply_many(image, offset[rows], reloc, value[rows])
            return
        except RelocationOverflow as overflow:
            bad = int(rows[overflow.index])
            name = program.symbol_name(int(relocs.sym[bad]))
            errors.limited(
                "overflow",
                OVERFLOWS_SHOWN,
                f"{where(program, relocs, bad)}: relocation truncated to fit: {reloc.name} against symbol `{name}'"
                f": {_limit(overflow)}",
                "additional relocation overflows omitted from the output",
            )
            if len(errors.errors) > OVERFLOWS_SHOWN * 4:
                return
            rows = np.delete(rows, overflow.index)
        except RelocationError as error:
            errors.error(f"{where(program, relocs, int(rows[error.index]))}: {error}")
            return


def _limit(overflow: RelocationOverflow) -> str:
    if overflow.low <= overflow.value <= overflow.high:
        return f"{overflow.value:#x} is not a multiple of {overflow.alignment}"
    return f"{overflow.value:#x} is not in [{overflow.low:#x}, {overflow.high:#x}]"


def _refuse(program: Program, relocs: Relocs, row: int, kind: int, errors: Diagnostics) -> None:
    errors.error(f"{where(program, relocs, row)}: unsupported relocation type {relocation_name(kind)}")


def where(program: Program, relocs: Relocs, row: int) -> str:
    """`main.o:(.text+0x8)`."""
    return f"{program.section_label(int(relocs.sid[row]))}+{int(relocs.offset[row]):#x})"


def report_undefined(
    program: Program, relocs: Relocs, layout: Layout, options: LinkOptions, errors: Diagnostics
) -> None:
    """Every reference to a symbol that nothing defines, unless it is weak or the loader may find it."""
    _report_discarded(program, relocs, layout, errors)
    if options.allow_undefined:
        return
    n = program.symbols.globals
    missing = np.zeros(len(program.symbols), dtype=bool)
    missing[:n] = (program.symbols.sid[:n] == UNDEFINED) & ~program.symbols.weak[:n]
    if options.shared and not options.defs:
        missing[:n] &= program.symbols.visibility[:n] != 0
    for row in np.flatnonzero(missing[relocs.sym]).tolist():
        name = program.symbol_name(int(relocs.sym[row]))
        place = where(program, relocs, row)
        if program.symbols.visibility[relocs.sym[row]]:
            text = f"{place}: undefined reference to hidden symbol `{name}'"
        else:
            text = f"{place}: undefined reference to `{name}'"
        file = program.file_name(int(program.sections.file[relocs.sid[row]]))
        errors.limited(
            f"undefined {name} {file}",
            REFERENCES_SHOWN,
            text,
            f"{file}: more undefined references to `{name}' follow",
        )


def _report_discarded(program: Program, relocs: Relocs, layout: Layout, errors: Diagnostics) -> None:
    """A section in memory that refers into one that was left out (debugging sections may: they get 0)."""
    sid = program.symbols.sid[relocs.sym]
    gone = (sid >= 0) & (layout.output[np.maximum(sid, 0)] < 0)
    gone &= (program.sections.flags[relocs.sid] & SHF_ALLOC) != 0
    for row in np.flatnonzero(gone)[:REFERENCES_SHOWN].tolist():
        here, there = int(relocs.sid[row]), int(sid[row])
        errors.error(
            f"`{program.symbol_name(int(relocs.sym[row]))}' referenced in section `{program.sections.name[here]}' of "
            f"{program.file_name(int(program.sections.file[here]))}: defined in discarded section "
            f"`{program.sections.name[there]}' of {program.file_name(int(program.sections.file[there]))}"
        )
