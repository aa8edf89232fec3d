"""The global symbols of a link: a table of columns, with a row for each name.

The resolver enters most objects by whole columns. A GlobalSymbol is a view of one row, for what is decided symbol by
symbol; it is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from toyvm.elf.constants import STV_HIDDEN, STV_INTERNAL

if TYPE_CHECKING:
    import numpy.typing as npt

    from .shared_library import SharedSymbol

    Column = npt.NDArray[Any]
else:
    Column = np.ndarray  # numpy.typing is slow to import


class DefinitionKind(IntEnum):
    """The kind of definition that a global symbol has."""

    UNDEFINED = 0
    SHARED = 1  # defined by a shared library
    COMMON = 2
    DEFINED = 3


_KINDS = tuple(DefinitionKind)
_COLUMNS: dict[str, tuple[type[np.generic], int]] = {  # type and default of each column
    "kind": (np.uint8, DefinitionKind.UNDEFINED),
    "weak": (np.bool_, True),
    "file": (np.int32, -1),
    "row": (np.int32, 0),
    "section": (np.uint16, 0),
    "value": (np.uint64, 0),
    "size": (np.uint64, 0),
    "info": (np.uint8, 0),
    "visibility": (np.uint8, 0),
    "strong_reference": (np.bool_, False),
    "object_reference": (np.bool_, False),
    "library_reference": (np.bool_, False),
    "first_file": (np.int32, -1),
    "wanted_by": (np.int32, -1),
}


class GlobalSymbols(Sequence["GlobalSymbol"]):
    """All global symbols by number. `numbers` has the number of each name; some names may share one.

    `kind` to `wanted_by` are the columns; GlobalSymbol says what they mean. The resolver changes the table; afterwards it
    is constant. The columns have rows beyond the last symbol: `column` gives those of symbols.
    """

    kind: Column
    weak: Column
    file: Column
    row: Column  # the number of the definition in its object
    section: Column
    value: Column
    size: Column
    info: Column
    visibility: Column
    strong_reference: Column
    object_reference: Column
    library_reference: Column
    first_file: Column
    wanted_by: Column  # the object that first wants it; -2 - k for library k; -1

    def __init__(self) -> None:
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        self.shared: dict[int, SharedSymbol] = {}
        self.versions: dict[int, str] = {}
        self._room = 0
        self._grow(256)

    def _grow(self, room: int) -> None:
        for name, (kind, default) in _COLUMNS.items():
            column = np.full(room, default, dtype=kind)
            if self._room:
                column[: self._room] = getattr(self, name)
            setattr(self, name, column)
        self._room = room

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, number: int) -> GlobalSymbol: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[GlobalSymbol]: ...
    def __getitem__(self, number: int | slice) -> GlobalSymbol | Sequence[GlobalSymbol]:
        if isinstance(number, slice):
            return [GlobalSymbol(self, n) for n in range(len(self))[number]]
        return GlobalSymbol(self, range(len(self))[number])

    def __iter__(self) -> Iterator[GlobalSymbol]:
        return (GlobalSymbol(self, number) for number in range(len(self)))

    def column(self, name: str) -> Column:
        """The column `name`, a row for each symbol."""
        column: Column = getattr(self, name)[: len(self)]
        return column

    def of(self, numbers: Iterable[int]) -> Iterator[GlobalSymbol]:
        """The symbols of `numbers`."""
        return (GlobalSymbol(self, number) for number in numbers)

    def get(self, name: str) -> GlobalSymbol | None:
        """The symbol called `name`, if it is in the table."""
        number = self.numbers.get(name)
        return None if number is None else GlobalSymbol(self, number)

    def add(self, name: str) -> GlobalSymbol:
        """The symbol called `name`; a new one if necessary."""
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
            if len(self.names) > self._room:
                self._grow(2 * self._room)
        return GlobalSymbol(self, number)

    def add_all(self, names: list[str]) -> Column:
        """The number of each of `names`; a new name gets the next one."""
        found: list[Any] = list(map(self.numbers.get, names))
        if None in found:
            numbers, every = self.numbers, self.names
            for row, number in enumerate(found):
                if number is None:
                    name = names[row]
                    number = numbers.get(name)  # it may come twice
                    if number is None:
                        number = numbers[name] = len(every)
                        every.append(name)
                    found[row] = number
            while len(every) > self._room:
                self._grow(2 * self._room)
        return np.array(found, dtype=np.int64)

    def reset(self, number: int) -> None:
        """Make symbol `number` one that nothing mentions. Its name keeps the number."""
        for name, (_, default) in _COLUMNS.items():
            getattr(self, name)[number] = default
        self.shared.pop(number, None)
        self.versions.pop(number, None)


class SymbolNames(Mapping[str, "GlobalSymbol"]):
    """Name -> symbol."""

    def __init__(self, symbols: GlobalSymbols):
        self._symbols = symbols
        self._numbers = symbols.numbers

    def __getitem__(self, name: str) -> GlobalSymbol:
        return GlobalSymbol(self._symbols, self._numbers[name])

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def _number(name: str) -> Any:
    """A property for an integer column."""

    def read(symbol: GlobalSymbol) -> int:
        return int(getattr(symbol.table, name)[symbol.id])

    def write(symbol: GlobalSymbol, value: int) -> None:
        getattr(symbol.table, name)[symbol.id] = value

    return property(read, write)


def _flag(name: str) -> Any:
    """A property for a column of booleans."""

    def read(symbol: GlobalSymbol) -> bool:
        return bool(getattr(symbol.table, name)[symbol.id])

    def write(symbol: GlobalSymbol, value: bool) -> None:
        getattr(symbol.table, name)[symbol.id] = value

    return property(read, write)


class GlobalSymbol:
    """A global symbol: row `id` of `table`.

    `file` and `index` say where the definition is: object and its symbol number, or (SHARED) library.
    """

    if not TYPE_CHECKING:  # a checker would refuse the properties, which it sees as attributes
        __slots__ = ("id", "table")

    def __init__(self, table: GlobalSymbols, number: int):
        self.table, self.id = table, number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlobalSymbol) and self.id == other.id and self.table is other.table

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"GlobalSymbol({self.name!r}, {self.id}, {self.kind.name})"

    if TYPE_CHECKING:
        weak: bool  # of the definition; of all references while undefined
        file: int
        index: int
        section: int
        value: int
        size: int
        info: int
        visibility: int
        strong_reference: bool  # from an object
        object_reference: bool  # mentioned by an object at all
        library_reference: bool  # mentioned by a shared library
        first_file: int  # the first object that mentions it
        # The first file that refers to it strongly while it is undefined, or has it as a common symbol: an object,
        # -2 - k for library k, or -1.
        wanted_by: int
    else:
        weak, strong_reference = _flag("weak"), _flag("strong_reference")
        object_reference, library_reference = _flag("object_reference"), _flag("library_reference")
        file, index, section = _number("file"), _number("row"), _number("section")
        value, size, info, visibility = (
            _number("value"),
            _number("size"),
            _number("info"),
            _number("visibility"),
        )
        first_file, wanted_by = _number("first_file"), _number("wanted_by")

    @property
    def name(self) -> str:
        """The name in the link; of a definition `foo@@V` it is `foo`."""
        return self.table.names[self.id]

    @property
    def kind(self) -> DefinitionKind:
        """The kind of definition."""
        return _KINDS[int(self.table.kind[self.id])]

    @kind.setter
    def kind(self, kind: DefinitionKind) -> None:
        self.table.kind[self.id] = kind

    @property
    def shared(self) -> SharedSymbol | None:
        """The definition in a library."""
        return self.table.shared.get(self.id)

    @shared.setter
    def shared(self, shared: SharedSymbol | None) -> None:
        if shared is None:
            self.table.shared.pop(self.id, None)
        else:
            self.table.shared[self.id] = shared

    @property
    def version(self) -> str:
        """The version of the definition, if its own name says so: `foo@V1` or `foo@@V1`."""
        return self.table.versions.get(self.id, "")

    @version.setter
    def version(self, version: str) -> None:
        self.table.versions[self.id] = version

    @property
    def dynamic_name(self) -> str:
        """The name in .dynsym, where the version stands elsewhere: `foo` of `foo@V1`."""
        if self.version:
            return self.name.partition("@")[0]
        return self.name if self.shared is None else self.shared.name

    @property
    def is_hidden(self) -> bool:
        """Whether no other component of a process can see the symbol."""
        return self.visibility in (STV_HIDDEN, STV_INTERNAL)
