"""Reads a shared library for the linker: its name, exports, undefined symbols, and needed libraries."""

from __future__ import annotations

from toyvm.base.errors import ElfError
from toyvm.base.record import Record
from toyvm.elf import headers, record_arrays
from toyvm.elf.constants import (
    DT_AUDIT,
    DT_NEEDED,
    DT_SONAME,
    ET_DYN,
    PT_GNU_RELRO,
    SHF_WRITE,
    SHN_UNDEF,
    SHT_DYNAMIC,
    SHT_DYNSYM,
    SHT_GNU_VERDEF,
    SHT_GNU_VERSYM,
    SHT_NOBITS,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    ST_VISIBILITY_MASK,
    STB_LOCAL,
    STB_WEAK,
    VER_NDX_GLOBAL,
    VER_NDX_LOCAL,
    VERSYM_HIDDEN,
    VERSYM_SIZE,
)
from toyvm.elf.symbol_versions import defined_versions, read_versym


class SharedSymbol(Record):
    """A symbol that a library exports. `writable`: whether it stays writable after the loader's work (RELRO)."""

    name: str
    value: int
    size: int
    type: int
    weak: bool
    visibility: int
    version: str  # "" when the library has no versions, or for the base version
    section: int
    align: int
    writable: bool
    without_contents: bool  # in .bss: a common symbol once


class SharedLibrary(Record, eq=False):
    """A library named on the command line.

    `exports` has the default version of each symbol only, by name; `versioned` all versions, by `name@VERSION`.
    """

    name: str
    soname: str
    exports: dict[str, SharedSymbol]
    versioned: dict[str, SharedSymbol]
    undefined: tuple[tuple[str, bool], ...]  # (name, weak)
    needed: tuple[str, ...]
    aliases: dict[tuple[int, int], tuple[str, ...]]  # (section, value) -> all names there
    e_flags: int = 0
    audit: str = ""  # DT_AUDIT
    xlen: int = 64


def read_shared(data: bytes, name: str) -> SharedLibrary:
    """Read a shared object. Raises ElfError when it is malformed or not a shared object."""
    ehdr = headers.read_ehdr(data, name, any_class=True)
    headers.require_riscv(ehdr, name)
    if ehdr.type != ET_DYN:
        raise ElfError(f"{name}: file in wrong format: not a shared object")
    shdrs = headers.read_shdrs(data, name, ehdr)
    dynsym = next((s for s in shdrs if s.type == SHT_DYNSYM), None)
    if dynsym is None:
        raise ElfError(f"{name}: no dynamic symbol table")
    dynstr = _linked(data, shdrs, dynsym, name)
    needed, soname, audit = _dynamic(data, shdrs, name)
    read = record_arrays.symbols32 if headers.is_class32(data) else record_arrays.symbols
    array = read(_body(data, dynsym), name)
    names = record_arrays.names(array, dynstr, name)
    relro = [p for p in headers.read_phdrs(data, name, ehdr) if p.type == PT_GNU_RELRO]
    versions = _versions(data, shdrs, len(names), name)
    exports: dict[str, SharedSymbol] = {}
    versioned: dict[str, SharedSymbol] = {}
    aliases: dict[tuple[int, int], list[str]] = {}
    undefined = []
    for i, (_, info, other, shndx, value, size) in enumerate(array.tolist()):
        if i == 0 or info >> ST_BIND_SHIFT == STB_LOCAL:
            continue
        weak = info >> ST_BIND_SHIFT == STB_WEAK
        if shndx == SHN_UNDEF:
            undefined.append((names[i], weak))
            continue
        version, hidden = versions[i]
        if hidden and not version:
            continue
        section = shdrs[shndx] if shndx < len(shdrs) else headers.Shdr()
        writable = bool(section.flags & SHF_WRITE)
        writable &= not any(p.vaddr <= value < p.vaddr + p.memsz for p in relro)
        symbol = SharedSymbol(
            names[i], value, size, info & ST_TYPE_MASK, weak, other & ST_VISIBILITY_MASK, version, shndx,
            _alignment(value, section), writable, section.type == SHT_NOBITS,
        )  # fmt: skip
        if version:
            versioned[f"{names[i]}@{version}"] = symbol
        if not hidden:
            exports[names[i]] = symbol
        aliases.setdefault((shndx, value), []).append(f"{names[i]}@{version}" if hidden else names[i])
    return SharedLibrary(
        name, soname or name.rsplit("/", 1)[-1], exports, versioned, tuple(undefined), needed,
        {place: tuple(group) for place, group in aliases.items()}, ehdr.flags, audit,
        32 if headers.is_class32(data) else 64,
    )  # fmt: skip


def _body(data: bytes, section: headers.Shdr) -> bytes:
    return data[section.offset : section.offset + section.file_size]


def _linked(data: bytes, shdrs: list[headers.Shdr], section: headers.Shdr, name: str) -> bytes:
    if section.link >= len(shdrs):
        raise ElfError(f"{name}: section link {section.link} of {len(shdrs)} sections")
    return _body(data, shdrs[section.link])


def _alignment(value: int, section: headers.Shdr) -> int:
    """The alignment of an object at `value`: that of its section, or less if its address is less aligned."""
    align = max(section.addralign, 1)
    return min(align, value & -value) if value else align


def _dynamic(data: bytes, shdrs: list[headers.Shdr], name: str) -> tuple[tuple[str, ...], str, str]:
    needed: list[str] = []
    soname = audit = ""
    for section in shdrs:
        if section.type != SHT_DYNAMIC:
            continue
        strings = _linked(data, shdrs, section, name)
        for tag, value in headers.read_dynamic(_body(data, section), class32_file=headers.is_class32(data)):
            if tag == DT_NEEDED:
                needed.append(headers.string_at(strings, value, name, "DT_NEEDED"))
            elif tag == DT_SONAME:
                soname = headers.string_at(strings, value, name, "DT_SONAME")
            elif tag == DT_AUDIT:
                audit = headers.string_at(strings, value, name, "DT_AUDIT")
    return tuple(needed), soname, audit


def _versions(data: bytes, shdrs: list[headers.Shdr], count: int, name: str) -> list[tuple[str, bool]]:
    """(version name, hidden) of every dynamic symbol; a hidden symbol is not the default version of its name."""
    versym = next((s for s in shdrs if s.type == SHT_GNU_VERSYM), None)
    if versym is None:
        return [("", False)] * count
    defined: dict[int, str] = {}
    for section in shdrs:
        if section.type == SHT_GNU_VERDEF:
            defined.update(defined_versions(_body(data, section), _linked(data, shdrs, section, name), name))
    raw = _body(data, versym)
    if len(raw) < VERSYM_SIZE * count:
        raise ElfError(f"{name}: version table of {len(raw)} bytes for {count} symbols")
    found = []
    for entry in read_versym(raw)[:count]:
        number = entry & ~VERSYM_HIDDEN
        version = defined.get(number, "") if number > VER_NDX_GLOBAL else ""
        found.append((version, bool(entry & VERSYM_HIDDEN) or number == VER_NDX_LOCAL))
    return found
