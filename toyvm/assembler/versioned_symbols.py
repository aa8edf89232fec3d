"""`.symver`: symbols with a version, `name@VERSION`, or `name@@VERSION` for the default version."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from toyvm.base.record import Record

from ..elf.constants import STB_LOCAL, STB_WEAK, STV_HIDDEN
from .problems import Problem
from .sections import AsmSymbol
from .statements import NAME_PATTERN
from .symbols import AsmSymbols

_VERSIONED = re.compile(rf"({NAME_PATTERN})(@{{1,3}})([^@\s,]*)")
VISIBILITIES = ("local", "hidden", "remove")


class VersionedName(Record):
    """One `.symver`.

    `at` is "@", "@@" or "@@@". `visibility`, one of VISIBILITIES or "", applies to the name without
    version.
    """

    symbol: AsmSymbol
    name: str
    at: str
    version: str
    visibility: str
    where: int

    @property
    def full_name(self) -> str:
        """The name as it is written: `name@VERSION`."""
        return f"{self.name}{self.at}{self.version}"


def read_versioned(symbol: AsmSymbol, text: str, visibility: str, where: int) -> VersionedName:
    """The version that `.symver` gives to `symbol`. Raises Problem."""
    match = _VERSIONED.fullmatch(text)
    if match is None:
        raise Problem(
            f"'{text}' is not a name with a version",
            text,
            expected="name@VERSION, name@@VERSION or name@@@VERSION",
            gnu=f"missing version name in `{text}' for symbol `{symbol.name}'",
        )
    if symbol.common is not None:
        raise common_with_version(text, symbol.name)
    if visibility and visibility not in VISIBILITIES:
        raise Problem(f"unknown visibility '{visibility}'", visibility, expected="local, hidden or remove")
    return VersionedName(symbol, match[1], match[2], match[3], visibility, where)


def common_with_version(versioned: str, name: str, placed: bool = True) -> Problem:
    """The problem that a common symbol has a version."""
    return Problem(
        f"common symbol '{name}' cannot have a version",
        versioned,
        gnu=f"`{versioned}' can't be versioned to common symbol '{name}'",
        placed=placed,
    )


def apply_versions(
    versions: Sequence[VersionedName], symbols: AsmSymbols, report: Callable[[Problem, int], None]
) -> None:
    """Rename undefined symbols, and give defined ones a second name (gas: elf_frob_symbol).

    Call between `settle_symbols` and `ObjectOutput`. Problems are passed to `report`.
    """
    by_symbol: dict[AsmSymbol, dict[str, VersionedName]] = {}
    visibility: dict[AsmSymbol, str] = {}  # the last one that is stated counts
    for versioned in versions:
        by_symbol.setdefault(versioned.symbol, {}).setdefault(versioned.full_name, versioned)
        if versioned.visibility:
            visibility[versioned.symbol] = versioned.visibility
    for symbol, mine in by_symbol.items():
        for versioned in reversed(mine.values()):
            try:
                _apply(symbols, symbol, versioned, list(mine.values()), visibility.get(symbol, ""))
            except Problem as problem:
                report(problem, versioned.where)
                break  # its other versions have the same problem
        if symbol.is_defined:
            _show(symbol, visibility.get(symbol, ""))


def _apply(
    symbols: AsmSymbols,
    symbol: AsmSymbol,
    versioned: VersionedName,
    all: list[VersionedName],
    visibility: str,
) -> None:
    at, name, count = versioned.at, versioned.full_name, len(all)
    if sum(other.at == "@@@" for other in all) > 1:
        raise Problem(
            f"only one version of '{symbol.name}' can be given with @@@",
            name,
            gnu=f"only one version name with `@@@' is allowed for symbol `{symbol.name}'",
        )
    if symbol.common is not None:
        raise common_with_version(name, symbol.name, placed=False)
    if not symbol.is_defined:
        if at == "@@":
            raise Problem(
                f"'{name}' names the default version of a symbol that is not defined here",
                name,
                gnu=f"invalid attempt to declare external version name as default in symbol `{name}'",
            )
        if count > 1:
            names = "|".join(f"`{other.full_name}'" for other in reversed(all))
            raise Problem(
                f"undefined symbol '{symbol.name}' cannot have several versions",
                name,
                gnu=f"multiple versions [{names}] for symbol `{symbol.name}'",
                placed=False,
            )
        symbol.name = f"{versioned.name}@{versioned.version}"
        return
    if at == "@@@":
        symbol.name = f"{versioned.name}@@{versioned.version}"
        return
    if visibility == "remove" and count > 1 and symbol.used:
        raise Problem(
            f"symbol '{symbol.name}' with several versions is removed, but a relocation refers to it",
            name,
            gnu=f"symbol '{symbol.name}' with multiple versions cannot be used in relocation",
        )
    if visibility == "remove" and versioned is all[0]:
        symbol.name = name
        symbols.order.remove(symbol)
        symbols.order.append(symbol)
        return
    alias = AsmSymbol(name)
    alias.chunk, alias.frag, alias.offset, alias.value = (
        symbol.chunk,
        symbol.frag,
        symbol.offset,
        symbol.value,
    )
    alias.binding, alias.type, alias.visibility = symbol.binding, symbol.type, symbol.visibility
    alias.size, alias.size_where, alias.where = symbol.size, symbol.size_where, versioned.where
    symbols.list(alias)


def _show(symbol: AsmSymbol, visibility: str) -> None:
    """Give the name without a version the visibility that `.symver` states."""
    if visibility == "local" and symbol.binding != STB_WEAK:
        symbol.binding = STB_LOCAL
    elif visibility == "hidden":
        symbol.visibility = STV_HIDDEN
