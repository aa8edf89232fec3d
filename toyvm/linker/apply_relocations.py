"""Values into the bytes: every relocation's formula over whole columns, type by type.

S, A, P, G and GOT are the psABI's letters. Within a type all rows are computed at once; a row whose value does not
fit is looked at again alone, to be reported with its file, section and symbol.
"""

from __future__ import annotations

import numpy as np

from toyvm.base.record import Record

from ..elf.constants import SHF_ALLOC
from ..relocations import RELOCATIONS, R, RelocationError, RelocationOverflow, apply_many, relocation_name
from .image_layout import ImageLayout
from .input_columns import ABSOLUTE, UNDEFINED, Column, ProgramColumns, RelocColumns
from .link_errors import OVERFLOWS_SHOWN, REFERENCES_SHOWN, Diagnostics
from .scan_relocations import CALLS, GOT, TPREL, Needs
from .source_places import SourcePlaces
from .synthetic.got_plt import GotPltTables

TLS_DTV_OFFSET = 0x800
_LO12 = (R.PCREL_LO12_I, R.PCREL_LO12_S)
_HI20 = (R.PCREL_HI20, R.GOT_HI20, R.TLS_GOT_HI20, R.TLS_GD_HI20)
_DTPREL = (R.TLS_DTPREL32, R.TLS_DTPREL64)
_IGNORED = (R.NONE, R.RELAX, R.ALIGN, R.TPREL_ADD)
_LOADERS_OWN = (R.RELATIVE, R.COPY, R.JUMP_SLOT, R.TLS_DTPMOD32, R.TLS_DTPMOD64, R.TLSDESC, R.IRELATIVE)
_X0_BASE_MASK = 0xFFF07FFF  # clears rs1 of jalr: a call to nothing goes to address 0


class Addresses(Record, eq=False):
    """Everything a formula can ask for, by symbol number."""

    symbol: Column  # S
    call: Column  # S for calls: the PLT entry where there is one
    got: int
    tables: GotPltTables
    tls_start: int


def section_addresses(program: ProgramColumns, layout: ImageLayout, sid: Column, value: Column) -> Column:
    """The address of offset `value` in section `sid`; 0 for what is not in the output."""
    placed = (sid >= 0) & (layout.addr[np.maximum(sid, 0)] >= 0)
    return np.where(placed, layout.addr[np.maximum(sid, 0)] + value, 0)


def addresses(
    program: ProgramColumns, layout: ImageLayout, tables: GotPltTables, linker_values: dict[int, int]
) -> Addresses:
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
    program: ProgramColumns,
    layout: ImageLayout,
    needs: Needs,
    known: Addresses,
    errors: Diagnostics,
) -> None:
    """Apply all relocations of live sections to `image`. What does not fit goes to `errors`."""
    relocs = program.relocs.where((layout.output >= 0)[program.relocs.sid])
    relocs = relocs.where(~np.isin(relocs.type, _IGNORED))
    alloc = (program.sections.flags[relocs.sid] & SHF_ALLOC) != 0
    foreign = alloc & (relocs.type == R.ABS64) & needs.preemptible[relocs.sym]
    relocs = relocs.where(~foreign)  # the loader's; the word stays 0
    _Relocator(image, program, layout, relocs, known, errors).run()


def _operation(kind: int) -> str:
    return RELOCATIONS[R(kind)].operation if kind in RELOCATIONS else ""


class _Relocator:
    """The work on one set of rows."""

    def __init__(
        self,
        image: bytearray,
        program: ProgramColumns,
        layout: ImageLayout,
        relocs: RelocColumns,
        known: Addresses,
        errors: Diagnostics,
    ):
        self.image, self.program, self.relocs, self.known, self.errors = image, program, relocs, known, errors
        self.layout, self.places = layout, SourcePlaces(program)
        self.place = layout.addr[relocs.sid] + relocs.offset  # P
        self.offset = layout.offset[relocs.sid] + relocs.offset

    def run(self) -> None:
        """Compute all values, then write them type by type."""
        kinds = self.relocs.type
        value = self._values()
        self._pair_low_parts(value)
        self._call_nothing(value)
        order = np.argsort(kinds, kind="stable")
        present, starts = np.unique(kinds[order], return_index=True)
        rows_of = dict(zip(present.tolist(), np.split(order, starts)[1:], strict=True))
        # What sets a place comes before what adds to it and subtracts from it.
        for kind in sorted(rows_of, key=lambda k: (_operation(k) != "set", k)):
            rows = rows_of[kind]
            if kind in RELOCATIONS and kind not in _LOADERS_OWN:
                self._apply(R(kind), rows, value)
            else:
                self.errors.error(
                    f"{self._where(rows[0])}: unsupported relocation type {relocation_name(kind)}"
                )

    def _values(self) -> Column:
        """The formula of each row, but for the low parts."""
        relocs, known = self.relocs, self.known
        kind, sym = relocs.type, relocs.sym
        value = known.symbol[sym] + relocs.addend  # S + A
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
        relative = [row.type for row in RELOCATIONS.values() if row.formula.endswith("- P")]
        rows = np.isin(kind, relative)
        value[rows] -= self.place[rows]
        return value

    def _pair_low_parts(self, value: Column) -> None:
        """%pcrel_lo names the label of its %pcrel_hi: the value is the one computed there."""
        relocs, symbols = self.relocs, self.program.symbols
        low = np.flatnonzero(np.isin(relocs.type, _LO12))
        if not len(low):
            return
        high = np.flatnonzero(np.isin(relocs.type, _HI20))
        # One number for (section, offset): places in the image are not repeated.
        keys = self.offset[high]
        order = np.argsort(keys, kind="stable")
        keys, high = keys[order], high[order]
        label = relocs.sym[low]
        section = np.maximum(symbols.sid[label], 0)
        wanted = np.where(symbols.sid[label] >= 0, self.layout.offset[section] + symbols.value[label], -1)
        at = np.searchsorted(keys, wanted)
        found = at < len(keys)
        found[found] = keys[at[found]] == wanted[found]
        value[low[found]] = value[high[at[found]]] + relocs.addend[low[found]]
        value[low[~found]] = 0
        for row in low[~found].tolist():
            self.errors.limited(
                "pcrel_lo",
                REFERENCES_SHOWN,
                f"{self._where(row)}: dangerous relocation: %pcrel_lo missing matching %pcrel_hi "
                f"at `{self.program.symbol_name(int(relocs.sym[row]))}'",
                "more %pcrel_lo without %pcrel_hi follow",
            )

    def _call_nothing(self, value: Column) -> None:
        """A call of an undefined weak function may be too far from address 0: go by way of x0 (GNU ld's rewriting)."""
        relocs = self.relocs
        nothing = (self.program.symbols.sid[relocs.sym] == UNDEFINED) & (self.known.call[relocs.sym] == 0)
        for row in np.flatnonzero(nothing & np.isin(relocs.type, (R.CALL, R.CALL_PLT))).tolist():
            at = int(self.offset[row]) + 4
            jalr = int.from_bytes(self.image[at : at + 4], "little") & _X0_BASE_MASK
            self.image[at : at + 4] = jalr.to_bytes(4, "little")
            value[row] = 0
        value[nothing & np.isin(relocs.type, (R.BRANCH, R.JAL, R.RVC_BRANCH, R.RVC_JUMP))] = 0

    def _apply(self, kind: R, rows: Column, value: Column) -> None:
        """Apply one type; a row that does not fit is reported and left out, and the rest tried again."""
        reloc = RELOCATIONS[kind]
        for _ in range(OVERFLOWS_SHOWN + 1):
            try:
                apply_many(self.image, self.offset[rows], reloc, value[rows])
                return
            except RelocationOverflow as overflow:
                bad = int(rows[overflow.index])
                name = self.program.symbol_name(int(self.relocs.sym[bad]))
                self.errors.limited(
                    "overflow",
                    OVERFLOWS_SHOWN,
                    f"{self._where(bad)}: relocation truncated to fit: {reloc.name} against symbol `{name}': "
                    f"{_limit(overflow)}",
                    "additional relocation overflows omitted from the output",
                )
                rows = np.delete(rows, overflow.index)
            except RelocationError as error:
                self.errors.error(f"{self._where(rows[error.index])}: {error}")
                return

    def _where(self, row: int) -> str:
        return self.places.describe(int(self.relocs.sid[row]), int(self.relocs.offset[row]))


def _limit(overflow: RelocationOverflow) -> str:
    if overflow.low <= overflow.value <= overflow.high:
        return f"{overflow.value:#x} is not a multiple of {overflow.alignment}"
    return f"{overflow.value:#x} is not in [{overflow.low:#x}, {overflow.high:#x}]"
