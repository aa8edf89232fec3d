"""The tables of GNU readelf: symbols, relocations, attributes and dumps of sections.

A `Cut` is what happens to long names: -W leaves them as they are, -T cuts them silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.architecture.attributes import TAG_ARCH, TAG_STACK_ALIGN, TAG_UNALIGNED_ACCESS, TAGS, decode
from toyvm.elf.archive import Archive
from toyvm.elf.compression import decompressed
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.object_file import SymbolTable
from toyvm.elf.record_arrays import Table, relocations32
from toyvm.elf.record_arrays import relocations as relocation_array
from toyvm.elf.symbol_versions import Version, symbol_versions
from toyvm.relocations import relocation_name

from . import elf_names as names
from .debug_dump.debug_sections import DebugSections

Cut = Callable[[str, int], str]


def whole(name: str, width: int) -> str:
    """With -W a name is as long as it is."""
    return name


_NAME = 21  # columns for a symbol's name and version without -W


def symbols(
    elf: ElfFile,
    *,
    cut: Cut = whole,
    dynamic_only: bool = False,
    image: bool = False,
    spell: Callable[[str], str] = str,
    base: int = 0,
) -> Iterator[str]:
    """`-s`: the symbol tables. `--dyn-syms` (`dynamic_only`): that of the dynamic linker, with -D called that of the `image`."""
    if image and elf.symbols(".dynsym") is None:
        yield ""
        yield "Dynamic symbol information is not available for displaying symbols."
    for section in elf.sections_of_type(c.SHT_DYNSYM, *(() if dynamic_only else (c.SHT_SYMTAB,))):
        table = elf.symbols_of(section)
        plural = "entries" if len(table) != 1 else "entry"
        yield ""
        title = "Symbol table for image" if image else f"Symbol table '{section.name}'"
        yield f"{title} contains {len(table)} {plural}:"
        yield f"   Num:    Value  {'' if elf.is_class32 else ' ' * 8}Size Type    Bind   Vis      Ndx Name"
        versions = symbol_versions(elf) if section.header.type == c.SHT_DYNSYM else {}
        fields = ("st_value", "st_size", "st_info", "st_other", "st_shndx")
        rows = zip(table.names, *(table.array[field].tolist() for field in fields), strict=True)
        for number, (name, value, size, info, other, shndx) in enumerate(rows):
            if info & c.ST_TYPE_MASK == c.STT_SECTION and not name:
                name = elf.section_name(shndx)
            kind = names.SYMBOL_TYPES.get(info & c.ST_TYPE_MASK, f"<unknown>: {info & c.ST_TYPE_MASK}")
            binding = names.SYMBOL_BINDINGS.get(
                info >> c.ST_BIND_SHIFT, f"<unknown>: {info >> c.ST_BIND_SHIFT}"
            )
            visibility = names.SYMBOL_VISIBILITIES[other & c.ST_VISIBILITY_MASK]
            variant = " [VARIANT_CC]" if other & c.STO_RISCV_VARIANT_CC else ""
            size_text = _size(size, base)
            where = names.section_index(shndx)
            version = _version(versions.get(number), name)
            shown = cut(spell(name), abs(_NAME - len(version)))
            yield (
                f"{number:6}: {value:0{elf.digits}x} {size_text} {kind:<7} {binding:<6} {visibility:<7}{variant} {where:>4} "
                f"{shown}{version}"
            )


def _size(size: int, base: int) -> str:
    """The size of a symbol; base 0 is decimal, and hexadecimal for a number that does not fit the column."""
    if base == 8:
        return f"{size:5o}"
    if base == 16:
        return f"{size:#07x}"
    return f"{size:5}" if size <= 99999 or base == 10 else f"{size:#x}"


def _version(version: Version | None, name: str) -> str:
    if version is None or version.text.endswith(f"@{name}"):
        return ""
    return f"{version.text} ({version.number})" if version.is_needed else version.text


def relocations(elf: ElfFile, cut: Cut = whole) -> Iterator[str]:
    """`-r`: the relocation sections."""
    found = elf.relocations()
    if not found:
        yield ""
        yield "There are no relocations in this file."
    for section, array in found:
        plural = "entries" if len(array) != 1 else "entry"
        yield ""
        yield f"Relocation section '{section.name}' at offset {section.header.offset:#x} contains {len(array)} {plural}:"
        home = elf.linked(section) if section.header.link else None
        yield from _relocation_rows(elf, array, home, cut)


_DYNAMIC_TABLES = (("RELA", c.DT_RELA, c.DT_RELASZ), ("PLT", c.DT_JMPREL, c.DT_PLTRELSZ))


def dynamic_relocations(elf: ElfFile, cut: Cut = whole) -> Iterator[str]:
    """`-r -D`: the relocations that the dynamic section leads to."""
    home = next(elf.sections_of_type(c.SHT_DYNSYM), None)
    shown = False
    for name, where, length in _DYNAMIC_TABLES:
        address, size = elf.dynamic_value(where), elf.dynamic_value(length)
        if not address or not size:
            continue
        shown = True
        data = elf.at_address(address, size, f"the relocations of DT_{name}")
        segment = next(
            p for p in elf.segments if p.type == c.PT_LOAD and p.vaddr <= address < p.vaddr + p.filesz
        )
        yield ""
        yield f"'{name}' relocation section at offset {address - segment.vaddr + segment.offset:#x} contains {size} bytes:"
        read = relocations32 if elf.is_class32 else relocation_array
        yield from _relocation_rows(elf, read(data, f"{elf.name}: DT_{name}"), home, cut)
    if not shown:
        yield ""
        yield "There are no dynamic relocations in this file."


_HEADINGS = {  # (class 32, -W)
    (True, True): " Offset     Info    Type                Sym. Value  Symbol's Name + Addend",
    (True, False): " Offset     Info    Type            Sym.Value  Sym. Name + Addend",
    (
        False,
        True,
    ): "    Offset             Info             Type               Symbol's Value  Symbol's Name + Addend",
    (False, False): "  Offset          Info           Type           Sym. Value    Sym. Name + Addend",
}


def _relocation_rows(elf: ElfFile, array: Table, home: ElfSection | None, cut: Cut) -> Iterator[str]:
    """A table of relocations whose symbols are in section `home`."""
    wide = cut is whole
    yield _HEADINGS[elf.is_class32, wide]
    digits, shift = (8, 8) if elf.is_class32 else (16 if wide else 12, 32)
    columns = 22 if wide else 17
    table = elf.symbols_of(home) if home else None
    versions = symbol_versions(elf) if home and home.header.type == c.SHT_DYNSYM else {}
    for offset, kind, symbol, addend in array.tolist():
        if table is not None and symbol >= len(table):
            raise ElfError(f"{elf.name}: a relocation names symbol {symbol} of {len(table)}")
        version = versions[symbol].text if symbol in versions else ""
        target = _target(elf, table, symbol, version, addend, cut)
        name = relocation_name(kind)
        yield f"{offset:0{digits}x}  {symbol << shift | kind:0{digits}x} {name if wide else name[:17]:<{columns}} {target}"


def _target(elf: ElfFile, table: SymbolTable | None, symbol: int, version: str, addend: int, cut: Cut) -> str:
    distance = f"- {-addend:x}" if addend < 0 else f"+ {addend:x}"
    if table is None or not symbol:
        return f"{' ' * (11 if elf.is_class32 else 19)}{'-' if addend < 0 else ''}{abs(addend):x}"
    row = table.array[symbol]
    name = table.names[symbol]
    if not name and int(row["st_info"]) & c.ST_TYPE_MASK == c.STT_SECTION:
        name = elf.section_name(int(row["st_shndx"]))
    shown = cut(name or "<null>", 22)
    value = f"{int(row['st_value']):0{elf.digits}x}{'  ' if elf.is_class32 else ''}"
    if int(row["st_info"]) & c.ST_TYPE_MASK == c.STT_GNU_IFUNC:  # what its resolver chooses: no address
        value = f"{shown}()".ljust(10 if elf.is_class32 else 16)
    return f"{value} {shown}{version} {distance}"


_TAG_NAMES = {tag: name for name, tag in TAGS.items()}


def attributes(elf: ElfFile) -> Iterator[str]:
    """`-A`: the RISC-V attributes."""
    section = next(elf.sections_of_type(c.SHT_RISCV_ATTRIBUTES), None)
    if section is None:
        return
    yield "Attribute Section: riscv"
    yield "File Attributes"
    for tag, value in decode(elf.contents(section), elf.name).items():
        if tag not in _TAG_NAMES:
            text = f'"{value}"' if isinstance(value, str) else f"{value} ({value:#x})"
            yield f"  Tag_unknown_{tag}: {text}"
            continue
        text = f'"{value}"' if tag == TAG_ARCH else str(value)
        if tag == TAG_STACK_ALIGN:
            text = f"{value}-bytes"
        elif tag == TAG_UNALIGNED_ACCESS:
            text = "Unaligned access" if value else "No unaligned access"
        yield f"  Tag_RISCV_{_TAG_NAMES[tag]}: {text}"


def find_section(elf: ElfFile, which: str) -> ElfSection:
    """The section with this name or number. Raises ElfError."""
    section = elf.section(which)
    if section is None and which.isdigit() and int(which) < len(elf.sections):
        section = elf.sections[int(which)]
    if section is None:
        raise ElfError(f"{elf.name}: section '{which}' was not dumped because it does not exist")
    return section


def _dumped(elf: ElfFile, section: ElfSection, decompress: bool, relocated: bool = False) -> bytes:
    """The bytes that a dump shows. Raises ElfError."""
    compressed = section.header.flags & c.SHF_COMPRESSED
    if relocated and (decompress or not compressed):
        return DebugSections(elf, lambda _: None).read(section).data
    data = elf.contents(section)
    return decompressed(data, f"{elf.name}: section {section.name}")[0] if decompress and compressed else data


def hex_dump(elf: ElfFile, which: str, decompress: bool = False, relocated: bool = False) -> Iterator[str]:
    """`-x SECTION`: the bytes of a section; `-R SECTION` (`relocated`): with its relocations applied."""
    section = find_section(elf, which)
    data = _dumped(elf, section, decompress, relocated)
    if data or not relocated:
        yield ""
    if not data:
        yield f"Section '{section.name}' has no data to dump."
        return
    yield f"Hex dump of section '{section.name}':"
    if not relocated and any(s.header.info == section.number for s in elf.sections_of_type(c.SHT_RELA)):
        yield " NOTE: This section has relocations against it, but these have NOT been applied to this dump."
    for at in range(0, len(data), 16):
        chunk = data[at : at + 16]
        words = "".join(chunk[i : i + 4].hex().ljust(8) + " " for i in range(0, 16, 4))
        yield f"  {section.header.addr + at:#010x} {words}{printable(chunk)}"
    yield ""


def printable(data: bytes) -> str:
    """ASCII, with a dot for every other byte."""
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)


def string_dump(elf: ElfFile, which: str, decompress: bool = False) -> Iterator[str]:
    """`-p SECTION`: the strings in a section."""
    section = find_section(elf, which)
    data = _dumped(elf, section, decompress)
    yield ""
    yield f"String dump of section '{section.name}':"
    at = 0
    for text in data.split(b"\0"):
        if text:
            yield f"  [{at:6x}]  {''.join(map(_visible, text))}"
        at += len(text) + 1
    yield ""


def _visible(byte: int) -> str:
    """A byte as `readelf -p` shows it: control characters as ^A, a newline as \\n."""
    if byte == 10:
        return "\\n"
    if byte < 32:
        return f"^{chr(byte ^ 64)}"
    return chr(byte) if byte < 127 else f"<{byte:x}>"


def archive_index(path: str, data: bytes) -> Iterator[str]:
    """`-c`: the symbols of an archive's index, by member. Nothing for another file. Raises ElfError."""
    if not Archive.is_archive(data):
        return
    archive = Archive.parse(data, path)
    if not archive.index:
        raise ElfError(f"{path} has no archive index")
    texts = sum(len(name.encode("utf-8", "surrogateescape")) + 1 for name in archive.index)
    yield f"Index of archive {path}: ({len(archive.index)} entries, {texts + texts % 2:#x} bytes in the symbol table)"
    members: dict[int, list[str]] = {}
    for name, number in archive.index.items():
        members.setdefault(number, []).append(name)
    for number, found in members.items():
        member = archive.members[number]
        yield f"Contents of binary {path}({member.name}) at offset {member.offset:#x}"
        yield from (f"\t{name}" for name in found)
