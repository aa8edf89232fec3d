"""Directives about symbols: binding, visibility, type, size, values, common symbols."""

from __future__ import annotations

import re

from toyvm.elf.constants import (
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STO_RISCV_VARIANT_CC,
    STT_COMMON,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STT_TLS,
    STV_HIDDEN,
    STV_INTERNAL,
    STV_PROTECTED,
)

from ..encode import split
from ..fixup_resolution import equated_to_common
from ..grammar import Expr, parse_expression
from ..problems import MAX_NOBITS_BYTES, Problem, unknown
from ..sections import AsmSymbol, Linear, SectionKey, joined_type
from ..state import AssemblyState
from ..statements import NAME_PATTERN, split_operands, symbol_name
from ..versioned_symbols import read_versioned
from .data import Directive

NAME = re.compile(NAME_PATTERN)


def symbol_named(state: AssemblyState, text: str) -> AsmSymbol:
    """The symbol that a directive names, listed in the symbol table. Raises Problem."""
    if not text or text == "." or (text[0] != '"' and not NAME.fullmatch(text)):
        raise _no_symbol(text)
    name = symbol_name(text)
    return state.symbols.list(state.symbols.get(name, state.where))


def _each(rest: str) -> list[str]:
    names = split_operands(rest)
    if not names:
        raise _no_symbol("")
    return names


def _no_symbol(text: str, also: str = "") -> Problem:
    said = f"expected a symbol, not '{text}'" if text else "expected a symbol"
    return Problem(said, text, expected="a symbol", gnu="Missing symbol name in directive", also=also)


def _weak_and_common(name: str) -> Problem:
    return Problem(
        f"symbol '{name}' cannot be both weak and common",
        name,
        gnu=f"symbol `{name}' can not be both weak and common",
        placed=False,
    )


def binding(value: int) -> Directive:
    """`.globl`, `.weak`, `.local`."""

    def directive(state: AssemblyState, rest: str) -> None:
        for text in _each(rest):
            symbol = symbol_named(state, text)
            if symbol.section is not None and value != STB_LOCAL:
                # GNU as takes .weak, and puts a local symbol behind the global ones.
                said = "weak" if value == STB_WEAK else "global"
                state.warn(
                    f"the symbol of section {symbol.name} cannot be {said}",
                    text,
                    gnu=f"can't make section symbol {said}",
                )
                continue
            if value == STB_WEAK and symbol.common is not None:
                raise _weak_and_common(symbol.name)
            if not (value == STB_GLOBAL and symbol.binding == STB_WEAK):
                symbol.binding = value
            if value == STB_LOCAL:
                symbol.local_wanted = True

    return directive


def visibility(value: int) -> Directive:
    """`.hidden`, `.protected`, `.internal`."""

    def directive(state: AssemblyState, rest: str) -> None:
        for text in _each(rest):
            symbol = symbol_named(state, text)
            symbol.visibility = value | symbol.visibility & STO_RISCV_VARIANT_CC

    return directive


def variant_cc(state: AssemblyState, rest: str) -> None:
    """`.variant_cc name`: a function with another calling convention, which lazy binding must not disturb (psABI)."""
    symbol_named(state, rest.strip()).visibility |= STO_RISCV_VARIANT_CC


def weakref(state: AssemblyState, rest: str) -> None:
    """`.weakref alias, target`: the alias means the target, which is weak unless something else refers to it."""
    pieces = split_operands(rest)
    if len(pieces) != 2 or not all(NAME.fullmatch(piece) for piece in pieces):
        raise Problem(".weakref takes an alias and a symbol", expected="alias, symbol")
    alias, target = pieces
    known = state.symbols.by_name.get(alias)
    if known is not None and known.is_defined:
        raise redefinition(state, alias, known)
    at = target
    while at in state.weak_aliases:
        at = str(state.substitutes[at])
    if at == alias:
        raise Problem(f"'{alias}' is a weak reference to itself", target)
    if at not in state.symbols.by_name:
        state.weak_targets.add(state.symbols.get(at, state.where))
    if known is not None:  # it has been used: what used it means the target now
        known.value = Linear(state.symbols.get(at), None, 0)
    state.substitutes[alias] = target
    state.weak_aliases.add(alias)
    state.code_memo.clear()
    state.data_memo.clear()


_TYPES = {
    "function": STT_FUNC, "func": STT_FUNC, "object": STT_OBJECT, "notype": STT_NOTYPE, "tls_object": STT_TLS,
    "common": STT_COMMON, "gnu_indirect_function": STT_GNU_IFUNC, "gnu_unique_object": STT_OBJECT,
    "tls": STT_TLS, "gnu_ifunc": STT_GNU_IFUNC,
}  # fmt: skip


def type_(state: AssemblyState, rest: str) -> None:
    """`.type name, @function` (also %function, "function", STT_FUNC, or after a blank)."""
    if not rest:
        raise _no_symbol("", also='unrecognized symbol type ""')
    match = re.fullmatch(r'\s*("[^"]*"|[^\s,]+)\s*(?:,|\s)\s*(\S.*?)\s*', rest)
    if match is None:
        raise Problem(".type takes a symbol and a type", expected=".type name, @function")
    symbol = symbol_named(state, match[1])
    word = match[2].strip('"')
    known = word[4:].lower() if word.startswith("STT_") else word.lstrip("@%#")
    if known not in _TYPES:
        raise unknown("symbol type", known or match[2], [name for name in _TYPES if "_ifunc" not in name])
    if known == "gnu_unique_object":
        symbol.type, symbol.binding = STT_OBJECT, STB_GNU_UNIQUE
        return
    new = _TYPES[known]
    if {_is_function(symbol.type), _is_function(new)} == {True, False}:
        state.warn(f"symbol '{symbol.name}' already has its type set", match[1])
    symbol.type = _retyped(symbol.type, new)
    if symbol.binding == STB_GNU_UNIQUE and symbol.type != STT_OBJECT:
        symbol.binding = STB_GLOBAL


def _is_function(type: int) -> bool | None:
    """True for the type of a function, False for that of data, None for others."""
    if type in (STT_FUNC, STT_GNU_IFUNC):
        return True
    return False if type in (STT_OBJECT, STT_TLS) else None


def _retyped(old: int, new: int) -> int:
    """The type after a second `.type`: an IFUNC stays one if it becomes a function (gas: obj_elf_type)."""
    for special, plain in ((STT_GNU_IFUNC, STT_FUNC), (STT_TLS, STT_OBJECT)):
        if (old, new) == (special, plain):
            return special
    return new


def size(state: AssemblyState, rest: str) -> None:
    """`.size name, expression`. The expression is evaluated at the end."""
    name, comma, text = rest.partition(",")
    if not comma:
        raise Problem(".size takes a symbol and an expression", expected=".size name, expression")
    symbol = symbol_named(state, name.strip())
    symbol.size = state.evaluate(parse_expression(text))
    symbol.size_where = state.where
    symbol.has_alias_size = False


def assign(state: AssemblyState, name: str, text: str, *, once: bool = False) -> None:
    """`name = expression` (`.set`, `.equ`). With `once` (`.equiv`, `==`), a defined name is an error."""
    if name == ".":
        from .data import org

        org(state, text)
        return
    expr = parse_expression(text)
    known = state.symbols.by_name.get(name)
    if known is not None and known.is_defined and (once or not known.equated):
        raise redefinition(state, name, known)
    symbol = state.symbols.list(state.symbols.get(name, state.where))
    value = state.evaluate(expr)
    now = state.fixed(value)
    if now is not None:
        value = now
    if known is not None and known.is_defined and (known.is_forward or not isinstance(known.value, int)):
        symbol = state.symbols.renew(symbol)  # what used it before its first value keeps that
    symbol.equated = True
    symbol.where = state.where
    if symbol.has_alias_size:
        symbol.size, symbol.has_alias_size = 0, False
    _give(state, symbol, value if isinstance(value, int | Linear) else split(state, expr), expr)
    state.code_memo.clear()
    state.data_memo.clear()


def eqv(state: AssemblyState, rest: str) -> None:
    """`.eqv name, expression`: the expression is evaluated wherever the name is used, not here."""
    name, comma, text = rest.partition(",")
    name = name.strip()
    if not comma or not text.strip() or not NAME.fullmatch(name):
        raise Problem("this takes a symbol and an expression", expected="name, expression")
    expr = parse_expression(text)
    assign(state, name, text, once=True)
    state.symbols.by_name[name].equated = False  # .set cannot change it
    state.substitutes[name] = expr


def _give(state: AssemblyState, symbol: AsmSymbol, value: int | Linear, expr: Expr) -> None:
    """Set the value of a symbol: a number, the place of a label, or an expression to evaluate at the end."""
    symbol.chunk = None
    symbol.value = value
    if isinstance(value, int) or value.add is None or value.sub is not None:
        return
    target = value.add
    if target.common is not None:
        symbol.value = 0
        raise equated_to_common(symbol.name, target.name)
    if target.chunk is not None:
        symbol.chunk, symbol.frag, symbol.offset = target.chunk, target.frag, target.offset + value.addend
        symbol.value = None
    symbol.type = joined_type(symbol.type, target.type)
    if symbol.size == 0:  # its own size takes precedence (gas: elf_copy_symbol_attributes)
        symbol.size, symbol.size_where = target.size, target.size_where
        symbol.has_alias_size = True


def redefinition(state: AssemblyState, name: str, known: AsmSymbol) -> Problem:
    """The problem that a name is already defined."""
    file, line = state.source.place(known.where)
    return Problem(
        f"symbol '{name}' is already defined",
        name,
        hint=f"first defined at {file}:{line}",
        gnu=f"symbol `{name}' is already defined",
    )


def set_(once: bool) -> Directive:
    """`.set`, `.equ`, `.equiv`."""

    def directive(state: AssemblyState, rest: str) -> None:
        name, comma, text = rest.partition(",")
        if not comma or not text.strip():
            raise Problem("this takes a symbol and an expression", expected="name, expression")
        assign(state, symbol_name(name.strip()), text, once=once)

    return directive


def common(local: bool) -> Directive:
    """`.comm name, size, alignment` and `.lcomm name, size, alignment`."""

    def directive(state: AssemblyState, rest: str) -> None:
        pieces = split_operands(rest)
        if not 2 <= len(pieces) <= 3:
            raise Problem("this takes a symbol, a size and an alignment", expected="name, size, alignment")
        symbol = symbol_named(state, pieces[0])
        amount = state.number_of(pieces[1], "the size")
        if not 0 <= amount <= MAX_NOBITS_BYTES:
            raise Problem(f"size {amount} is not in 0..{MAX_NOBITS_BYTES}", pieces[1])
        alignment = 1 if symbol.local_wanted else _natural(amount, local)
        if len(pieces) == 3:
            alignment = state.number_of(pieces[2], "the alignment")
        if alignment < 0 or alignment & (alignment - 1) or alignment > 1 << 16:
            raise Problem(f"alignment {alignment} is not a power of two up to 65536", pieces[-1])
        if symbol.binding == STB_WEAK and not local:
            raise _weak_and_common(symbol.name)
        if symbol.is_defined and symbol.common is None:
            raise redefinition(state, symbol.name, symbol)
        symbol.where = state.where
        symbol.type = STT_OBJECT
        if local or symbol.local_wanted:
            _allocate(state, symbol, amount, max(alignment, 1))
        else:
            symbol.common = (max(amount, symbol.common[0] if symbol.common else 0), max(alignment, 1))
            symbol.size = amount
            if symbol.binding == STB_LOCAL:
                symbol.binding = STB_GLOBAL

    return directive


def tls_common(state: AssemblyState, rest: str) -> None:
    """`.tls_common name, size, alignment`: a thread-local common symbol."""
    common(False)(state, rest)
    symbol_named(state, split_operands(rest)[0]).type = STT_TLS


def _natural(size: int, local: bool) -> int:
    """The default alignment of a common symbol: its size as a power of two, up to 16 (8 for .lcomm)."""
    limit = 8 if local else 16
    alignment = 1
    while alignment * 2 <= min(size, limit):
        alignment *= 2
    return alignment


def _allocate(state: AssemblyState, symbol: AsmSymbol, size: int, alignment: int) -> None:
    bss = state.find_section(SectionKey(".bss"))
    assert bss is not None
    chunk = bss.chunk(0)
    bss.align = max(bss.align, alignment)
    chunk.skip(-len(chunk.data) % alignment)
    chunk.place(symbol)
    chunk.skip(size)
    symbol.size = size


def symver(state: AssemblyState, rest: str) -> None:
    """`.symver name, name2@VERSION, visibility` (gas, "Symver")."""
    pieces = split_operands(rest)
    if not pieces:
        raise _no_symbol("", also="expected comma after name in .symver")
    if not 2 <= len(pieces) <= 3:
        raise Problem(".symver takes a symbol and a name with a version", expected="name, name2@VERSION")
    symbol = symbol_named(state, pieces[0])
    visibility = pieces[2] if len(pieces) == 3 else ""
    state.versions.append(read_versioned(symbol, pieces[1], visibility, state.where))


def accepted(state: AssemblyState, rest: str) -> None:
    """A directive without effect on the object. Its operands are ignored."""


SYMBOLS: dict[str, Directive] = {
    **dict.fromkeys((".globl", ".global", ".xdef"), binding(STB_GLOBAL)),
    **dict.fromkeys((".weak", ".weakext"), binding(STB_WEAK)),
    ".local": binding(STB_LOCAL),
    ".hidden": visibility(STV_HIDDEN),
    ".internal": visibility(STV_INTERNAL),
    ".protected": visibility(STV_PROTECTED),
    ".type": type_,
    ".size": size,
    **dict.fromkeys((".set", ".equ", ".lsym"), set_(False)),
    ".equiv": set_(True),
    ".eqv": eqv,
    ".weakref": weakref,
    ".variant_cc": variant_cc,
    **dict.fromkeys((".comm", ".common", ".common.s", ".xcom"), common(False)),
    ".tls_common": tls_common,
    ".lcomm": common(True),
    ".symver": symver,
    **dict.fromkeys(
        (".extern", ".xref", ".linefile", ".addrsig", ".addrsig_sym", ".lflags", ".ln", ".line"), accepted
    ),
}
