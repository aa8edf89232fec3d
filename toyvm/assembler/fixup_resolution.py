"""Computes the final values of symbols and expressions, and turns each fix-up into bytes or relocations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..base.bits import M64, sext
from ..elf.constants import SHF_TLS, STB_LOCAL, STT_FUNC, STT_TLS
from ..relocation_fields import scatter
from ..relocations import MODIFIERS, RELOCATIONS, Formula, Need, R
from .encode import ADDEND_IN_FIELD, RAW_BRANCHES
from .expressions import combine
from .layout.section_layout import SectionLayout, leb128_bytes
from .problems import Problem
from .sections import (
    FAKE_LABEL,
    AsmSection,
    AsmSymbol,
    DeferredOperation,
    ExplicitReloc,
    Fix,
    Linear,
    Part,
    PartKind,
    Value,
    joined_type,
    may_relax,
)
from .state import AssemblyState


class PendingReloc(NamedTuple):
    """A relocation before symbols have numbers. If `relax` is set, an R_RISCV_RELAX follows it."""

    offset: int
    type: R
    symbol: AsmSymbol | None
    addend: int
    relax: bool


_reloc_of: Callable[[tuple[int, R, AsmSymbol | None, int, bool]], PendingReloc] = partial(
    tuple.__new__, PendingReloc
)


class SymbolValue(NamedTuple):
    """A number (`section` and `symbol` are None), an offset in `section`, or another `symbol` plus `value`."""

    section: AsmSection | None
    value: int
    symbol: AsmSymbol | None = None

    @property
    def is_number(self) -> bool:
        """Whether this is a number, and not a place."""
        return self.section is None and self.symbol is None


_THREAD_LOCAL = frozenset(row.type for row in RELOCATIONS.values() if Need.THREAD_LOCAL in row.needs)
_DISTANCES = frozenset(RAW_BRANCHES.values())
_ULEB128_PAIR = (R.SET_ULEB128, R.SUB_ULEB128)
# Size of data -> the types that store a difference of two addresses.
_PAIRS = {
    minus.field.width: (plus, minus.type)
    for minus in RELOCATIONS.values()
    for plus in minus.partners
    if minus.formula is Formula.SUBTRACT and RELOCATIONS[plus].formula is Formula.ADD
}

# The type of a fix-up -> that of its only relocation, if no other rule applies: addresses, and parts of them
_PLAIN_TYPES: dict[int, R] = {
    **{
        row.type: row.type
        for row in RELOCATIONS.values()
        if row.type not in _DISTANCES | _THREAD_LOCAL | {R.ALIGN}
    },
    -4: MODIFIERS["", "word32"],
    -8: MODIFIERS["", "word64"],
}


class FixupResolver:
    """Resolves symbols, expressions and fix-ups. Before the layout is final, only `part_value` may be called."""

    def __init__(self, state: AssemblyState, layout: SectionLayout):
        self.state = state
        self.layout = layout
        self.where = 0
        self._open: set[AsmSymbol] = set()
        self._known: dict[AsmSymbol, SymbolValue] = {}

    # -- symbols and expressions ------------------------------------------------------------------

    def value_of(self, symbol: AsmSymbol) -> SymbolValue:
        """The value of `symbol`.

        Raises Problem if its definition refers to itself, or is neither a number nor a symbol plus
        a number.
        """
        known = self._known.get(symbol)
        if known is not None:
            return known
        if symbol.chunk is not None:
            found = SymbolValue(symbol.chunk.section, self.layout.address(symbol))
        elif symbol.value is None:
            found = SymbolValue(None, 0, symbol)
        else:
            if symbol in self._open or len(self._open) > 200:
                raise Problem(
                    f"symbol '{symbol.name}' is defined in terms of itself",
                    symbol.name,
                    gnu=f"symbol definition loop encountered at `{symbol.name}'",
                    placed=False,
                )
            self._open.add(symbol)
            try:
                found = self._value(symbol.value)
            finally:
                self._open.discard(symbol)
        self._known[symbol] = found
        return found

    def _value(self, value: Value) -> SymbolValue:
        """The value of an expression. Raises Problem like `value_of`."""
        if isinstance(value, int):
            return SymbolValue(None, value)
        if isinstance(value, DeferredOperation):
            return self._operation(value)
        add = self.value_of(value.add) if value.add is not None else SymbolValue(None, 0)
        sub = self.value_of(value.sub) if value.sub is not None else SymbolValue(None, 0)
        return self._difference(add, sub, value.addend)

    def _difference(self, add: SymbolValue, sub: SymbolValue, addend: int) -> SymbolValue:
        if sub.section is None and sub.symbol is None:
            return add._replace(value=add.value + addend - sub.value)
        if add.section is sub.section and add.symbol is sub.symbol:
            return SymbolValue(None, add.value - sub.value + addend)
        raise Problem(
            "this expression is neither a number nor one symbol plus a number",
            expected="a constant expression",
        )

    def _operation(self, value: DeferredOperation) -> SymbolValue:
        left, right = self._value(value.left), self._value(value.right)
        if value.op == "+" and (left.is_number or right.is_number):
            base, other = (right, left) if left.is_number else (left, right)
            return base._replace(value=base.value + other.value)
        if value.op in ("==", "!=", "<", ">", "<=", ">=", "-") and left[::2] == right[::2]:
            left, right = SymbolValue(None, left.value), SymbolValue(None, right.value)
        if value.op == "-" and right.is_number:
            return left._replace(value=left.value - right.value)
        if not left.is_number or not right.is_number:
            raise Problem(
                f"operator '{value.op}' needs numbers, but this is a symbol", expected="a constant expression"
            )
        found = combine(value.op, left.value, right.value)
        assert isinstance(found, int)
        return SymbolValue(None, found)

    def part_value(self, value: Value, part: Part) -> int:
        """The number for an ORG, SPACE or LEB128 part. A label counts as its offset in its section.

        Raises Problem.
        """
        self.where = part.where
        self._known.clear()  # addresses move while sections are laid out
        found = self._value(value)
        if found.symbol is not None:
            raise Problem(
                f"'{found.symbol.name}' must be defined in this file, because its value is needed",
                found.symbol.name,
            )
        if part.kind == PartKind.LEB128 and found.section is not None:
            raise Problem("a LEB128 number cannot be an address, only a distance")
        return found.value

    def number_of(self, value: Value) -> int:
        """The number that an expression has, 0 if it has none."""
        return self._value(value).value

    def number(self, part: Part, at: int, size: int, data: bytearray, relocs: list[PendingReloc]) -> None:
        """Write the LEB128 number of `part` to the `size` bytes at `at`.

        If the linker may shorten the distance, add relocations.
        """
        value = part.target
        while isinstance(value, Linear) and value.add is not None and value.sub is None:
            inner = value.add.value
            if not isinstance(inner, Linear):
                value = value if inner is None else inner
                break
            value = inner._replace(addend=inner.addend + value.addend)
        data[at : at + size] = leb128_bytes(part, self._value(part.target).value, size)
        if not may_relax(value):
            return
        if part.addend or not isinstance(value, Linear):
            raise Problem(
                "this distance may shrink when the program is linked", expected=".uleb128 label - label"
            )
        plus, minus = _ULEB128_PAIR
        symbol, addend, _ = self.target(value.add, value.addend)
        relocs.append(PendingReloc(at, plus, symbol, addend, False))
        symbol, addend, _ = self.target(value.sub, 0)
        relocs.append(PendingReloc(at, minus, symbol, addend, False))

    def settle_symbols(self) -> None:
        """Report symbols without a value: undefined local labels, and circular definitions."""
        self._known.clear()
        for symbol in list(self.state.symbols.by_name.values()):
            try:
                if symbol.value is not None:
                    found = self.value_of(symbol).symbol
                    if symbol.equated and found is not None and found.common is not None:
                        raise equated_to_common(symbol.name, found.name, placed=False)
                    self._inherit(symbol)
            except Problem as problem:
                self.state.report(problem, symbol.where)

    def _inherit(self, symbol: AsmSymbol) -> None:
        """Give an alias the type and size of its symbol (gas: copy_symbol_attributes)."""
        value = symbol.value
        if isinstance(value, Linear) and value.add is not None and value.sub is None:
            target = value.add
            self._inherit(target)  # `value_of` has rejected circles
            symbol.type = joined_type(symbol.type, target.type)
            if symbol.size == 0:
                symbol.size, symbol.size_where = target.size, target.size_where

    def size_of(self, symbol: AsmSymbol) -> int:
        """The symbol's st_size. Raises Problem if the operand of `.size` is not a number."""
        gnu = f".size expression for {symbol.name} does not evaluate to a constant"
        try:
            found = self._value(symbol.size)
        except Problem as problem:
            problem.gnu, problem.placed = gnu, False
            self.state.report(problem, symbol.size_where)
            return 0
        if not found.is_number:
            self.state.report(
                Problem(f".size of '{symbol.name}' is not a number", symbol.name, gnu=gnu, placed=False),
                symbol.size_where,
            )
            return 0
        return found.value & 0xFFFFFFFFFFFFFFFF

    def explicit(self, wanted: ExplicitReloc) -> tuple[AsmSection, PendingReloc]:
        """The section and the relocation of a `.reloc`. Raises Problem."""
        place = self._value(wanted.place)
        section = wanted.section if place.section is None else place.section
        size = min(RELOCATIONS[wanted.type].field.width, 4)
        if place.symbol is not None or section not in self.state.sections:
            raise Problem("the place of a .reloc must be a label of this file, or an offset")
        if section.is_nobits or not 0 <= place.value <= section.size - size:
            raise Problem(f"the place of this .reloc is not within section {section.name}")
        add, sub, addend = wanted.value
        if sub is not None or (add is not None and not add.name):
            found = self._value(wanted.value)
            if not found.is_number:
                raise Problem("the value of a .reloc must be a symbol plus a number")
            add, addend = None, found.value
        symbol, addend, _ = self.target(add, addend)
        return section, PendingReloc(place.value, wanted.type, symbol, addend, False)

    # -- fix-ups ----------------------------------------------------------------------------------

    def target(self, symbol: AsmSymbol | None, addend: int) -> tuple[AsmSymbol | None, int, int]:
        """The symbol and the addend of a relocation against `symbol + addend`, and the known address.

        The symbol is None for a number, unless the number has a global name, because the linker may choose another
        definition of that name. A symbol equated to an undefined symbol is replaced by the undefined one.
        """
        if symbol is None:
            return None, addend, addend
        found = self.value_of(symbol)
        value = found.value + addend
        if found.is_number:
            return (None, value, value) if symbol.binding == STB_LOCAL else (self._use(symbol), addend, value)
        if found.symbol is not None:
            size = found.symbol.common[0] if found.symbol.common else 0  # GNU as takes it for the address
            return self._use(found.symbol), value, value + size
        if not symbol.name:  # a deferred expression that turned out to be a place
            assert found.section is not None
            return self._use(found.section.symbol), value, value
        return self._use(symbol), addend, value

    def used(self, symbol: AsmSymbol) -> AsmSymbol:
        """The symbol of a relocation that names a label of this file."""
        return symbol if symbol.used else self._use(symbol)

    def _use(self, symbol: AsmSymbol) -> AsmSymbol:
        """Add `symbol` to the symbol table for a relocation. Raises Problem for `1f` without a label."""
        if not symbol.used:
            symbol.used = True
            if not symbol.is_defined and symbol.name.startswith(".L") and "\x02" in symbol.name:
                label = symbol.name[2:].partition("\x02")[0]
                raise Problem(f"there is no label '{label}:' after this", f"{label}f")
            self.state.symbols.list(symbol)
        return symbol

    def apply_plain(self, fix: Fix, at: int, relocs: list[PendingReloc]) -> bool:
        """Append the relocation of a fix-up for a symbol that is a label or undefined: nearly all are.

        Returns whether it is such a fix-up. Raises Problem like `target`.
        """
        _, type, symbol, sub, addend, relax, _ = fix
        if symbol is None or sub is not None or symbol.value is not None or not symbol.name:
            return False
        found = _PLAIN_TYPES.get(type)
        if found is None:
            return False
        if not symbol.used:
            self._use(symbol)
        relocs.append(_reloc_of((at, found, symbol, addend, relax)))
        return True

    def apply(
        self, fix: Fix, at: int, section: AsmSection, data: bytearray, relocs: list[PendingReloc]
    ) -> None:
        """Resolve one fix-up at offset `at`: write bytes to `data`, or append to `relocs`. Raises Problem."""
        if fix.type < 0:
            self._data(fix, at, -fix.type, data, relocs)
        elif fix.sub is not None:
            sub = self.value_of(fix.sub)
            if fix.add is not None and sub.is_number:
                fix = fix._replace(sub=None, addend=fix.addend - sub.value)
                if fix.type in ADDEND_IN_FIELD:
                    _put_field(R(fix.type), at, fix.addend, data)
                self.apply(fix, at, section, data, relocs)
            else:
                self._constant_only(fix, at, data)
        elif fix.type == R.ALIGN:
            relocs.append(PendingReloc(at, R.ALIGN, None, fix.addend, False))
        else:
            symbol, addend, value = self.target(fix.add, fix.addend)
            if symbol is not None and fix.type in _DISTANCES:
                _put_field(R(fix.type), at, value - at, data)
            if symbol is not None and fix.type in _THREAD_LOCAL:
                self._thread_local(symbol)
            if symbol is None and fix.type in ADDEND_IN_FIELD:
                _put_field(R(fix.type), at, addend, data)
            else:
                relocs.append(PendingReloc(at, R(fix.type), symbol, addend, fix.relax and symbol is not None))

    def _thread_local(self, symbol: AsmSymbol) -> None:
        """Set the type of a symbol to STT_TLS. Raises Problem if it has another type."""
        found = self.value_of(symbol)
        place = found.section
        elsewhere = found.is_number or (place is not None and not place.flags & SHF_TLS)
        if symbol.type == STT_FUNC or elsewhere:
            raise Problem(f"accessing '{symbol.name}' as thread-local object", symbol.name)
        symbol.type = STT_TLS

    def _constant_only(self, fix: Fix, at: int, data: bytearray) -> None:
        """`%lo(a - b)`, which is allowed if the difference is a number. Raises Problem otherwise."""
        found = self._value(Linear(fix.add, fix.sub, 0))
        if not found.is_number or fix.type not in ADDEND_IN_FIELD:
            raise Problem("the difference of two symbols cannot be put into this instruction")
        _put_field(R(fix.type), at, found.value + fix.addend, data)

    def _data(self, fix: Fix, at: int, size: int, data: bytearray, relocs: list[PendingReloc]) -> None:
        """Data of `size` bytes holding `add - sub + addend`."""
        if fix.sub is not None:
            self._data_difference(fix, at, size, data, relocs)
            return
        symbol, addend, value = self.target(fix.add, fix.addend)
        if symbol is None:
            _put_checked(data, at, size, value)
            return
        type = MODIFIERS.get(("", f"word{8 * size}"))
        if type is None:
            raise Problem(
                f"there is no relocation for an address in {size} byte{'s' * (size > 1)}", fix_name(symbol)
            )
        relocs.append(PendingReloc(at, type, symbol, addend, False))

    def _data_difference(
        self, fix: Fix, at: int, size: int, data: bytearray, relocs: list[PendingReloc]
    ) -> None:
        """`a - b`: a number if both are numbers or in one section without code, else two relocations.

        The linker may delete bytes of code between them (gas: TC_FORCE_RELOCATION_SUB_SAME).
        """
        assert fix.sub is not None
        sub = self.value_of(fix.sub)
        add = self.value_of(fix.add) if fix.add is not None else SymbolValue(None, 0)
        if add.section is not None and add.section is sub.section and not add.section.is_code:
            _put_checked(data, at, size, add.value - sub.value + fix.addend)
            return
        if sub.is_number:
            self._data(fix._replace(sub=None, addend=fix.addend - sub.value), at, size, data, relocs)
            return
        if fix.add is None or add.is_number:
            raise Problem("no relocation can express a number minus a symbol", fix_name(fix.sub))
        plus, minus = _PAIRS[size]
        symbol, addend, _ = self.target(fix.add, fix.addend)
        relocs.append(PendingReloc(at, plus, symbol, addend, False))
        symbol, addend, _ = self.target(fix.sub, 0)
        relocs.append(PendingReloc(at, minus, symbol, addend, False))


def equated_to_common(name: str, common: str, placed: bool = True) -> Problem:
    """The problem that a symbol is set to a common one, whose place only the linker knows."""
    return Problem(
        f"'{name}' cannot be set to the common symbol '{common}'",
        name,
        gnu=f"`{name}' can't be equated to common symbol `{common}'",
        placed=placed,
    )


def fix_name(symbol: AsmSymbol) -> str:
    """The name of a symbol in messages; "" if it has none."""
    return "" if symbol.name in ("", FAKE_LABEL) else symbol.name


def _put_checked(data: bytearray, at: int, size: int, value: int) -> None:
    """Write a number. Raises Problem if it has more than `size` bytes."""
    limit, shown = 1 << 8 * size, f"{value}" if 0 <= value <= 1000 else f"{value & M64:016x}"
    if size < 8 and not -limit < sext(value, 64) < limit:
        raise Problem(
            f"value {value:#x} does not fit {size} byte{'s' * (size > 1)}",
            gnu=f"value of {shown} too large for field of {size} byte{'s' * (size > 1)} at {at:016x}",
        )
    _put(data, at, size, value)


def _put(data: bytearray, at: int, size: int, value: int) -> None:
    data[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def _put_field(type: R, at: int, value: int, data: bytearray) -> None:
    field = RELOCATIONS[type].field
    word = int.from_bytes(data[at : at + field.width], "little") & ~field.mask
    data[at : at + field.width] = (word | scatter(field, value)).to_bytes(field.width, "little")
