"""What each look-up of a symbol met: object by object, and the rule that chose the winner.

`Resolver` answers a look-up and keeps no record. If something listens to `SymbolLookedUp`, the
search is made once more here, with the same predicates, and past the winner: the later objects that
define the name too are those that it interposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..base.light_types import TYPE_CHECKING
from ..elf import constants as c
from ..elf.hashes import GnuHash, gnu_hash, sysv_hash
from .loader_events import Probe
from .symbol_scope import COPY, GLOBAL_POINTER, Definition, defines, has_version

if TYPE_CHECKING:
    from ..elf.symbol import Sym
    from .objects.dynamic_symbols import SymbolTable
    from .objects.link_map import LinkMap
    from .symbol_scope import Lookup

FOUND = "found"
_NOT_SEARCHED = "the program itself is not searched for what it copies"


def probes(lookup: Lookup, filename: Callable[[LinkMap], str]) -> tuple[Probe, ...]:
    """The objects in the order in which they were tried, then those that it interposes."""
    made: list[Probe] = []
    seen: set[LinkMap] = set()
    passed = False
    for number, scope in enumerate(lookup.scopes):
        for obj in scope:
            if passed and obj in seen:
                continue
            seen.add(obj)
            verdict, value, version = _verdict(lookup, obj)
            if not passed or verdict == FOUND:
                tried = not passed and verdict != _NOT_SEARCHED
                made.append(Probe(filename(obj), number, tried, verdict, value, version))
            passed = passed or verdict == FOUND
    return tuple(made)


def _verdict(lookup: Lookup, obj: LinkMap) -> tuple[str, int, str]:
    """What the search in one object meets: the verdict, and value and version of the symbol if there is one."""
    if lookup.reference_class & COPY and obj.executable:
        return _NOT_SEARCHED, 0, ""
    table = obj.symbols
    if table.hash is None:
        return "no hash table", 0, ""
    candidates = list(table.find(lookup.name))
    if not candidates:
        return _not_hashed(table, lookup.name), 0, ""
    refused: tuple[str, int, str] = ("", 0, "")
    defaults: list[tuple[int, Sym]] = []
    for index, symbol in candidates:
        version = _version_name(table, index)
        if not defines(symbol, lookup.reference_class):
            refused = _no_definition(symbol), 0, version
        elif table.versions and not has_version(table, index, lookup.version, lookup.newest):
            if lookup.version is None and not table.version_number(index) & c.VERSYM_HIDDEN:
                defaults.append((index, symbol))
            refused = "another version", symbol.value + _bias(obj, symbol), version
        else:
            return FOUND, symbol.value + _bias(obj, symbol), version
    if len(defaults) == 1:  # the only default version
        index, symbol = defaults[0]
        return FOUND, symbol.value + _bias(obj, symbol), _version_name(table, index)
    return refused


def _bias(obj: LinkMap, symbol: Sym) -> int:
    return 0 if symbol.shndx == c.SHN_ABS or symbol.type == c.STT_TLS else obj.bias


def _not_hashed(table: SymbolTable, name: bytes) -> str:
    """Why the hash table has no symbol of the name."""
    if not isinstance(table.hash, GnuHash):
        return f".hash {sysv_hash(name):#010x}: the bucket's chain does not have it"
    value = gnu_hash(name)
    if not table.hash.bloom_admits(name):
        return f".gnu.hash {value:#010x}: the Bloom filter says no"
    return f".gnu.hash {value:#010x}: the Bloom filter says maybe, the bucket's chain no"


def _no_definition(symbol: Sym) -> str:
    """Why a symbol of the name is no definition."""
    if symbol.visibility in (c.STV_HIDDEN, c.STV_INTERNAL):
        return "it is hidden"
    if symbol.shndx == c.SHN_UNDEF:
        return (
            "it is undefined there too"
            if not symbol.value
            else "the address of a PLT entry, which this reference does not take"
        )
    if symbol.binding == c.STB_LOCAL:
        return "it is local"
    return "it has no value"


def _version_name(table: SymbolTable, index: int) -> str:
    own = table.version(index) if table.versions else None
    hidden = bool(table.version_number(index) & c.VERSYM_HIDDEN)
    return "" if own is None else ("@" if hidden else "@@") + own.name.decode("utf-8", "surrogateescape")


def rule(lookup: Lookup, made: Sequence[Probe]) -> str:
    """The rule by which the look-up ended as it did."""
    found = lookup.found
    if found is None:
        if lookup.name == GLOBAL_POINTER:
            return "nothing defines it: the loader leaves gp as it is"
        if lookup.weak:
            return "nothing defines it: a weak reference is 0"
        return "nothing defines it: an error"
    return "; ".join(_reasons(lookup, found, made))


def _reasons(lookup: Lookup, found: Definition, made: Sequence[Probe]) -> Iterator[str]:
    asker, definer = lookup.asker, found.obj
    if lookup.own is not None:
        yield "protected: the object's own definition is used, whatever the search finds"
    elif not any(probe.verdict == FOUND for probe in made):
        yield "the loader defines it itself, and is searched last"
    elif found.symbol.binding == c.STB_GNU_UNIQUE:
        yield "STB_GNU_UNIQUE: the first definition that was ever found is used by all"
    elif asker.dynamic.symbolic and definer is asker:
        yield "DF_SYMBOLIC (-Bsymbolic): the object is searched first itself"
    elif asker.scope and not asker.executable and definer is asker and not asker.scope[0].executable:
        yield "RTLD_DEEPBIND or dlopen: the object's own scope comes first"
    elif found.symbol.shndx == c.SHN_UNDEF:
        yield "canonical PLT: the program's PLT entry is the address of the function everywhere"
    elif any(probe.verdict == FOUND and not probe.tried for probe in made):
        hidden = [probe.object for probe in made if probe.verdict == FOUND and not probe.tried]
        yield f"the first definition in the scope is used: it interposes {', '.join(hidden)}"
    else:
        yield "the first definition in the scope is used"
    if found.symbol.binding == c.STB_WEAK:
        yield "a weak definition counts like any other"
