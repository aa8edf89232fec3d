"""Why an archive member or a library takes part in a link, or why it stays out."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.diagnostics import did_you_mean
from toyvm.base.errors import ToyvmError
from toyvm.linker.inputs.global_symbols import DefinitionKind
from toyvm.linker.inputs.resolution import Loaded

from .reading_order import Reading
from .symbol_history import SymbolHistory, archive_index
from .symbol_values import Link, MemberExplanation

_SHOWN = 8


def explain_member(history: SymbolHistory, wanted: str) -> tuple[MemberExplanation, ...]:
    """Explain every member and library that `wanted` names: `puts.o`, `libc.a(puts.o)`, `libc.a`, a library or soname.

    Raises ToyvmError if it names none.
    """
    found = [*_objects(history, wanted), *_members_left_out(history, wanted), *_libraries(history, wanted)]
    if not found:
        hint = did_you_mean(wanted, _known(history))
        raise ToyvmError(
            f"no archive member, library or object of this link is called '{wanted}'. {hint}".rstrip()
        )
    return tuple(found)


def _names(full: str, archive: str = "") -> set[str]:
    """The names by which a user may mean a member or a file."""
    names = {full, full.rsplit("/", 1)[-1]}
    if archive:
        member = full[len(archive) + 1 : -1]
        base = archive.rsplit("/", 1)[-1]
        names |= {member, f"{base}({member})"}
    return names


def _known(history: SymbolHistory) -> list[str]:
    known = {
        name for loaded in history.resolution.files for name in _names(loaded.object.name, loaded.archive)
    }
    for reading in history.readings:
        known |= _names(reading.name)
    return sorted(known)


def _objects(history: SymbolHistory, wanted: str) -> Iterator[MemberExplanation]:
    for loaded in history.resolution.files:
        own = _names(loaded.object.name, loaded.archive)
        archive = loaded.archive and wanted in _names(loaded.archive)
        if wanted in own or archive:
            yield _taken(history, loaded)


def _taken(history: SymbolHistory, loaded: Loaded) -> MemberExplanation:
    name = loaded.object.name
    uses = tuple(_uses(history, loaded))
    if not loaded.archive:
        return MemberExplanation(name, True, "it stands on the command line", (), uses)
    if loaded.reason == "--whole-archive":
        return MemberExplanation(name, True, "--whole-archive takes every member", (), uses)
    chain = chain_to(history, loaded)
    last = chain[-1]
    reason = f"{last.file or 'the command line'} refers to `{last.symbol}', which it defines"
    return MemberExplanation(name, True, reason, chain, uses)


def chain_to(history: SymbolHistory, loaded: Loaded) -> tuple[Link, ...]:
    """The references that pulled a member in, from the command line to it."""
    by_name = {each.object.name: each for each in history.resolution.files}
    chain: list[Link] = []
    here: Loaded | None = loaded
    while here is not None and here.archive and here.reason.endswith(")"):
        file, symbol = _asked(here.reason)
        chain.append(Link(file, symbol, here.object.name))
        here = by_name.get(file)
    return tuple(reversed(chain))


def _asked(reason: str) -> tuple[str, str]:
    """The file and the symbol of a reason `FILE (SYMBOL)`; a file's name may have parentheses."""
    file, _, symbol = reason[:-1].rpartition("(")
    return file.rstrip(), symbol


def _uses(history: SymbolHistory, loaded: Loaded) -> Iterator[str]:
    """The global symbols whose definition is in an object, and that another one mentions."""
    number = next(n for n, each in enumerate(history.resolution.files) if each is loaded)
    mentioned = history.users()
    for k in dict.fromkeys(loaded.ids.tolist()):
        symbol = history.resolution.symbols[k]
        own = symbol.file == number and symbol.kind in (DefinitionKind.DEFINED, DefinitionKind.COMMON)
        if own and mentioned.get(k, 0) > 1:
            yield symbol.name


def _members_left_out(history: SymbolHistory, wanted: str) -> Iterator[MemberExplanation]:
    seen: set[str] = set()
    for reading in history.readings:
        if reading.what != "archive" or reading.opened is None or reading.opened.archive is None:
            continue
        archive = reading.opened.archive
        symbols: dict[int, list[str]] = {}
        for name, number in archive_index(archive).items():
            symbols.setdefault(number, []).append(name)
        for number, member in enumerate(archive.members):
            full = f"{reading.name}({member.name})"
            if (
                wanted in _names(full, reading.name)
                and (reading.name, full) not in history.taken
                and full not in seen
            ):
                seen.add(full)
                yield MemberExplanation(full, False, _out(history, full, symbols.get(number, [])))
        if wanted in _names(reading.name) and not any(name == reading.name for name, _ in history.taken):
            yield MemberExplanation(
                reading.name, False, "none of its members defines what was undefined when it was searched"
            )


def _out(history: SymbolHistory, member: str, symbols: list[str]) -> str:
    """Why a member with these symbols stays out."""
    if not symbols:
        return "it defines no global symbol, so nothing can ask for it"
    table = history.resolution.table
    reasons = []
    for name in symbols:
        if name not in table:
            continue
        for mention in history.explain(name).mentions:
            if mention.file == member and mention.what == "unused member":
                reasons.append(f"`{name}': {mention.effect.removeprefix('loses: ')}")
                break
    if not reasons:
        shown = ", ".join(symbols[:_SHOWN]) + (
            f" and {len(symbols) - _SHOWN} more" if len(symbols) > _SHOWN else ""
        )
        return f"nothing refers to what it defines: {shown}"
    more = f"; and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return "; ".join(reasons[:_SHOWN]) + more


def _libraries(history: SymbolHistory, wanted: str) -> Iterator[MemberExplanation]:
    seen: set[int] = set()
    for reading in history.readings:
        opened = reading.opened
        if reading.what != "library" or opened is None or opened.library is None:
            continue
        if wanted not in _names(reading.name) | {opened.library.soname} or reading.library in seen:
            continue
        seen.add(reading.library)
        yield _library(history, reading)


def _library(history: SymbolHistory, reading: Reading) -> MemberExplanation:
    opened = reading.opened
    assert opened is not None and opened.library is not None
    library = opened.library
    if reading.library < 0:
        if any(other.soname == library.soname for other in history.resolution.libraries):
            return MemberExplanation(
                library.name, False, f"a library with its soname {library.soname} is there already"
            )
        return MemberExplanation(library.name, False, "--as-needed: no object needs a symbol that it defines")
    uses = tuple(
        symbol.name
        for symbol in history.resolution.symbols
        if symbol.kind is DefinitionKind.SHARED and symbol.file == reading.library and symbol.object_reference
    )
    decision = next(
        (d for d in history.resolution.decisions if d.what == "library" and d.name == library.name), None
    )
    needed = library.soname if library.soname in history.result.needed else ""
    if decision is None:
        reason = "it stands on the command line, without --as-needed"
        return MemberExplanation(library.name, True, reason, (), uses, needed)
    file, symbol = _asked(decision.reason.removeprefix("--as-needed: "))
    chain: tuple[Link, ...] = (Link(file, symbol, library.name),)
    start = next(
        (each for each in history.resolution.files if each.object.name == file and each.archive), None
    )
    if start is not None and start.reason.endswith(")"):
        chain = (*chain_to(history, start), *chain)
    reason = f"--as-needed: {file or 'the command line'} refers to `{symbol}', which it defines"
    return MemberExplanation(library.name, True, reason, chain, uses, needed)
