"""What the resolution of symbols gives: the objects that take part, all symbols, and why each choice was made."""

from __future__ import annotations

from toyvm.base.record import Record
from toyvm.elf.object_file import ObjectFile

from .global_symbols import Column, GlobalSymbols, SymbolNames
from .shared_library import SharedLibrary


class Decision(Record):
    """A choice of the linker, and its reason; `what` is "member", "library", "symbol", "section"."""

    what: str
    name: str
    reason: str


class Loaded(Record, eq=False):
    """An object that takes part. `ids[k]` is the number of the GlobalSymbol for its symbol number first_global + k."""

    object: ObjectFile
    ids: Column
    dropped: frozenset[int]  # sections of COMDAT groups that another object provides
    archive: str = ""  # where it came from
    reason: str = ""


class Resolution(Record, eq=False):
    """The result: objects in link order, libraries for DT_NEEDED, all global symbols."""

    files: tuple[Loaded, ...]
    libraries: tuple[SharedLibrary, ...]
    symbols: GlobalSymbols
    table: SymbolNames
    decisions: tuple[Decision, ...]
