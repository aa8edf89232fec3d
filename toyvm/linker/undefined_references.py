"""Reports invalid references: to undefined symbols, and into discarded sections.

Asked before any byte moves, so that places are those of the objects, as the user and the line tables know them.
"""

from __future__ import annotations

import numpy as np

from ..elf.constants import SHF_ALLOC, STV_INTERNAL
from .inputs.columns import FILE_WARNING, UNDEFINED, WARNING_PREFIX, ProgramColumns, RelocColumns
from .inputs.global_symbols import DefinitionKind
from .link_errors import REFERENCES_SHOWN, Diagnostics
from .link_options import LinkOptions
from .source_places import SourcePlaces


def check_references(program: ProgramColumns, options: LinkOptions, errors: Diagnostics) -> None:
    """Add every bad reference of a live section to `errors`."""
    relocs = program.relocs.where(program.sections.live[program.relocs.sid])
    places = SourcePlaces(program)
    if not options.allow_undefined and not options.ignore_in_objects:
        _undefined(program, relocs, places, options, errors)
    if not options.shared and not options.allow_undefined and not options.ignore_in_libraries:
        _undefined_in_libraries(program, errors)
    if not options.shared:
        _hidden_from_libraries(program, errors)
    for name in options.required:
        if program.symbols.sid[program.resolution.table[name].id] == UNDEFINED:
            errors.error(f"required symbol `{name}' not defined")
    _discarded(program, relocs, errors)
    _warnings(program, relocs, places, errors)


def _undefined(
    program: ProgramColumns,
    relocs: RelocColumns,
    places: SourcePlaces,
    options: LinkOptions,
    errors: Diagnostics,
) -> None:
    """Report references to symbols that nothing defines, unless they are weak or the loader may find them."""
    n, symbols = program.symbols.globals, program.symbols
    missing = np.zeros(len(symbols), dtype=bool)
    missing[:n] = (symbols.sid[:n] == UNDEFINED) & ~symbols.weak[:n]
    if options.shared and not options.defs:
        missing[:n] &= symbols.visibility[:n] != 0
    for name in options.ignored_symbols:
        if name in program.resolution.table:
            missing[program.resolution.table[name].id] = False
    for row in np.flatnonzero(missing[relocs.sym]).tolist():
        number, sid = int(relocs.sym[row]), int(relocs.sid[row])
        name = program.symbol_name(number)
        hidden = "hidden symbol " if symbols.visibility[number] else ""
        file = program.file_name(int(program.sections.file[sid]))
        key = f"undefined {name} {file}"
        text = ""
        if not errors.is_full(key, REFERENCES_SHOWN):
            text = f"{places.describe(sid, int(relocs.offset[row]))}: undefined reference to {hidden}`{name}'"
            text += _local_namesake(program, places, name)
        more = f"{file}: more undefined references to `{name}' follow"
        errors.limited(key, REFERENCES_SHOWN, text, more, warn=options.warn_unresolved)


def _local_namesake(program: ProgramColumns, places: SourcePlaces, name: str) -> str:
    """A line that points at a local symbol of the same name, which no other object can see; or ""."""
    for file, loaded in enumerate(program.resolution.files):
        symbols = loaded.object.symbols
        for number, local in enumerate(symbols.names[: symbols.first_global]):
            section = int(symbols.array["st_shndx"][number])
            if local != name or not 0 < section < len(loaded.object.sections):
                continue
            sid = int(program.file_sections[file]) + section
            place = places.source(sid, int(symbols.array["st_value"][number])) or loaded.object.name
            return f"\n{place}: `{name}' is defined here, but it is local: `.globl {name}' is missing"
    return ""


def _undefined_in_libraries(program: ProgramColumns, errors: Diagnostics) -> None:
    """Report undefined symbols of libraries that nothing defines, unless a needed library has not been read."""
    libraries = program.resolution.libraries
    present = {library.soname for library in libraries}
    offered = {name for library in libraries for name in library.exports}
    if not all(present.issuperset(library.needed) for library in libraries):
        return
    for library in libraries:
        for name, weak in library.undefined:
            symbol = program.resolution.table.get(name)
            here = symbol is not None and program.symbols.sid[symbol.id] != UNDEFINED
            if not weak and not here and name not in offered:
                errors.limited(
                    f"undefined in {library.name}",
                    REFERENCES_SHOWN,
                    f"{library.name}: undefined reference to `{name}'",
                    f"{library.name}: more undefined references follow",
                )


def _hidden_from_libraries(program: ProgramColumns, errors: Diagnostics) -> None:
    """Report symbols of libraries that only the program defines, and hides: no loader would find them."""
    offered = {name for library in program.resolution.libraries for name in library.exports}
    for library in program.resolution.libraries:
        for name, weak in library.undefined:
            symbol = program.resolution.table.get(name)
            if symbol is None or weak or name in offered or not symbol.is_hidden:
                continue
            if symbol.kind in (DefinitionKind.DEFINED, DefinitionKind.COMMON):
                kind = "internal" if symbol.visibility == STV_INTERNAL else "hidden"
                file = program.file_name(symbol.file)
                errors.error(f"{kind} symbol `{name}' in {file} is referenced by DSO {library.name}")


def _discarded(program: ProgramColumns, relocs: RelocColumns, errors: Diagnostics) -> None:
    """Report a section in memory that refers to a discarded one. Debugging sections may do so (they get 0).

    Unwind records of functions that were left out go with them.
    """
    sid, sections = program.symbols.sid[relocs.sym], program.sections
    gone = (sid >= 0) & ~sections.live[np.maximum(sid, 0)] & ((sections.flags[relocs.sid] & SHF_ALLOC) != 0)
    for row in np.flatnonzero(gone).tolist():
        here, there = int(relocs.sid[row]), int(sid[row])
        if sections.name[here] == ".eh_frame":
            continue
        _refers(program, relocs, row, there, errors)


def check_discarded(program: ProgramColumns, errors: Diagnostics) -> None:
    """With -r: report sections in memory that refer to discarded ones."""
    _discarded(program, program.relocs.where(program.sections.live[program.relocs.sid]), errors)


def _refers(program: ProgramColumns, relocs: RelocColumns, row: int, there: int, errors: Diagnostics) -> None:
    """Report relocation `row`, whose symbol is in the discarded section `there`."""
    here, sections = int(relocs.sid[row]), program.sections
    errors.limited(
        f"discarded {here}",
        REFERENCES_SHOWN,
        f"`{program.symbol_name(int(relocs.sym[row]))}' referenced in section `{sections.name[here]}' of "
        f"{program.file_name(int(sections.file[here]))}: defined in discarded section "
        f"`{sections.name[there]}{_group(program, there)}' of {program.file_name(int(sections.file[there]))}",
        f"{program.section_label(here)}): more references to discarded sections follow",
    )


def _group(program: ProgramColumns, sid: int) -> str:
    """`[NAME]` of the group that a section is in, or ""."""
    file = int(program.sections.file[sid])
    loaded, number = program.resolution.files[file], sid - int(program.file_sections[file])
    group = next((each for each in loaded.object.groups if number in each.members), None)
    return f"[{loaded.object.symbols.names[group.signature]}]" if group is not None else ""


def _warnings(
    program: ProgramColumns, relocs: RelocColumns, places: SourcePlaces, errors: Diagnostics
) -> None:
    """Issue the warnings that objects attach to their symbols (GNU ld, .gnu.warning.SYMBOL)."""
    for sid, name in enumerate(program.sections.name):
        if name == FILE_WARNING:
            file = int(program.sections.file[sid])
            if sid - int(program.file_sections[file]) not in program.resolution.files[file].dropped:
                errors.warning(f"{program.file_name(file)}: warning: {_text(program.sections.data[sid])}")
        if not name.startswith(WARNING_PREFIX):
            continue
        symbol = program.resolution.table.get(name.removeprefix(WARNING_PREFIX))
        users = np.flatnonzero(relocs.sym == symbol.id) if symbol else np.zeros(0, dtype=np.int64)
        for row in users[:1].tolist():
            place = places.describe(int(relocs.sid[row]), int(relocs.offset[row]), brief=True)
            errors.warning(f"{place}: warning: {_text(program.sections.data[sid])}")


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")
