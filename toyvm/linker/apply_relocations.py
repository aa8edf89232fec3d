"""Applies relocations: computes the formula of each type over whole columns, and writes the values.

S, A, P, G and GOT are the psABI's letters. All rows of a type are computed at once. A row whose value does not fit
its field is reported with file, section and symbol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.bits import u64
from ..elf.constants import SHF_ALLOC, STT_GNU_IFUNC, STT_SECTION, TLS_DTV_OFFSET
from ..relocation_fields import RelocationError, RelocationOverflow, apply_many, uleb128_length
from ..relocations import RELOCATIONS, U_I_TYPE, U_TYPE, ULEB128, Formula, Need, R, Reloc, Tool, by_type
from .image_layout import ImageLayout
from .inputs.columns import UNDEFINED, Column, ProgramColumns, RelocColumns
from .link_errors import OVERFLOWS_SHOWN, REFERENCES_SHOWN, Diagnostics
from .scan_relocations import Needs
from .source_places import SourcePlaces
from .synthetic.addresses import Addresses
from .type_arrays import CALL, FORMULA, FORMULAS, GOT_ENTRY, MARKER, PC_RELATIVE, words

_UPPER = by_type(lambda row: row.field in (U_TYPE, U_I_TYPE))
_PAIR = by_type(lambda row: row.field is U_I_TYPE)  # auipc and jalr
_ULEB128 = by_type(lambda row: row.field is ULEB128)
# auipc, alone or with jalr
_FROM_PC = by_type(
    lambda row: (
        row.formula in (Formula.PC_RELATIVE, Formula.GOT_PC_RELATIVE) and row.field in (U_TYPE, U_I_TYPE)
    )
)
_AUIPC, _LUI, _OPCODE = 0x17, 0x37, 0x7F
_X0_BASE_MASK = 0xFFF07FFF  # clears rs1 of jalr: a call to nothing goes to address 0


def relocate(
    image: bytearray,
    program: ProgramColumns,
    layout: ImageLayout,
    needs: Needs,
    known: Addresses,
    pic: bool,
    errors: Diagnostics,
    xlen: int = 64,
) -> None:
    """Apply all relocations of live sections to `image`. Values that do not fit are added to `errors`.

    `pic` says that the load base of the image is not known.
    """
    relocs = program.relocs.where((layout.output >= 0)[program.relocs.sid])
    relocs = relocs.where(~MARKER[relocs.type])
    alloc = (program.sections.flags[relocs.sid] & SHF_ALLOC) != 0
    foreign = alloc & words(xlen)[relocs.type] & needs.preemptible[relocs.sym]
    relocs = relocs.where(~foreign)  # left to the loader; the word stays 0
    _Relocator(image, program, layout, relocs, known, pic, errors, xlen).run()


def _wrap(value: Column, kinds: Column) -> None:
    """Take values modulo 2**32, into the range that a field of a 32-bit machine has.

    An upper part rounds up: 0x7ffff800 is the lowest value that only 0x80000 reaches.
    """
    base = np.where(_UPPER[kinds], (1 << 31) + (1 << 11), 1 << 31)
    value[:] = (value + base & 0xFFFFFFFF) - base


def _low_parts() -> list[tuple[Column, Column]]:
    """Low parts and their possible high parts: pairs of boolean arrays indexed by type."""
    found: dict[tuple[R, ...], list[R]] = {}
    for row in RELOCATIONS.values():
        if row.formula is Formula.PC_LOW and Tool.LINKER in row.by:
            found.setdefault(row.partners, []).append(row.type)
    return [(_one_of(low), _one_of(high)) for high, low in found.items()]


def _one_of(types: Sequence[R]) -> Column:
    return by_type(lambda row: row.type in types)


_LOW_PARTS = _low_parts()


class _Relocator:
    """Applies one set of rows."""

    def __init__(
        self,
        image: bytearray,
        program: ProgramColumns,
        layout: ImageLayout,
        relocs: RelocColumns,
        known: Addresses,
        pic: bool,
        errors: Diagnostics,
        xlen: int,
    ):
        self.xlen = xlen
        self.image, self.program, self.relocs, self.known, self.errors = image, program, relocs, known, errors
        self.layout, self.places, self.pic = layout, SourcePlaces(program), pic
        self.place = layout.addr[relocs.sid] + relocs.offset  # P
        self.offset = layout.offset[relocs.sid] + relocs.offset

    def run(self) -> None:
        """Compute all values, then write them type by type."""
        kinds = self.relocs.type
        value = self._values()
        if self.xlen == 32:
            _wrap(value, kinds)
        self._call_nothing(value)
        if not self.pic:
            self._reach_low_addresses(value)
        for low, high in _LOW_PARTS:
            self._pair_low_parts(value, low[kinds], high[kinds])
        self._check_uleb128(value)
        order = np.argsort(kinds, kind="stable")
        present, starts = np.unique(kinds[order], return_index=True)
        rows_of = dict(zip(present.tolist(), np.split(order, starts)[1:], strict=True))
        # A relocation that sets a place comes before those that add to it and subtract from it.
        for kind in sorted(rows_of, key=lambda k: (RELOCATIONS[k].operation != "set", k)):
            self._apply(RELOCATIONS[kind], rows_of[kind], value)

    def _values(self) -> Column:
        """The value of each row's formula, except those of the low parts."""
        relocs, known = self.relocs, self.known
        kind, sym = relocs.type, relocs.sym
        value = known.symbol[sym] + relocs.addend  # S + A
        self._forget_discarded(value)
        calls = CALL[kind] | PC_RELATIVE[kind] & (self.program.symbols.type[sym] == STT_GNU_IFUNC)
        value[calls] = known.call[sym[calls]] + relocs.addend[calls]
        formula = FORMULA[kind]
        for number in np.flatnonzero(np.bincount(formula, minlength=len(FORMULAS))).tolist():
            self._finish(FORMULAS[number], formula == number, value)
        return value

    def _forget_discarded(self, value: Column) -> None:
        """What names a discarded section is 0, without an addend. In .debug_ranges it is 1, because 0 ends a list."""
        sections, sid = self.program.sections, self.program.symbols.sid[self.relocs.sym]
        rows = np.flatnonzero((sid >= 0) & (self.layout.output[np.maximum(sid, 0)] < 0))
        if len(rows):
            ranges = np.array([sections.name[s] == ".debug_ranges" for s in self.relocs.sid[rows].tolist()])
            value[rows] = np.where(ranges, 1, 0)

    def _finish(self, formula: Formula, rows: Column, value: Column) -> None:
        """In `rows`, replace S + A by the value of `formula`."""
        match formula:
            case Formula.ABSOLUTE | Formula.ADD | Formula.SUBTRACT:
                pass  # V is at the place: `apply_many` adds to it and subtracts from it
            case Formula.PC_RELATIVE:
                value[rows] -= self.place[rows]
            case Formula.GOT_PC_RELATIVE:
                value[rows] = self._entry_addresses(rows) + self.relocs.addend[rows] - self.place[rows]
            case Formula.GP_RELATIVE:
                value[rows] -= self.known.gp
            case Formula.TP_RELATIVE:
                # As in lld, the offset of an undefined weak variable is 0: no offset is its address.
                value[rows & (self.program.symbols.sid[self.relocs.sym] != UNDEFINED)] -= self.known.tls_start
            case Formula.DTP_RELATIVE:
                value[rows] -= self.known.tls_start + TLS_DTV_OFFSET
            case Formula.PC_LOW:
                value[rows] = 0  # until the high part is found
            case _:
                raise ValueError(f"the linker cannot compute {formula.value!r}")

    def _entry_addresses(self, rows: Column) -> Column:
        """G + GOT of each of `rows`."""
        tables, kind, sym = self.known.tables, self.relocs.type[rows], self.relocs.sym[rows]
        wrong = np.flatnonzero(rows & (self.relocs.type == R.GOT_HI20) & (self.relocs.addend != 0))
        for row in wrong[:REFERENCES_SHOWN].tolist():
            place = self._where(row)
            self.errors.error(f"{place}: dangerous relocation: The addend isn't allowed for R_RISCV_GOT_HI20")
        entries = {
            Need.GOT: tables.got_entry,
            Need.TLS_IE: tables.ie_entry,
            Need.TLS_GD: tables.gd_entry,
            Need.TLS_DESC: tables.desc_entry,
        }
        offset = np.full(len(sym), -1, dtype=np.int64)
        for need, types in GOT_ENTRY.items():
            mine = types[kind]
            offset[mine] = entries[need][sym[mine]]
        slot = np.where(GOT_ENTRY[Need.GOT][kind], tables.slot_entry[sym], -1)
        return np.where(slot >= 0, self.known.got_plt + slot, self.known.got + offset)

    def _pair_low_parts(self, value: Column, is_low: Column, is_high: Column) -> None:
        """%pcrel_lo names the label of its %pcrel_hi, and takes the value computed there."""
        relocs, symbols = self.relocs, self.program.symbols
        low, high = np.flatnonzero(is_low), np.flatnonzero(is_high)
        if not len(low):
            return
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
        self._check_low_addends(low[found], high[at[found]], value)
        for row in low[~found].tolist():
            self.errors.limited(
                "pcrel_lo",
                REFERENCES_SHOWN,
                f"{self._where(row)}: dangerous relocation: %pcrel_lo missing matching %pcrel_hi "
                f"at `{self.program.symbol_name(int(relocs.sym[row]))}'",
                "more %pcrel_lo without %pcrel_hi follow",
            )

    def _check_low_addends(self, low: Column, high: Column, value: Column) -> None:
        """An addend of %pcrel_lo must not change the high part, which its instruction does not know."""
        relocs = self.relocs
        for row in np.flatnonzero(relocs.addend[low] != 0).tolist():
            part, whole = int(low[row]), int(high[row])
            base = int(value[whole])
            before, after = (u64(address + 0x800) & ~0xFFF for address in (base, int(value[part])))
            symbol = int(relocs.sym[part])
            if self.program.symbols.type[symbol] == STT_SECTION:
                problem = "%pcrel_lo section symbol with an addend"
            elif relocs.type[whole] == R.GOT_HI20:
                problem = "%pcrel_lo with addend isn't allowed for R_RISCV_GOT_HI20"
            elif before != after:
                problem = (
                    f"%pcrel_lo overflow with an addend, the value of %pcrel_hi is {before:#x} without any addend, "
                    f"but may be {after:#x} after adding the %pcrel_lo addend"
                )
            else:
                continue
            self.errors.limited(
                "pcrel_lo addend",
                REFERENCES_SHOWN,
                f"{self._where(part)}: dangerous relocation: {problem}",
                "more %pcrel_lo with wrong addends follow",
            )

    def _call_nothing(self, value: Column) -> None:
        """Make calls of undefined weak functions jump to address 0 relative to x0, which always reaches it (as GNU ld)."""
        relocs = self.relocs
        nothing = (self.program.symbols.sid[relocs.sym] == UNDEFINED) & (self.known.call[relocs.sym] == 0)
        for row in np.flatnonzero(nothing & _PAIR[relocs.type]).tolist():
            at = int(self.offset[row]) + 4
            jalr = int.from_bytes(self.image[at : at + 4], "little") & _X0_BASE_MASK
            self.image[at : at + 4] = jalr.to_bytes(4, "little")
            value[row] = 0

    def _reach_low_addresses(self, value: Column) -> None:
        """Replace auipc by lui for an address near 0 that only lui reaches (GNU ld: riscv_zero_pcrel_hi_reloc).

        Such targets are absent weak symbols, numbers, functions and a GOT at low addresses, if the code lies above 2 GiB.
        """
        rows = np.flatnonzero(_FROM_PC[self.relocs.type] & ((value < U_TYPE.low) | (value > U_TYPE.high)))
        target = value[rows] + self.place[rows]
        reached = (target >= U_TYPE.low) & (target <= U_TYPE.high)
        for row, address in zip(rows[reached].tolist(), target[reached].tolist(), strict=True):
            at = int(self.offset[row])
            if 0 <= at < len(self.image) and self.image[at] & _OPCODE == _AUIPC:
                self.image[at] ^= _AUIPC ^ _LUI
                value[row] = address

    def _check_uleb128(self, value: Column) -> None:
        """Check that each ULEB128 number fits its bytes. Each relocation truncates, so the sum is checked, as in GNU ld."""
        total: dict[int, int] = {}
        rows = np.flatnonzero(_ULEB128[self.relocs.type]).tolist()
        row_at = {
            int(self.offset[row]): row
            for row in rows
            if RELOCATIONS[self.relocs.type[row]].operation == "set"
        }
        for row in rows:
            at, negative = int(self.offset[row]), RELOCATIONS[self.relocs.type[row]].operation == "sub"
            total[at] = total.get(at, 0) + (-int(value[row]) if negative else int(value[row]))
        for at, row in row_at.items():
            try:
                length = uleb128_length(self.image, at, RELOCATIONS[self.relocs.type[row]])
            except RelocationError:
                continue  # the number has no end: `_apply` reports that
            if u64(total[at]) >> 7 * length:
                self.errors.limited(
                    "overflow",
                    OVERFLOWS_SHOWN,
                    f"{self._where(row)}: dangerous relocation: final size of uleb128 value {total[at]:#x} exceeds available "
                    f"space of {length} byte{'s' * (length > 1)}",
                    "additional relocation overflows omitted from the output",
                )

    def _apply(self, reloc: Reloc, rows: Column, value: Column) -> None:
        """Apply one type. Report each row that does not fit, and apply the others."""
        for _ in range(OVERFLOWS_SHOWN + 1):
            try:
                apply_many(self.image, self.offset[rows], reloc, value[rows])
                return
            except RelocationOverflow as overflow:
                bad = int(rows[overflow.index])
                self.errors.limited(
                    "overflow",
                    OVERFLOWS_SHOWN,
                    f"{self._where(bad)}: relocation truncated to fit: {reloc.name} against {self._target(bad)}: "
                    f"{_limit(overflow)}",
                    "additional relocation overflows omitted from the output",
                )
                rows = np.delete(rows, overflow.index)
            except RelocationError as error:
                self.errors.error(f"{self._where(rows[error.index])}: {error}")
                return

    def _target(self, row: int) -> str:
        """The symbol of a relocation in GNU ld's words, with its section and file."""
        program, number = self.program, int(self.relocs.sym[row])
        name, sid = program.symbol_name(number), int(program.symbols.sid[number])
        if number >= program.symbols.globals:
            return f"`{name}'"
        if sid == UNDEFINED:
            return f"undefined symbol `{name}'"
        if sid < 0 or int(program.sections.file[sid]) < 0:
            return f"symbol `{name}'"
        section, file = program.sections.name[sid], program.file_name(int(program.sections.file[sid]))
        return f"symbol `{name}' defined in {section} section in {file}"

    def _where(self, row: int) -> str:
        return self.places.describe(int(self.relocs.sid[row]), int(self.relocs.offset[row]))


def _limit(overflow: RelocationOverflow) -> str:
    if overflow.low <= overflow.value <= overflow.high:
        return f"{overflow.value:#x} is not a multiple of {overflow.alignment}"
    return f"{overflow.value:#x} is not in [{overflow.low:#x}, {overflow.high:#x}]"
