"""The dynamic loader's events on the kernel's bus (see `toyvm.base.events`)."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.events import Event
from ..base.record import Record


class LibraryMapped(Event):
    """A shared object was mapped. `name` is the requested name, `path` the file that was found."""

    name: str
    path: str
    start: int
    end: int
    bias: int


class LibraryUnmapped(Event):
    """A shared object was unmapped by dlclose."""

    path: str
    start: int
    end: int


class RelocationDone(Event):
    """An object was relocated.

    `applied` counts relocations by type, `lazy_slots` unbound PLT slots.
    """

    path: str
    applied: Mapping[str, int]
    lazy_slots: int


class SymbolBound(Event):
    """A reference of `path` to `symbol` was bound to `definer`, at load time or (`lazy`) later.

    `value` is the address. `slot` is the GOT entry of a lazy binding, else 0.
    """

    path: str
    symbol: str
    definer: str
    value: int
    slot: int
    lazy: bool


class Probe(Record):
    """One object that a look-up tried, or (`tried` False) passed over or did not need any more.

    `scope` is the number of the list of objects. `verdict` is "found", or why the object has no
    definition for the reference; `value` and `version` (`@V1`, `@@V1`) are those of its symbol.
    """

    object: str
    scope: int
    tried: bool
    verdict: str
    value: int = 0
    version: str = ""


class SymbolLookedUp(Event):
    """A look-up of `symbol` for a reference of `path`, and how it ended.

    `relocation` is the type of the relocation at `place`, or "dlsym", or "" for the loader itself.
    `scopes` are the lists of objects in the order of the search. `definer` is "" if nothing defines
    the symbol. `lazy`: at the first call.
    """

    path: str
    symbol: str
    version: str
    relocation: str
    place: int
    scopes: tuple[tuple[str, ...], ...]
    probes: tuple[Probe, ...]
    definer: str
    value: int
    rule: str
    lazy: bool
