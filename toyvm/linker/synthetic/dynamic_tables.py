"""The tables that the loader reads: .dynsym, .dynstr, hashes, symbol versions, .dynamic.

What is in them and how large they are is settled before addresses are (`plan_dynamic`); `fill` gives their bytes.
Formats: gABI, "Dynamic Linking"; for .gnu.hash and versions, the LSB and binutils.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

import numpy as np

from toyvm.base.bits import M64
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.hashes import gnu_hash, gnu_hash_table, sysv_hash_table
from toyvm.elf.record_arrays import SYM
from toyvm.elf.symbol import st_info
from toyvm.elf.symbol_versions import (
    DefinedVersion,
    NeededVersion,
    pack_defined_versions,
    pack_needed_versions,
    pack_versym,
)
from toyvm.relocations import Need

from ..image_layout import ImageLayout
from ..inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, NewSection, ProgramColumns
from ..inputs.global_symbols import GlobalSymbol
from ..inputs.resolution import Resolution
from ..link_options import LinkOptions
from ..scan_relocations import Needs
from ..type_arrays import GOT_ENTRY
from ..visibility.dynamic_list import listed
from ..visibility.version_script import VersionScript
from . import relative_table
from .addresses import Addresses
from .dynamic_relocations import DynamicRelocs
from .file_class import file_class
from .symbol_table import Strings, home, in_walk_order, of_script, section_numbers, section_of


class DynamicPlan(Record, eq=False):
    """The plan. `order`: symbol numbers of .dynsym from 1 on; `number`: the inverse, by symbol number."""

    order: tuple[int, ...]
    number: Column
    canonical: frozenset[int]  # of them, imported functions whose address is their PLT entry here
    strings: bytes
    string_at: dict[str, int]
    sections: dict[str, bytes]  # contents that need no addresses, by section name
    verdef_count: int
    verneed_count: int
    needed: tuple[str, ...]

    @property
    def count(self) -> int:
        """Entries of .dynsym, the null symbol included."""
        return len(self.order) + 1


def is_dynamic(resolution: Resolution, options: LinkOptions) -> bool:
    """Whether the output has a dynamic section at all."""
    if options.static and options.kind != "pie":
        return False
    if (
        options.kind == "exec"
        and not options.dynamic_linker
        and (options.export_dynamic or options.dynamic_lists or options.dynamic_data)
    ):
        return True
    return options.kind != "exec" or bool(resolution.libraries)


def exported(program: ProgramColumns, options: LinkOptions, local: Column) -> Column:
    """Boolean by global symbol: defined here and visible to other components."""
    n = program.symbols.globals
    sid, seen = program.symbols.sid[:n], program.symbols.visibility[:n]
    defined = ((sid >= 0) | (sid == ABSOLUTE) | (sid == LINKER)) & ~local
    visible = (seen == c.STV_DEFAULT) | (seen == c.STV_PROTECTED)
    if not (options.shared or options.export_dynamic):
        referenced = program.resolution.symbols.column("library_reference")
        visible &= referenced | listed(program, options)
    mentioned = program.resolution.symbols.column("object_reference")
    result: Column = defined & visible & mentioned
    return result


def plan_dynamic(
    program: ProgramColumns,
    needs: Needs,
    relocs: Sequence[DynamicRelocs],
    public: Column,
    script: VersionScript,
    options: LinkOptions,
) -> DynamicPlan:
    """Choose and order the dynamic symbols, and make every table that needs no address."""
    symbols = program.resolution.symbols
    used = np.zeros(len(program.symbols), dtype=bool)
    for rows in relocs:
        used[rows.symbol[rows.symbol >= 0]] = True
    used[: len(public)] |= public
    used[needs.canonical] = used[needs.copy] = True
    wanted = (program.resolution.table.get(name) for name in (*options.undefined, *options.required))
    used[[s.id for s in wanted if s is not None and int(program.symbols.sid[s.id]) == SHARED]] = True
    for number in needs.copy.tolist():  # all names of a copied datum must lead to the copy
        used[_aliases(program, number)] = True
    numbers = np.flatnonzero(used).tolist()
    # The others are hashed: a library must find here what it shares, a canonical PLT entry (a function's address) as well.
    is_imported = np.isin(program.symbols.sid[numbers], (SHARED, UNDEFINED)).tolist()
    imported = [n for n, elsewhere in zip(numbers, is_imported, strict=True) if elsewhere]
    hashed = [n for n, elsewhere in zip(numbers, is_imported, strict=True) if not elsewhere]
    buckets = max(1, len(hashed) // 4)
    hashed.sort(key=lambda n: gnu_hash(_raw(symbols[n].dynamic_name)) % buckets)
    order = tuple(imported + hashed)
    if options.hash_style == "sysv":  # needs no order; this is GNU ld's
        order = tuple(in_walk_order(symbols, np.array(order, dtype=np.int64)).tolist())
    strings = Strings()
    for name in (options.soname, ":".join(options.rpath)):
        strings.add(name)
    needed = tuple(library.soname for library in program.resolution.libraries)
    named = (*options.auxiliary, options.filter, ":".join(options.depaudit), ":".join(options.audit))
    string_at = {
        name: strings.add(name) for name in (*needed, *named, options.soname, ":".join(options.rpath))
    }
    string_at |= {name: strings.add(name) for name in (symbols[n].dynamic_name for n in order)}
    sections: dict[str, bytes] = {}
    own = _own_versions(program, order, script)
    numbers_of = {version: number for number, version in enumerate(script.versions, FIRST_VERSION)}
    verneed_count = _versions(
        program, order, own, numbers_of, strings, string_at, sections, options.pack_relative
    )
    if script.versions:
        sections[".gnu.version_d"] = _definitions(program, script, strings, options)
    names = [_raw(symbols[n].dynamic_name) for n in order]
    if options.hash_style in ("gnu", "both"):
        sections[".gnu.hash"] = gnu_hash_table(
            names[len(imported) :], len(imported) + 1, buckets, options.xlen
        )
    if options.hash_style in ("sysv", "both"):
        sections[".hash"] = sysv_hash_table(names)
    number = np.zeros(len(program.symbols), dtype=np.int64)
    number[list(order)] = np.arange(1, len(order) + 1)
    return DynamicPlan(
        order,
        number,
        frozenset(needs.canonical.tolist()),
        bytes(strings.data),
        string_at,
        sections,
        len(script.versions) + 1 if script.versions else 0,
        verneed_count,
        needed,
    )


def _aliases(program: ProgramColumns, number: int) -> list[int]:
    symbol = program.resolution.symbols[number]
    if symbol.shared is None:
        return []
    library = program.resolution.libraries[symbol.file]
    names = library.aliases.get((symbol.shared.section, symbol.shared.value), ())
    table = program.resolution.table
    return [table[name].id for name in names if name in table and table[name].shared is not None]


# -- versions ---------------------------------------------------------------------------------------------------


_RELR_VERSION = "GLIBC_ABI_DT_RELR"  # glibc since 2.36
FIRST_VERSION = 2  # 0 and 1 are the file's own


def _own_versions(program: ProgramColumns, order: tuple[int, ...], script: VersionScript) -> dict[int, str]:
    """The versions of the dynamic symbols that are defined here, by symbol number."""
    if not script.versions:
        return {}
    symbols, sid = program.resolution.symbols, program.symbols.sid
    found = ((n, script.version_of(symbols[n])) for n in order if int(sid[n]) not in (SHARED, UNDEFINED))
    return {number: version for number, version in found if version}


def _definitions(
    program: ProgramColumns, script: VersionScript, strings: Strings, options: LinkOptions
) -> bytes:
    """.gnu.version_d: the file itself, and the versions of the script. An empty one is weak, as in GNU ld."""
    base = options.soname or posixpath.basename(options.output)
    versions = [DefinedVersion(_raw(base), strings.add(base), (), 1, c.VER_FLG_BASE)]
    used = set(program.resolution.symbols.versions.values())
    for number, node in enumerate((n for n in script.nodes if n.name), FIRST_VERSION):
        empty = not node.shown and not node.kept and node.name not in used
        parents = tuple(strings.add(parent) for parent in reversed(node.parents))
        flags = c.VER_FLG_WEAK if empty else 0
        versions.append(DefinedVersion(_raw(node.name), strings.add(node.name), parents, number, flags))
    return pack_defined_versions(versions)


def _versions(
    program: ProgramColumns,
    order: tuple[int, ...],
    own: dict[int, str],
    numbers: dict[str, int],
    strings: Strings,
    string_at: dict[str, int],
    sections: dict[str, bytes],
    packed: bool,
) -> int:
    """.gnu.version and .gnu.version_r, when symbols have versions; how many libraries they name.

    `own` are the versions of symbols defined here, `numbers` their numbers. With `packed` the output needs a glibc that
    applies DT_RELR, which a version says.
    """
    index: dict[tuple[int, str], int] = {}
    versym = [0]
    for number in order:
        symbol = program.resolution.symbols[number]
        if number in own:
            hidden = c.VERSYM_HIDDEN if "@" in symbol.name else 0
            versym.append(numbers[own[number]] | hidden)
        elif symbol.shared is None or not symbol.shared.version:
            versym.append(0 if _is_unresolved(program, symbol) else 1)
        else:
            key = (symbol.file, symbol.shared.version)
            versym.append(index.setdefault(key, len(index) + len(numbers) + FIRST_VERSION))
    if packed:
        for file in {file for file, version in index if version.startswith("GLIBC_2.")}:
            if program.resolution.libraries[file].soname.startswith("libc.so."):
                index[file, _RELR_VERSION] = len(index) + len(numbers) + FIRST_VERSION
    if not index and not numbers:
        return 0
    sections[".gnu.version"] = pack_versym(versym)
    if not index:
        return 0
    libraries: dict[int, list[NeededVersion]] = {}
    for (file, version), number in sorted(index.items(), key=lambda item: item[0][0]):
        needed = NeededVersion(_raw(version), strings.add(version), number)
        libraries.setdefault(file, []).append(needed)
    sections[".gnu.version_r"] = pack_needed_versions(
        [(string_at[program.resolution.libraries[file].soname], of[::-1]) for file, of in libraries.items()]
    )
    return len(libraries)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _is_unresolved(program: ProgramColumns, symbol: GlobalSymbol) -> bool:
    return int(program.symbols.sid[symbol.id]) == UNDEFINED


# -- sections ---------------------------------------------------------------------------------------------------

_A = c.SHF_ALLOC
_SHAPES = {
    # name: (type, flags, alignment, entry size)
    ".interp": (c.SHT_PROGBITS, _A, 1, 0),
    ".hash": (c.SHT_HASH, _A, 8, 4),
    ".gnu.hash": (c.SHT_GNU_HASH, _A, 8, 0),
    ".dynsym": (c.SHT_DYNSYM, _A, 8, c.SYM_SIZE),
    ".dynstr": (c.SHT_STRTAB, _A, 1, 0),
    ".gnu.version": (c.SHT_GNU_VERSYM, _A, 2, c.VERSYM_SIZE),
    ".gnu.version_d": (c.SHT_GNU_VERDEF, _A, 8, 0),
    ".gnu.version_r": (c.SHT_GNU_VERNEED, _A, 8, 0),
    relative_table.NAME: (c.SHT_RELR, _A, 8, relative_table.ENTRY),
    ".rela.dyn": (c.SHT_RELA, _A, 8, c.RELA_SIZE),
    ".rela.plt": (c.SHT_RELA, _A, 8, c.RELA_SIZE),
    ".dynamic": (c.SHT_DYNAMIC, _A | c.SHF_WRITE, 8, c.DYN_SIZE),
}


def new_sections(sizes: dict[str, int], contents: dict[str, bytes], options: LinkOptions) -> list[NewSection]:
    """The loader's sections of the given sizes; those in `contents` are complete."""
    records = file_class(options.xlen)
    entries = {c.SHT_DYNSYM: records.sym, c.SHT_RELA: records.rela, c.SHT_DYNAMIC: records.dyn}
    others = {name: _SHAPES[".rela.dyn"] for name in sizes if name not in _SHAPES}  # of `-z nocombreloc`
    return [
        NewSection(
            name,
            kind,
            flags,
            min(align, records.word),
            sizes[name],
            entries.get(kind, entsize),
            contents.get(name, b""),
        )
        for name, (kind, flags, align, entsize) in (_SHAPES | others).items()
        if name in sizes
    ]


def dynsym_bytes(
    program: ProgramColumns, layout: ImageLayout, known: Addresses, plan: DynamicPlan, options: LinkOptions
) -> bytes:
    """.dynsym with addresses."""
    table = np.zeros(plan.count, dtype=SYM)
    numbers = section_numbers(layout)
    symbols = program.symbols
    for at, n in enumerate(plan.order, 1):
        symbol = program.resolution.symbols[n]
        sid, value, kind = int(symbols.sid[n]), int(known.symbol[n]), int(symbols.type[n])
        kind = c.STT_OBJECT if kind == c.STT_COMMON else kind  # it has its place now
        if sid >= 0:
            # A canonical PLT entry is no definition: SHN_UNDEF with a value (psABI, gABI "Function Addresses").
            shndx = c.SHN_UNDEF if n in plan.canonical else section_of(layout, numbers, sid, value)
        elif sid == LINKER:
            shndx, kind = of_script(layout, numbers, program, symbol.name) or (
                home(layout, numbers, value, symbol.name), c.STT_NOTYPE,
            )  # fmt: skip
        else:
            shndx = c.SHN_ABS if sid == ABSOLUTE else c.SHN_UNDEF
        if kind == c.STT_TLS and shndx:
            value -= known.tls_start
        if kind == c.STT_GNU_IFUNC and (n in plan.canonical or sid == SHARED):
            kind = c.STT_FUNC  # whatever its library makes of it, here it is a function
        elif kind == c.STT_GNU_IFUNC and n in known.tables.ifunc_slot:
            if options.pic:
                sid, value = known.resolvers[n]
                shndx = section_of(layout, numbers, sid, value)
            else:
                kind = c.STT_FUNC  # everybody gets the address of the PLT entry, an ordinary function
        weak = symbol.weak and (shndx or not symbol.strong_reference)
        binding = c.STB_WEAK if weak else c.STB_GLOBAL
        binding = c.STB_GNU_UNIQUE if symbol.info >> c.ST_BIND_SHIFT == c.STB_GNU_UNIQUE else binding
        seen = int(symbols.visibility[n])
        table[at] = (
            plan.string_at[symbol.dynamic_name],
            st_info(binding, kind),
            seen,
            shndx,
            value & M64,
            int(symbols.size[n]) & M64 if shndx else 0,
        )
    return file_class(options.xlen).symbols(table)


def dynamic_entries(
    program: ProgramColumns,
    layout: ImageLayout | None,
    known: Addresses | None,
    plan: DynamicPlan,
    relative_count: int,
    textrel: bool,
    options: LinkOptions,
    present: set[str],
) -> bytes:
    """.dynamic. Without `layout` and `known` all addresses are 0: the size is the same."""
    records = file_class(options.xlen)
    start = layout.start if layout else lambda _: 0
    size = layout.size if layout else lambda _: 0
    entries = [(c.DT_NEEDED, plan.string_at[soname]) for soname in plan.needed]
    strings = [(c.DT_AUXILIARY, name) for name in options.auxiliary]
    strings += [(c.DT_FILTER, options.filter)] if options.filter else []
    strings += [(c.DT_AUDIT, ":".join(options.audit))] if options.audit else []
    strings += [(c.DT_DEPAUDIT, ":".join(options.depaudit))] if options.depaudit else []
    entries += [(tag, plan.string_at[text]) for tag, text in strings]
    if options.soname and options.shared:
        entries.append((c.DT_SONAME, plan.string_at[options.soname]))
    if options.rpath:
        tag = c.DT_RUNPATH if options.new_dtags else c.DT_RPATH
        entries.append((tag, plan.string_at[":".join(options.rpath)]))
    for tag, name in ((c.DT_INIT, options.init), (c.DT_FINI, options.fini)):
        symbol = program.resolution.table.get(name)
        if symbol is not None and program.symbols.sid[symbol.id] >= 0:
            entries.append((tag, int(known.symbol[symbol.id]) if known else 0))
    for name, tag, size_tag in (
        (".preinit_array", c.DT_PREINIT_ARRAY, c.DT_PREINIT_ARRAYSZ),
        (".init_array", c.DT_INIT_ARRAY, c.DT_INIT_ARRAYSZ),
        (".fini_array", c.DT_FINI_ARRAY, c.DT_FINI_ARRAYSZ),
    ):
        if name in present:
            entries += [(tag, start(name)), (size_tag, size(name))]
    for name, tag in ((".hash", c.DT_HASH), (".gnu.hash", c.DT_GNU_HASH)):
        if name in present:
            entries.append((tag, start(name)))
    entries += [(c.DT_STRTAB, start(".dynstr")), (c.DT_SYMTAB, start(".dynsym"))]
    entries += [(c.DT_STRSZ, len(plan.strings)), (c.DT_SYMENT, records.sym)]
    if not options.shared:
        entries.append((c.DT_DEBUG, 0))
    if ".rela.plt" in present:
        pltgot = int(layout.addr[known.tables.got_plt]) if layout and known else 0
        entries += [(c.DT_PLTGOT, pltgot), (c.DT_PLTRELSZ, size(".rela.plt")), (c.DT_PLTREL, c.DT_RELA)]
        entries.append((c.DT_JMPREL, start(".rela.plt")))
    tables = [name for name in present if name.startswith(".rela.") and name != ".rela.plt"]
    if tables:  # one, or neighbours
        entries += [
            (c.DT_RELA, min(map(start, tables))),
            (c.DT_RELASZ, sum(map(size, tables))),
            (c.DT_RELAENT, records.rela),
        ]
    if relative_table.NAME in present:
        entries += [
            (c.DT_RELR, start(relative_table.NAME)),
            (c.DT_RELRSZ, size(relative_table.NAME)),
            (c.DT_RELRENT, relative_table.ENTRY),
        ]
    if plan.verdef_count:
        entries += [(c.DT_VERDEF, start(".gnu.version_d")), (c.DT_VERDEFNUM, plan.verdef_count)]
    entries += _flags(options, textrel, program)
    if plan.verneed_count:
        entries += [(c.DT_VERNEED, start(".gnu.version_r")), (c.DT_VERNEEDNUM, plan.verneed_count)]
    if plan.verneed_count or plan.verdef_count:
        entries.append((c.DT_VERSYM, start(".gnu.version")))
    if relative_count:
        entries.append((c.DT_RELACOUNT, relative_count))
    return records.dynamic([*entries, (c.DT_NULL, 0)])


def _flags(options: LinkOptions, textrel: bool, program: ProgramColumns) -> list[tuple[int, int]]:
    flags = c.DF_TEXTREL if textrel else 0
    flags |= c.DF_SYMBOLIC if options.symbolic == "all" and options.shared else 0
    flags |= c.DF_BIND_NOW if options.now else 0
    flags |= c.DF_ORIGIN if options.origin else 0
    initial_exec = GOT_ENTRY[Need.TLS_IE].take(program.relocs.type, mode="clip")
    static_tls = options.shared and bool(program.sections.live[program.relocs.sid[initial_exec]].any())
    flags |= c.DF_STATIC_TLS if static_tls else 0
    more = (c.DF_1_NOW if options.now else 0) | (c.DF_1_PIE if options.kind == "pie" else 0)
    more |= options.flags_1
    more |= c.DF_1_ORIGIN if options.origin else 0
    entries = [(c.DT_TEXTREL, 0)] if textrel else []
    entries += [(c.DT_SYMBOLIC, 0)] if flags & c.DF_SYMBOLIC else []
    if options.new_dtags:
        entries += [(c.DT_FLAGS, flags)] if flags else []
    else:
        entries += [(c.DT_BIND_NOW, 0)] if options.now else []
    entries += [(c.DT_FLAGS_1, more)] if more else []
    return entries
