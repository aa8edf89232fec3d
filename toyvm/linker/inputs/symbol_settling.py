"""What is decided of the global symbols after the last input: names that mean one definition, and what stays undefined."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence

import numpy as np

from toyvm.elf.constants import (
    ST_TYPE_MASK,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_NOTYPE,
    STT_OBJECT,
    STV_HIDDEN,
    STV_INTERNAL,
)

from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .global_symbols import DefinitionKind, GlobalSymbol, GlobalSymbols
from .resolution import Loaded
from .shared_library import SharedLibrary, SharedSymbol

_FUNCTIONS = (STT_FUNC, STT_GNU_IFUNC)


class SymbolSettling:
    """Changes `table` and the numbers of symbols in `files`; errors go to `errors`."""

    def __init__(
        self,
        table: GlobalSymbols,
        files: Sequence[Loaded],
        libraries: Sequence[SharedLibrary],
        options: LinkOptions,
        errors: Diagnostics,
    ):
        self.table = table
        self.files = files
        self.libraries = libraries
        self.options = options
        self.errors = errors

    def settle(
        self, defaults: Mapping[str, int], versions: Collection[str], exported: Container[str]
    ) -> None:
        """Settle all symbols.

        `defaults`: `foo@V` of a definition `foo@@V` -> its symbol's number; `versions`: those that the
        output defines; `exported`: the names that libraries define.
        """
        for library in self.libraries:  # what a library mentions or defines stays visible to it
            for name, shared in library.exports.items():
                symbol = self.table.get(name)
                if symbol is not None and not self._differs_in_type(symbol, shared):
                    symbol.library_reference = True
        self._join_versions(defaults, exported)
        if self.options.shared:
            self._check_references(versions)
        else:
            self._add_aliases()
        self._leave_undefined()

    def _leave_undefined(self) -> None:
        """Common symbols that -r does not define, and hidden symbols that only a library has."""
        table = self.table
        commons = np.flatnonzero(table.column("kind") == DefinitionKind.COMMON).tolist()
        for symbol in table.of(commons) if not self.options.define_commons else ():
            symbol.kind, symbol.size, symbol.value = DefinitionKind.UNDEFINED, 0, 0
            symbol.strong_reference = True
        hidden = np.isin(table.column("visibility"), (STV_HIDDEN, STV_INTERNAL))
        shared = table.column("kind") == DefinitionKind.SHARED
        for symbol in table.of(np.flatnonzero(hidden & shared).tolist()):
            symbol.kind, symbol.shared, symbol.file = DefinitionKind.UNDEFINED, None, -1
            symbol.weak = not symbol.strong_reference

    def _differs_in_type(self, symbol: GlobalSymbol, shared: SharedSymbol) -> bool:
        """Whether a symbol defined here is no definition of a library's versioned one: one is a function, the other none."""
        if not shared.version or symbol.kind not in (DefinitionKind.DEFINED, DefinitionKind.COMMON):
            return False
        here = STT_OBJECT if symbol.kind is DefinitionKind.COMMON else symbol.info & ST_TYPE_MASK
        if STT_NOTYPE in (here, shared.type):
            return False
        return (here in _FUNCTIONS) != (shared.type in _FUNCTIONS)

    def _check_references(self, versions: Collection[str]) -> None:
        """Report references to `foo@V` that nothing defines, if no version can say so in the output."""
        table = self.table
        if versions or any(shared.version for shared in table.shared.values()):
            return
        for symbol in table.of([number for name, number in table.numbers.items() if "@" in name]):
            if symbol.kind is DefinitionKind.UNDEFINED and symbol.strong_reference:
                self.errors.error(f"no symbol version section for versioned symbol `{symbol.name}'")

    def _add_aliases(self) -> None:
        """Add the other names of the libraries' data that objects refer to: if there is a copy, all must lead to it."""
        table = self.table
        rows = np.flatnonzero(table.column("kind") == DefinitionKind.SHARED).tolist()
        for symbol in table.of(rows):
            shared = symbol.shared
            if shared is None or shared.type != STT_OBJECT or not symbol.object_reference:
                continue
            library = self.libraries[symbol.file]
            for name in library.aliases[shared.section, shared.value]:
                found = library.exports.get(name) or library.versioned.get(name)
                if name not in table.numbers and found is not None:
                    alias = table.add(name)
                    alias.kind, alias.file, alias.shared = DefinitionKind.SHARED, symbol.file, found
                    alias.weak, alias.size, alias.value, alias.info = (
                        found.weak,
                        found.size,
                        found.value,
                        found.type,
                    )

    def _hide_unversioned(self, symbol: GlobalSymbol, exported: Container[str]) -> int | None:
        """The number of plain `foo`, if it stands beside its other name `foo@V`, which takes its place. Else None."""
        name = symbol.dynamic_name
        if symbol.kind is not DefinitionKind.DEFINED or symbol.name == name:
            return None
        plain = self.table.get(name)
        if plain is None or plain.kind is not DefinitionKind.DEFINED or plain.version:
            return None
        if (plain.file, plain.section, plain.value) != (symbol.file, symbol.section, symbol.value):
            return None
        strong = any((name, False) in library.undefined for library in self.libraries)
        if strong and not self.options.shared and name not in exported:
            file = self.files[plain.file].object.name
            self.errors.error(f"local symbol `{name}' in {file} is referenced by DSO")
        return plain.id

    def _join_versions(self, defaults: Mapping[str, int], exported: Container[str]) -> None:
        """References to `foo@V` are references to `foo` where both mean one definition: it has one address and one copy.

        Of a definition with both names, as .symver makes it, only `foo@V` stays.
        """
        table = self.table
        joined = np.arange(len(table), dtype=np.int64)
        for symbol in table.of([number for name, number in table.numbers.items() if "@" in name]):
            plain = self._hide_unversioned(symbol, exported) if self.options.kind != "relocatable" else None
            if plain is not None:
                joined[plain] = symbol.id
                table.object_reference[symbol.id] |= table.object_reference[plain]
                table.strong_reference[symbol.id] |= table.strong_reference[plain]
                table.reset(plain)
                table.numbers[symbol.dynamic_name] = symbol.id
                continue
            other: int | None = None
            if symbol.kind is DefinitionKind.UNDEFINED:
                other = defaults.get(symbol.name)
            elif symbol.shared is not None:
                other = table.numbers.get(symbol.shared.name)
                other = other if other is not None and table.shared.get(other) is symbol.shared else None
            if other is None or other == symbol.id:
                continue
            joined[symbol.id] = other
            table.object_reference[other] |= symbol.object_reference
            table.strong_reference[other] |= symbol.strong_reference
            table.numbers[symbol.name] = symbol.id
            table.reset(symbol.id)
        if (joined != np.arange(len(table))).any():
            for loaded in self.files:
                loaded.ids[:] = joined[loaded.ids]
