"""The dynamic loader's events on the kernel's bus (see `toyvm.base.events`)."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.events import Event


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
