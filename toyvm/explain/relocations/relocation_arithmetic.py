"""The arithmetic of applied relocations: operands, formula and value of each, computed one by one from the layout.

This is not the code that the linker applies relocations with (`apply_relocations` computes whole columns): the two meet in
the bytes of the image, which a test compares.
"""

from __future__ import annotations

from typing import NamedTuple

from toyvm.base.bits import M64, sext
from toyvm.elf.constants import SHF_ALLOC, TLS_DTV_OFFSET
from toyvm.linker.inputs.columns import UNDEFINED
from toyvm.relocation_fields import scatter, uleb128_length
from toyvm.relocations import RELOCATIONS, U_I_TYPE, U_TYPE, ULEB128, Formula, Need, Reloc

from ..link_index import LinkIndex
from ..values import Application, BitField, BitPiece, Operand

_AUIPC, _LUI, _OPCODE = 0x17, 0x37, 0x7F
_HIGH_FORMULAS = (Formula.PC_RELATIVE, Formula.GOT_PC_RELATIVE)
_ENTRY_OF = {
    Need.GOT: "got_entry",
    Need.TLS_IE: "ie_entry",
    Need.TLS_GD: "gd_entry",
    Need.TLS_DESC: "desc_entry",
}


class Sum(NamedTuple):
    """A formula, its operands, and the value, signed."""

    formula: str
    operands: tuple[Operand, ...]
    value: int


class Arithmetic:
    """Computes the relocations of one link. A row here is one of the finished program."""

    def __init__(self, index: LinkIndex):
        self.index = index
        link = index.link
        relocs, layout = link.program.relocs, link.layout
        self.known, self.layout = link.addresses, layout
        self.sid, self.offset = relocs.sid.tolist(), relocs.offset.tolist()
        self.type, self.sym, self.addend = relocs.type.tolist(), relocs.sym.tolist(), relocs.addend.tolist()
        self.section_addr, self.section_offset = layout.addr.tolist(), layout.offset.tolist()
        self.symbol, self.call = self.known.symbol.tolist(), self.known.call.tolist()
        self.symbol_sid = link.program.symbols.sid.tolist()
        self.fields = {row.type: _bit_field(row) for row in RELOCATIONS.values()}
        needs = index.history.needs
        assert needs is not None
        self.preemptible = needs.preemptible.tolist()
        self.alloc = ((link.program.sections.flags & SHF_ALLOC) != 0).tolist()
        self._highs = self._places_of_highs()
        self._chains = self._shared_places()

    def place(self, row: int) -> int:
        """P: the address of a row's place."""
        return int(self.section_addr[self.sid[row]] + self.offset[row])

    def file_offset(self, row: int) -> int:
        """The place of a row in the file."""
        return int(self.section_offset[self.sid[row]] + self.offset[row])

    def is_applied(self, row: int) -> bool:
        """Whether the linker computes a value for a row."""
        kind = RELOCATIONS[self.type[row]]
        return bool(kind.operation) and not self.is_left_to_loader(row)

    def is_left_to_loader(self, row: int) -> bool:
        """Whether the word of a row stays 0, because the loader looks its symbol up."""
        needs_loader = Need.DYNAMIC in RELOCATIONS[self.type[row]].needs
        return needs_loader and self.alloc[self.sid[row]] and bool(self.preemptible[self.sym[row]])

    # --- values ---

    def compute(self, row: int) -> Sum:
        """The value of a row's formula, without what is at the place (V)."""
        kind, name = RELOCATIONS[self.type[row]], self.index.symbol_name(self.sym[row])
        addend = Operand("A", self.addend[row], "the addend")
        match kind.formula:
            case Formula.PC_LOW:
                return self._low(row)
            case Formula.PC_RELATIVE:
                address = self._call_target(row) if Need.PLT in kind.needs else self._symbol(row)
                return _sum("S + A - P", address, addend, self._place_operand(row))
            case Formula.GOT_PC_RELATIVE:
                entry = Operand("G", self._entry(row, kind), f"the offset of {name}'s entry in the GOT")
                got = Operand("GOT", self.known.got, "the address of the GOT")
                return _sum("G + GOT + A - P", entry, got, addend, self._place_operand(row))
            case Formula.GP_RELATIVE:
                pointer = Operand("GP", self.known.gp, "the value of __global_pointer$")
                return _sum("S + A - GP", self._symbol(row), addend, pointer)
            case Formula.TP_RELATIVE:
                block = Operand("TLSOFFSET", 0, "the offset of the program's thread-local block from tp")
                return _sum("S + A + TLSOFFSET", self._in_block(row), addend, block)
            case Formula.DTP_RELATIVE:
                bias = Operand("TLS_DTV_OFFSET", TLS_DTV_OFFSET, "a constant of the psABI")
                return _sum("S + A - TLS_DTV_OFFSET", self._in_block(row, always=True), addend, bias)
            case _:  # S + A: alone, or with V, which `applications` adds
                return _sum("S + A", self._symbol(row), addend)

    def _symbol(self, row: int) -> Operand:
        sym = self.sym[row]
        name = self.index.symbol_name(sym)
        return Operand("S", self.symbol[sym], f"the address of {name}: {self.index.definition(sym)}")

    def _call_target(self, row: int) -> Operand:
        sym = self.sym[row]
        if self.call[sym] == self.symbol[sym]:
            return self._symbol(row)
        name = self.index.symbol_name(sym)
        return Operand(
            "S", self.call[sym], f"the address of the PLT entry of {name}: {self.index.definition(sym)}"
        )

    def _in_block(self, row: int, always: bool = False) -> Operand:
        """The offset of a thread-local symbol in the template; an undefined weak one has offset 0."""
        sym = self.sym[row]
        here = always or self.symbol_sid[sym] != UNDEFINED
        start = self.known.tls_start if here else 0
        name = self.index.symbol_name(sym)
        return Operand(
            "S", self.symbol[sym] - start,
            f"the offset of {name} in the thread-local template: {self.index.definition(sym)}",
        )  # fmt: skip

    def _place_operand(self, row: int) -> Operand:
        name = self.layout.outputs[int(self.layout.output[self.sid[row]])].name
        return Operand("P", self.place(row), f"the place, in {name}")

    def _entry(self, row: int, kind: Reloc) -> int:
        tables, sym = self.known.tables, self.sym[row]
        if Need.GOT in kind.needs and tables.slot_entry[sym] >= 0:
            return self.known.got_plt + int(tables.slot_entry[sym]) - self.known.got
        for need, column in _ENTRY_OF.items():
            if need in kind.needs:
                return int(getattr(tables, column)[sym])
        raise ValueError(f"{kind.name} needs no GOT entry")

    def _low(self, row: int) -> Sum:
        """A low part takes the value of the high part that its label names."""
        high = self.high_of(row)
        formula, operands, value = self._as_applied(high)[0]
        label = self.index.symbol_name(self.sym[row]).strip()
        where = f"of the high part, at {label}" if label else "of the high part"
        named = [Operand(o.letter, o.value, _of_high(o, where)) for o in operands]
        if self.addend[row]:
            named.append(Operand("A_LOW", self.addend[row], "the addend of the low part"))
            formula, value = f"{formula} + A_LOW", value + self.addend[row]
        return Sum(formula, tuple(named), value)

    def high_of(self, row: int) -> int:
        """The row of the high part that a low part names."""
        sym = self.sym[row]
        section = self.symbol_sid[sym]
        return self._highs[section, int(self.index.final.symbols.value[sym])]

    def _places_of_highs(self) -> dict[tuple[int, int], int]:
        found: dict[tuple[int, int], int] = {}
        for row, kind in enumerate(self.type):
            reloc = RELOCATIONS[kind]
            if reloc.formula in _HIGH_FORMULAS and reloc.field is U_TYPE:
                found[self.sid[row], self.offset[row]] = row
        return found

    # --- bytes ---

    def application(self, row: int) -> Application:
        """How a row was applied. The row must be one that the linker computes."""
        chain = self._chains.get((self.sid[row], self.offset[row]))
        if chain:
            return self._in_chain(row, chain)
        (formula, operands, value), replaced = self._as_applied(row)
        at, kind = self.file_offset(row), RELOCATIONS[self.type[row]]
        width = self._width(row)
        before, after = self._bytes(at, width, after=False), self._bytes(at, width, after=True)
        base = before
        if replaced:
            mask = kind.field.mask
            unit = int.from_bytes(after, "little") & ~mask | int.from_bytes(before, "little") & mask
            base = unit.to_bytes(width, "little")
        return self._make(row, Sum(formula, operands, value), before, base, after, replaced)

    def _make(
        self, row: int, total: Sum, before: bytes, base: bytes, after: bytes, replaced: str = ""
    ) -> Application:
        kind = self.type[row]
        field = self.fields[kind]
        if field.name == ULEB128.name:
            field = BitField("uleb128", len(before), (), 1, 0, 1, field.operation)
        output = self.layout.outputs[int(self.layout.output[self.sid[row]])].name
        return Application(
            kind, RELOCATIONS[kind].name, output, self.place(row), self.file_offset(row),
            total.formula, total.operands, total.value, field, before, base, after, replaced=replaced,
        )  # fmt: skip

    def _as_applied(self, row: int) -> tuple[Sum, str]:
        """(the sum that is in the bytes, why the instruction was replaced or "").

        The linker replaces an instruction whose target no distance reaches, as GNU ld does.
        """
        total, field = self.compute(row), RELOCATIONS[self.type[row]].field
        if field is not U_TYPE and field is not U_I_TYPE:
            return total, ""
        at, width = self.file_offset(row), self._width(row)
        old = int.from_bytes(self._bytes(at, width, after=False), "little")
        new = int.from_bytes(self._bytes(at, width, after=True), "little")
        if not (old ^ new) & ~field.mask:
            return total, ""
        if field is U_I_TYPE and (old ^ new) >> 32 & 0x000FFFFF:
            name = self.index.symbol_name(self.sym[row])
            nothing = f"{name} is undefined and weak: the call goes to address 0, relative to x0"
            return Sum("0", (), 0), nothing
        address = Sum("S + A", total.operands[:-1], sext(total.value + self.place(row), 64))
        if old & _OPCODE == _AUIPC and new & _OPCODE == _LUI:
            return address, "no distance reaches the target, but its address fits: auipc becomes lui"
        return total, ""

    def _bytes(self, at: int, width: int, after: bool) -> bytes:
        history = self.index.history
        return (history.after if after else history.before)[at : at + width]

    def _width(self, row: int) -> int:
        kind = RELOCATIONS[self.type[row]]
        if kind.field is not ULEB128:
            return kind.field.width
        return uleb128_length(memoryview(self.index.history.before), self.file_offset(row), kind)

    # --- several relocations of one place ---

    def _shared_places(self) -> dict[tuple[int, int], list[int]]:
        """Places of relocations that add and subtract, with the rows there in the order in which they are applied."""
        found: dict[tuple[int, int], list[int]] = {}
        for row, kind in enumerate(self.type):
            reloc = RELOCATIONS[kind]
            if reloc.operation in ("add", "sub") or reloc.name.startswith("R_RISCV_SET"):
                found.setdefault((self.sid[row], self.offset[row]), []).append(row)
        for rows in found.values():
            rows.sort(key=lambda row: (RELOCATIONS[self.type[row]].operation != "set", row))
        return found

    def _in_chain(self, row: int, chain: list[int]) -> Application:
        unit = self._bytes(self.file_offset(row), self._width(row), after=False)
        for each in chain:
            total, kind = self.compute(each), RELOCATIONS[self.type[each]]
            value = total.value
            number = _number(unit, kind)
            if kind.operation == "add":
                value = number + value
                total = Sum(kind.formula.value, (_at_place(number), *total.operands), value)
            elif kind.operation == "sub":
                value = number - value
                total = Sum(kind.formula.value, (_at_place(number), *total.operands), value)
            following = _put(unit, kind, value)
            if each == row:
                return self._make(row, total._replace(value=sext(value & M64, 64)), unit, unit, following)
            unit = following
        raise ValueError("a relocation is not at its own place")


def _sum(formula: str, *operands: Operand) -> Sum:
    """The value of a formula of operands in their order, joined by + and -."""
    total, sign = 0, 1
    values = iter(operands)
    for word in formula.split():
        if word in "+-":
            sign = 1 if word == "+" else -1
        else:
            total += sign * next(values).value
    return Sum(formula, operands, sext(total & M64, 64))


def _of_high(operand: Operand, where: str) -> str:
    return (
        f"the place {where}"
        if operand.letter == "P"
        else f"{operand.what} ({where})"
        if operand.letter == "A"
        else operand.what
    )


def _at_place(number: int) -> Operand:
    return Operand("V", number, "the number at the place")


def _number(unit: bytes, kind: Reloc) -> int:
    if kind.field is ULEB128:
        return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(unit))
    return int.from_bytes(unit, "little") & kind.field.mask


def _put(unit: bytes, kind: Reloc, value: int) -> bytes:
    if kind.field is ULEB128:
        digits = [value >> 7 * i & 0x7F for i in range(len(unit))]
        return bytes(digit | 0x80 * (i + 1 < len(unit)) for i, digit in enumerate(digits))
    number = int.from_bytes(unit, "little") & ~kind.field.mask | scatter(kind.field, value)
    return number.to_bytes(len(unit), "little")


def _bit_field(row: Reloc) -> BitField:
    field = row.field
    pieces = tuple(BitPiece(*piece) for piece in field.pieces)
    return BitField(field.name, field.width, pieces, field.low, field.high, field.alignment, row.operation)
