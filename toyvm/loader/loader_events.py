"""What the dynamic loader does, as events on the kernel's bus (`toyvm.base.events` says how they are used)."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.events import Event


class LibraryMapped(Event):
    """A shared object was mapped. `name` is what it was asked for by, `path` where it was found."""

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
    """An object was relocated: how many relocations of each type were applied, how many PLT slots are left to the first call."""

    path: str
    applied: Mapping[str, int]
    lazy_slots: int


class SymbolBound(Event):
    """A reference of `path` to `symbol` was bound to `definer`; `lazy` says at the first call, not at load.

    `slot` is the GOT entry that was written for a lazy one, else 0. `value` is the address.
    """

    path: str
    symbol: str
    definer: str
    value: int
    slot: int
    lazy: bool
