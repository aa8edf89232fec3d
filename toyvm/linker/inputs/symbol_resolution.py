"""Resolves each global symbol to a definition, and selects the archive members that this needs.

Inputs are taken in command-line order, as ld(1) says: an archive gives the members that define what is undefined
when it is reached, again and again until nothing changes; a group of archives is searched in rounds. Rules for
strong, weak and common symbols are the gABI's ("Symbol Table", "Sections: COMDAT groups") and, where it is
silent, GNU ld's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

import numpy as np

from toyvm.base.errors import ElfError
from toyvm.elf.archive import Archive
from toyvm.elf.constants import (
    GRP_COMDAT,
    SHF_EXCLUDE,
    SHN_ABS,
    SHN_COMMON,
    SHN_LORESERVE,
    SHN_UNDEF,
    ST_BIND_SHIFT,
    ST_VISIBILITY_MASK,
    STB_GLOBAL,
    STB_WEAK,
    STT_OBJECT,
    STV_DEFAULT,
)
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, SymbolTable
from toyvm.elf.record_arrays import SYM
from toyvm.elf.symbol import st_info

from ..defsyms import defsym_symbols
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .archive_symbols import has_data_for, read_index
from .common_symbols import Common, Definition, check_common, is_datum, is_tls, replaces_common
from .declared_places import DeclaredPlaces
from .files import Opened
from .global_symbols import Column, DefinitionKind, GlobalSymbol, GlobalSymbols, SymbolNames
from .needed_libraries import needed_libraries
from .resolution import Decision, Loaded, Resolution
from .shared_library import SharedLibrary, SharedSymbol
from .symbol_settling import SymbolSettling


def resolve(
    inputs: Sequence[Opened], options: LinkOptions, errors: Diagnostics, versions: tuple[str, ...] = ()
) -> Resolution:
    """Resolve all symbols over `inputs`. Duplicate definitions and broken members are added to `errors`.

    `versions` are those that the output defines. Each becomes an absolute symbol, as in GNU ld.
    """
    resolver = _Resolver(options, errors, versions)
    for name in options.undefined:
        resolver.want(name)
    for _, expression in options.defsyms:
        for name in defsym_symbols(expression):
            resolver.want(name)
    for name in (*options.assigned, *options.wanted):
        resolver.want(name)
    if options.kind not in ("shared", "relocatable"):
        resolver.want(options.entry_symbol)
    elif options.shared and options.entry and not options.entry[0].isdigit():
        resolver.want(options.entry)
    for group, members in groupby(inputs, key=lambda opened: opened.source.group):
        if group is None:
            for opened in members:
                resolver.add(opened)
        else:
            resolver.add_group(list(members))
    if resolver.libraries:
        resolver.look_beyond()
    bare = options.export_dynamic and not options.dynamic_linker  # dynamic without libraries
    if options.kind != "exec" or resolver.libraries or bare:
        resolver.define_versions()
    return resolver.finish()


_LINK_ONCE = ".gnu.linkonce."


class _Resolver:
    def __init__(self, options: LinkOptions, errors: Diagnostics, versions: tuple[str, ...]):
        self.options = options
        self.versions = dict.fromkeys(versions)
        self.errors = errors
        self.symbols = GlobalSymbols()
        self.files: list[Loaded] = []
        self.libraries: list[SharedLibrary] = []
        self.exports: dict[str, tuple[int, SharedSymbol]] = {}
        self.groups: dict[str, int] = {}
        self.once: dict[str, int] = {}  # .gnu.linkonce.* -> the first object that has it
        self.taken: set[tuple[str, int]] = set()
        self.decisions: list[Decision] = []
        self.declared = DeclaredPlaces()
        self.indices: dict[str, dict[str, int]] = {}
        self.defaults: dict[str, int] = {}  # `foo@V` of a definition `foo@@V` -> its symbol's number
        self.given = frozenset(
            (*(name for name, _ in options.defsyms), *options.assigned)
        )  # no member is needed for these
        self.wrapped = {f"__real_{name}": name for name in options.wrap} | {
            name: f"__wrap_{name}" for name in options.wrap
        }

    # -- inputs -------------------------------------------------------------------------------------------------

    def want(self, name: str) -> None:
        """-u NAME, or the entry symbol: pulls in its archive member. It is no error if nothing defines it."""
        symbol = self.symbols.add(name)
        symbol.object_reference, symbol.weak = True, False

    def add(self, opened: Opened) -> bool:
        """Add one input. Returns whether anything was added."""
        if opened.object is not None:
            self._add_object(opened.object)
        elif opened.library is not None:
            return self._add_library(opened.library, opened.source.as_needed)
        elif opened.archive is not None:
            if opened.source.whole_archive:
                return self._add_whole_archive(opened)
            return self._search_archive(opened)
        return True

    def add_group(self, members: list[Opened]) -> None:
        """--start-group ... --end-group: search archives and libraries in turn until a round adds nothing."""
        again = [
            opened
            for opened in members
            if (opened.archive and not opened.source.whole_archive)
            or (opened.library and opened.source.as_needed)
        ]
        for opened in members:
            self.add(opened)
        while sum(self.add(opened) for opened in again):
            pass

    def _add_whole_archive(self, opened: Opened) -> bool:
        assert opened.archive is not None
        for number in range(len(opened.archive.members)):
            self._add_member(opened, number, "--whole-archive")
        return True

    def _search_archive(self, opened: Opened) -> bool:
        """Add members that define undefined symbols until no more do. Returns whether any was added."""
        assert opened.archive is not None
        index = self._index_of(opened.archive)
        symbols, number_of, given = self.symbols, self.symbols.numbers.get, self.given
        kind, defined = symbols.kind, int(DefinitionKind.DEFINED)
        found = False
        again = True
        while again:
            again = False
            for name, number in index.items():
                known = number_of(name)
                if known is None or kind[known] == defined or name in given:
                    continue
                symbol = symbols[known]
                if not self._needs(symbol, opened.archive, number):
                    continue
                if self._add_member(opened, number, self._wanted_by(symbol)):
                    again = found = True
                    kind = symbols.kind  # of a larger table
        return found

    def _needs(self, symbol: GlobalSymbol, archive: Archive, number: int) -> bool:
        """Whether a symbol that a member defines makes the member take part.

        An undefined symbol does, if an object refers to it strongly. A common symbol does if the
        member has data for it, as in GNU ld: the common symbol was only a reference then.
        """
        if symbol.kind is DefinitionKind.UNDEFINED:
            return not symbol.weak
        return symbol.kind is DefinitionKind.COMMON and has_data_for(symbol.name, archive.members[number])

    def _index_of(self, archive: Archive) -> dict[str, int]:
        """Symbol -> member number; read from the members for an archive without an index."""
        if archive.index is not None:
            return archive.index
        if archive.name not in self.indices:
            self.indices[archive.name] = read_index(archive, self.errors)
        return self.indices[archive.name]

    def _wanted_by(self, symbol: GlobalSymbol) -> str:
        file = self._wanting_file(symbol)
        return f"{file} ({symbol.name})" if file else f"({symbol.name})"

    def _wanting_file(self, symbol: GlobalSymbol) -> str:
        number = symbol.wanted_by
        if number == -1:
            return ""
        return self.files[number].object.name if number >= 0 else self.libraries[-2 - number].name

    def _add_member(self, opened: Opened, number: int, reason: str) -> bool:
        archive = opened.archive
        assert archive is not None
        if (opened.name, number) in self.taken:
            return False
        self.taken.add((opened.name, number))
        member = archive.members[number]
        name = f"{opened.name}({member.name})"
        try:
            obj = archive.object(number)
        except ElfError as error:
            self.errors.error(str(error))
            return False
        self.decisions.append(Decision("member", name, reason))
        self._add_object(obj, opened.name, reason)
        return True

    # -- objects ------------------------------------------------------------------------------------------------

    def _add_object(self, obj: ObjectFile, archive: str = "", reason: str = "") -> None:
        """Enter every global of `obj`: as a definition, or as a reference."""
        dropped = self._dropped_sections(obj)
        first = obj.symbols.first_global
        names, rows = list(obj.symbols.names[first:]), obj.symbols.array[first:]
        undefined = rows["st_shndx"] == SHN_UNDEF
        mentioned = np.ones(len(rows), dtype=bool)  # a definition that is left out mentions nothing
        for section in dropped:
            mentioned &= rows["st_shndx"] != section
        undefined |= ~mentioned
        if self.wrapped:
            for row in np.flatnonzero(undefined).tolist():
                names[row] = self.wrapped.get(names[row], names[row])
        if "@" in "".join(names):
            self._enter_versioned(obj, names, undefined, (dropped, archive, reason))
            return
        numbers = self.symbols.add_all(names)
        self.files.append(Loaded(obj, numbers, dropped, archive, reason))
        before = self.symbols.object_reference[numbers[~mentioned]]
        if len(set(numbers.tolist())) == len(numbers):
            self._enter(numbers, rows, undefined, first)
            self.symbols.object_reference[numbers[~mentioned]] = before
            return
        for index, (number, row) in enumerate(zip(numbers.tolist(), rows.tolist(), strict=True), first):
            self._enter_row(self.symbols[number], index, row, bool(undefined[index - first]))

    def _enter_versioned(
        self, obj: ObjectFile, names: list[str], undefined: Column, origin: tuple[frozenset[int], str, str]
    ) -> None:
        """Enter the globals of an object that has names with versions."""
        first = obj.symbols.first_global
        ids = np.zeros(len(names), dtype=np.int64)
        self.files.append(Loaded(obj, ids, *origin))
        for at, (name, row) in enumerate(zip(names, obj.symbols.array[first:].tolist(), strict=True)):
            symbol = self.symbols.get(name)
            if symbol is None or "@" in name:
                symbol = self._versioned(name, row[3], obj) if "@" in name else self.symbols.add(name)
            ids[at] = symbol.id
            self._enter_row(symbol, first + at, row, bool(undefined[at]))

    def _enter_row(self, symbol: GlobalSymbol, index: int, row: tuple[int, ...], undefined: bool) -> None:
        """Enter symbol `index` of the last object, of which `row` is the Elf64_Sym."""
        file = len(self.files) - 1
        _, info, other, section, value, size = row
        if symbol.first_file < 0:
            symbol.first_file = file
        symbol.object_reference = True
        if other & ST_VISIBILITY_MASK:
            visibility = other & ST_VISIBILITY_MASK
            symbol.visibility = min(symbol.visibility, visibility) if symbol.visibility else visibility
        if undefined:
            self._reference(symbol, info)
        elif section == SHN_COMMON:
            self._common(symbol, file, index, value, size, info)
        else:
            self._define(symbol, file, index, section, value, size, info)

    def _enter(self, numbers: Column, rows: Column, undefined: Column, first: int) -> None:
        """Enter globals of the last object, all different: as `_enter_row` does, by columns.

        `first` is the number of the first in the object.
        """
        table, file = self.symbols, len(self.files) - 1
        seen = table.first_file[numbers] >= 0
        table.first_file[numbers[~seen]] = file
        table.object_reference[numbers] = True
        visibility = rows["st_other"] & ST_VISIBILITY_MASK
        if visibility.any():
            known = table.visibility[numbers]
            narrow = np.where(
                (known == 0) | (visibility == 0), known | visibility, np.minimum(known, visibility)
            )
            table.visibility[numbers] = narrow
        info = rows["st_info"]
        weak = info >> ST_BIND_SHIFT == STB_WEAK
        if undefined.any():
            self._refer(numbers[undefined], info[undefined], weak[undefined])
        here = ~undefined
        free = here & (table.kind[numbers] == DefinitionKind.UNDEFINED) & (rows["st_shndx"] != SHN_COMMON)
        mine, chosen = numbers[free], rows[free]
        table.kind[mine] = DefinitionKind.DEFINED
        table.weak[mine] = weak[free]
        table.file[mine] = file
        table.row[mine] = np.flatnonzero(free) + first
        table.section[mine] = chosen["st_shndx"]
        table.value[mine] = chosen["st_value"]
        table.size[mine] = chosen["st_size"]
        table.info[mine] = chosen["st_info"]
        for at in np.flatnonzero(here & ~free).tolist():
            self._enter_row(table[int(numbers[at])], first + at, rows[at].item(), undefined=False)

    def _refer(self, numbers: Column, info: Column, weak: Column) -> None:
        """Enter references of the last object: as `_reference` does, by columns."""
        table = self.symbols
        table.strong_reference[numbers] |= ~weak
        open_ = table.kind[numbers] == DefinitionKind.UNDEFINED
        numbers, info, weak = numbers[open_], info[open_], weak[open_]
        stronger = numbers[table.weak[numbers] & ~weak]
        table.weak[stronger] = False
        table.wanted_by[stronger] = len(self.files) - 1
        bare = table.info[numbers] == 0
        table.info[numbers[bare]] = info[bare]
        for number in numbers.tolist() if self.exports else ():
            self._look_in_libraries(table[number])

    def _dropped_sections(self, obj: ObjectFile) -> frozenset[int]:
        """Members of the COMDAT groups of `obj` that an earlier object already provides, and sections that are for -r only."""
        dropped: set[int] = set()
        if self.options.kind != "relocatable":
            dropped.update(i for i, section in enumerate(obj.sections) if section.flags & SHF_EXCLUDE)
        for group in obj.groups:
            if not group.flags & GRP_COMDAT:
                continue
            name = obj.symbols.names[group.signature]
            if not name:  # the signature is a section symbol: the section's name stands for it
                shndx = int(obj.symbols.array["st_shndx"][group.signature])
                name = obj.sections[shndx].name if shndx < len(obj.sections) else ""
            if self.groups.setdefault(name, len(self.files)) != len(self.files):
                dropped.update(group.members)
        for index, section in enumerate(obj.sections):
            if section.name.startswith(_LINK_ONCE) and self._is_linked(section.name):
                dropped.add(index)
        return frozenset(dropped)

    def _is_linked(self, name: str) -> bool:
        """Whether an earlier object has a section `.gnu.linkonce.T.NAME`, from before there were groups, or a group NAME.

        Data of a function (`r`) go with the function (`t`).
        """
        here = len(self.files)
        kind, _, key = name.removeprefix(_LINK_ONCE).partition(".")
        known = [self.once.setdefault(name, here), self.groups.get(key, here)]
        if kind == "r":
            known.append(self.once.get(f"{_LINK_ONCE}t.{key}", here))
        return any(file != here for file in known)

    def _versioned(self, name: str, section: int, obj: ObjectFile) -> GlobalSymbol:
        """The symbol of `foo@V` or `foo@@V`. The definition of a default version is that of plain `foo`, too."""
        base, at, version = name.partition("@@") if "@@" in name else name.partition("@")
        if section == SHN_UNDEF or not base or self.options.kind == "relocatable":
            return self.symbols.add(name)
        if self.options.shared and version not in self.versions:
            self.errors.error(f"{obj.name}: version node not found for symbol {name}")
        if at == "@":
            symbol = self.symbols.add(name)
        else:
            symbol = self.symbols.add(base)
            self.symbols.numbers[name] = self.defaults[f"{base}@{version}"] = symbol.id
        if version in self.versions or not self.options.shared:
            symbol.version = version
        return symbol

    def define_versions(self) -> None:
        """Define a symbol for each version of the output. A program needs no script for that of `foo@V`, if others see it."""
        versions = self.versions.copy()
        for number, version in self.symbols.versions.items():
            symbol = self.symbols[number]
            if self.options.export_dynamic or symbol.library_reference or symbol.dynamic_name in self.exports:
                versions.setdefault(version)
        names = ["", *(name for name in versions if name not in self.symbols.numbers)]
        rows = [(0, st_info(STB_GLOBAL, STT_OBJECT), STV_DEFAULT, SHN_ABS, 0, 0)] * (len(names) - 1)
        if rows:
            array = np.array([(0, 0, 0, 0, 0, 0), *rows], dtype=SYM)
            flags = self.files[0].object.e_flags if self.files else 0
            self._add_object(ObjectFile("*versions*", (NULL_SECTION,), SymbolTable(names, array, 1), flags))

    def _reference(self, symbol: GlobalSymbol, info: int) -> None:
        weak = info >> ST_BIND_SHIFT == STB_WEAK
        symbol.strong_reference |= not weak
        if symbol.kind is DefinitionKind.UNDEFINED:
            if symbol.weak and not weak:
                symbol.weak, symbol.wanted_by = False, len(self.files) - 1
            symbol.info = symbol.info or info
            self._look_in_libraries(symbol)

    def _look_in_libraries(self, symbol: GlobalSymbol) -> None:
        if symbol.name in self.exports and not symbol.is_hidden:
            self._take_from_library(symbol)

    def _take_from_library(self, symbol: GlobalSymbol) -> None:
        library, shared = self.exports[symbol.name]
        symbol.kind, symbol.file, symbol.shared = DefinitionKind.SHARED, library, shared
        symbol.weak, symbol.size, symbol.value = shared.weak, shared.size, shared.value
        symbol.info = shared.type

    def _common(self, symbol: GlobalSymbol, file: int, index: int, align: int, size: int, info: int) -> None:
        _, shared = self.exports.get(symbol.name, (0, None))
        if shared is not None and not symbol.is_hidden and symbol.kind is not DefinitionKind.DEFINED:
            if replaces_common(shared, size, info):
                self._take_from_library(symbol)
                symbol.strong_reference = True  # the common symbol is only a reference
                return
            if is_datum(shared, info):
                size, align = max(size, shared.size), max(align, shared.align)
        if symbol.kind is DefinitionKind.COMMON:
            symbol.size = max(symbol.size, size)
            symbol.value = max(symbol.value, align)
        elif symbol.kind is not DefinitionKind.DEFINED or symbol.weak:
            symbol.kind, symbol.weak, symbol.file, symbol.index = DefinitionKind.COMMON, False, file, index
            symbol.section, symbol.value, symbol.size, symbol.info = SHN_COMMON, align, size, info
            symbol.wanted_by = file
            symbol.shared = None
        else:
            found = Definition(self.files[symbol.file].object, symbol.section, symbol.value, symbol.size)
            check_common(symbol.name, Common(self.files[file].object, align, size), found, False, self.errors)

    def _define(
        self, symbol: GlobalSymbol, file: int, index: int, section: int, value: int, size: int, info: int
    ) -> None:
        weak = info >> ST_BIND_SHIFT == STB_WEAK
        if symbol.kind is DefinitionKind.DEFINED:
            if weak:
                return
            if not symbol.weak:
                self._duplicate(symbol, file, section, value)
                return
        elif symbol.kind is DefinitionKind.COMMON and weak:
            return
        elif symbol.kind is DefinitionKind.COMMON:
            common = Common(self.files[symbol.file].object, symbol.value, symbol.size)
            found = Definition(self.files[file].object, section, value, size)
            check_common(symbol.name, common, found, True, self.errors)
        elif symbol.kind is DefinitionKind.SHARED and is_tls(symbol.info) != is_tls(info):
            self.errors.error(
                f"{self.files[file].object.name}: TLS definition of `{symbol.name}' mismatches "
                f"non-TLS definition in {self.libraries[symbol.file].name}"
            )
        symbol.kind, symbol.weak, symbol.file, symbol.index = DefinitionKind.DEFINED, weak, file, index
        symbol.section, symbol.value, symbol.size, symbol.info = section, value, size, info
        symbol.shared = None

    def _duplicate(self, symbol: GlobalSymbol, file: int, section: int, value: int) -> None:
        if self.options.allow_multiple_definition:
            return
        here = self._place(file, section, value)
        first = self._place(symbol.file, symbol.section, symbol.value)
        self.errors.error(f"{here}: multiple definition of `{symbol.name}'; {first}: first defined here")

    def _place(self, file: int, section: int, value: int) -> str:
        """`main.o:main.c:5`, or without debugging information `main.o:(.data+0x8)`."""
        obj = self.files[file].object
        declared = self.declared.of(obj, section, value)
        if declared:
            return f"{obj.name}:{declared}"
        name = obj.sections[section].name if section < min(SHN_LORESERVE, len(obj.sections)) else "*ABS*"
        return f"{obj.name}:({name}+{value:#x})"

    # -- shared libraries ---------------------------------------------------------------------------------------

    def _add_library(self, library: SharedLibrary, as_needed: bool) -> bool:
        if any(known.soname == library.soname for known in self.libraries):
            return False
        if as_needed:
            wanted = self._wanted_from(library)
            if wanted is None:
                self.decisions.append(Decision("library", library.name, "--as-needed: nothing needs it"))
                return False
            self.decisions.append(
                Decision("library", library.name, f"--as-needed: {self._wanted_by(wanted)}")
            )
        number = len(self.libraries)
        self.libraries.append(library)
        for name, shared in chain(library.exports.items(), library.versioned.items()):
            if self.exports.setdefault(name, (number, shared))[0] != number:
                continue
            symbol = self.symbols.get(name)
            if symbol is None or symbol.is_hidden:
                continue
            if symbol.kind is DefinitionKind.UNDEFINED:
                self._take_from_library(symbol)
            elif symbol.kind is DefinitionKind.COMMON and replaces_common(shared, symbol.size, symbol.info):
                self._take_from_library(symbol)
                symbol.strong_reference = True
            elif symbol.kind is DefinitionKind.COMMON and is_datum(shared, symbol.info):
                symbol.size, symbol.value = max(symbol.size, shared.size), max(symbol.value, shared.align)
        for name, weak in library.undefined:
            symbol = self.symbols.add(name)
            symbol.library_reference = True
            if symbol.kind is DefinitionKind.UNDEFINED:
                # A weak reference pulls in no archive member, and an unresolved one is not an error of the objects.
                if symbol.weak and not weak:
                    symbol.weak, symbol.wanted_by = False, -2 - number
                if name in self.exports and not symbol.is_hidden:
                    self._take_from_library(symbol)
        return True

    def _wanted_from(self, library: SharedLibrary) -> GlobalSymbol | None:
        """A symbol that objects need and `library` would define."""
        for name in chain(library.exports, library.versioned):
            symbol = self.symbols.get(name)
            if symbol is not None and symbol.kind is DefinitionKind.UNDEFINED and symbol.strong_reference:
                return symbol
        return None

    def look_beyond(self) -> None:
        """Look for what is undefined in the libraries that libraries need. They take part with --copy-dt-needed-entries only."""
        table = self.symbols
        wanting = (table.column("kind") == DefinitionKind.UNDEFINED) & table.column("strong_reference")
        rows = np.flatnonzero(wanting).tolist()
        missing = [symbol for symbol in table.of(rows) if symbol.name not in self.given]
        for library in needed_libraries(tuple(self.libraries), self.options) if missing else ():
            wanted = [symbol for symbol in missing if symbol.name in library.exports and not symbol.is_hidden]
            if wanted and self.options.copy_needed:
                self._add_library(library, as_needed=False)
            elif wanted and not self.options.shared:
                self.errors.error(
                    f"{self._wanting_file(wanted[0])}: undefined reference to symbol `{wanted[0].name}'\n{library.name}: error "
                    "adding symbols: DSO missing from command line"
                )
            missing = [symbol for symbol in missing if symbol not in wanted]

    def finish(self) -> Resolution:
        """The final resolution."""
        settling = SymbolSettling(self.symbols, self.files, self.libraries, self.options, self.errors)
        settling.settle(self.defaults, self.versions, self.exports)
        files, libraries = tuple(self.files), tuple(self.libraries)
        return Resolution(files, libraries, self.symbols, SymbolNames(self.symbols), tuple(self.decisions))
