"""The listings of GNU readelf: headers, segments and dynamic section. `wide` is -W: a line for each entry, names uncut.

`readelf_tables` has symbols, relocations, attributes and dumps. Each function returns lines.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.headers import Phdr, Shdr
from toyvm.elf.object_file import SymbolTable

from . import elf_names as names


def header(elf: ElfFile) -> Iterator[str]:
    """`-h`: the file header."""
    ehdr = elf.header
    kind = names.FILE_TYPES.get(ehdr.type, f"<unknown>: {ehdr.type:x}")
    if ehdr.type == c.ET_DYN and (elf.dynamic_value(c.DT_FLAGS_1) or 0) & c.DF_1_PIE:
        kind = "DYN (Position-Independent Executable file)"
    machine = "RISC-V" if ehdr.machine == c.EM_RISCV else f"<unknown>: {ehdr.machine:#x}"
    flags = names.elf_flags(ehdr.flags) if ehdr.machine == c.EM_RISCV else ""
    yield "ELF Header:"
    yield "  Magic:   " + "".join(f"{byte:02x} " for byte in elf.data[:16])
    for label, value in (
        ("Class:", "ELF32" if elf.is_class32 else "ELF64"),
        ("Data:", "2's complement, little endian"),
        ("Version:", "1 (current)"),
        ("OS/ABI:", names.OSABI.get(ehdr.osabi, f"<unknown: {ehdr.osabi:x}>")),
        ("ABI Version:", ehdr.abiversion),
        ("Type:", kind),
        ("Machine:", machine),
        ("Version:", f"{ehdr.version:#x}"),
        ("Entry point address:", f"{ehdr.entry:#x}"),
        ("Start of program headers:", f"{ehdr.phoff} (bytes into file)"),
        ("Start of section headers:", f"{ehdr.shoff} (bytes into file)"),
        ("Flags:", f"{ehdr.flags:#x}{flags}"),
        ("Size of this header:", f"{ehdr.ehsize} (bytes)"),
        ("Size of program headers:", f"{ehdr.phentsize} (bytes)"),
        ("Number of program headers:", ehdr.phnum),
        ("Size of section headers:", f"{ehdr.shentsize} (bytes)"),
        ("Number of section headers:", ehdr.shnum),
        ("Section header string table index:", ehdr.shstrndx),
    ):
        yield f"  {label:<34} {value}"


def sections(elf: ElfFile, wide: bool, alone: bool) -> Iterator[str]:
    """`-S`: the section headers. `alone` adds the offset of the table, which `-h` also shows."""
    if not elf.sections:
        if not alone:
            yield ""
        yield "There are no sections in this file."
        return
    plural = "s" if len(elf.sections) != 1 else ""
    verb = "are" if plural else "is"
    if alone:
        yield f"There {verb} {len(elf.sections)} section header{plural}, starting at offset {elf.header.shoff:#x}:"
    yield ""
    yield f"Section Header{plural}:"
    if wide or elf.digits == 8:
        title = f"{'Address' if elf.digits == 16 else 'Addr':<{elf.digits}}"
        yield f"  [Nr] Name              Type            {title} Off    Size   ES Flg Lk Inf Al"
        for section in elf.sections:
            yield _section_line(section, elf, wide)
    else:
        yield "  [Nr] Name              Type             Address           Offset"
        yield "       Size              EntSize          Flags  Link  Info  Align"
        for section in elf.sections:
            yield from _section_lines(section, elf.header.osabi)
    yield from names.section_flags_key(elf.header.osabi).splitlines()


def _section_lines(section: ElfSection, osabi: int) -> Iterator[str]:
    """The two lines of a section without -W."""
    shdr = section.header
    kind = names.SECTION_TYPES.get(shdr.type, f"{shdr.type:08x}: <unknown>")
    name = names.cut(section.name, 17)
    yield f"  [{section.number:2}] {name:<17} {kind:<15.15}  {shdr.addr:016x}  {shdr.offset:08x}"
    yield (
        f"       {shdr.size:016x}  {shdr.entsize:016x} {names.section_flags(shdr.flags, osabi):>3} "
        f"     {shdr.link:2}   {shdr.info:3}     {shdr.addralign}"
    )


def _section_line(section: ElfSection, elf: ElfFile, wide: bool) -> str:
    shdr = section.header
    kind = names.SECTION_TYPES.get(shdr.type, f"{shdr.type:08x}: <unknown>")
    name = section.name
    if not wide:
        name, kind = names.cut(name, 17), kind[:15]
    place = f"{shdr.addr:0{elf.digits}x} {shdr.offset:06x} {shdr.size:06x} {shdr.entsize:02x}"
    flags = names.section_flags(shdr.flags, elf.header.osabi)
    return f"  [{section.number:2}] {name:<17} {kind:<15} {place} {flags:>3} {shdr.link:2} {shdr.info:3} {shdr.addralign:2}"


def section_details(elf: ElfFile, wide: bool, alone: bool) -> Iterator[str]:
    """`-t`: the section headers with their flags as words, in two or three lines each."""
    if alone:
        yield f"There are {len(elf.sections)} section headers, starting at offset {elf.header.shoff:#x}:"
    digits = elf.digits
    longest = None if wide else 15  # letters of a type
    in_a_line = wide or digits == 8
    yield ""
    yield "Section Headers:"
    yield "  [Nr] Name"
    if in_a_line:
        title = f"{'Address' if digits == 16 else 'Addr':<{digits}}"
        yield f"       Type            {title} Off    Size   ES   Lk Inf Al"
    else:
        yield "       Type              Address          Offset            Link"
        yield "       Size              EntSize          Info              Align"
    yield "       Flags"
    for section in elf.sections:
        shdr = section.header
        kind = names.SECTION_TYPES.get(shdr.type, f"{shdr.type:08x}: <unknown>")
        yield f"  [{section.number:2}] {section.name}"
        if in_a_line:
            place = f"{shdr.addr:0{digits}x} {shdr.offset:06x} {shdr.size:06x} {shdr.entsize:02x}"
            yield f"       {kind[:longest]:<15} {place}  {shdr.link:2} {shdr.info:3} {shdr.addralign:2}"
        else:
            yield f"       {kind[:longest]:<15}  {shdr.addr:016x}  {shdr.offset:016x}  {shdr.link}"
            yield f"       {shdr.size:016x} {shdr.entsize:016x}  {shdr.info:<16}  {shdr.addralign}"
        yield f"       [{shdr.flags:0{digits}x}]: {names.section_flag_words(shdr.flags)}"
        if shdr.flags & c.SHF_COMPRESSED and shdr.size >= _CHDR.size:
            kind_of, size, align = _CHDR.unpack_from(elf.data, shdr.offset)
            yield f"       {_COMPRESSIONS.get(kind_of, f'[<unknown>: {kind_of:#x}]')}, {size:016x}, {align}"


_CHDR = struct.Struct("<I4xQQ")
_COMPRESSIONS = {c.ELFCOMPRESS_ZLIB: "ZLIB", c.ELFCOMPRESS_ZSTD: "ZSTD"}


def groups(elf: ElfFile) -> Iterator[str]:
    """`-g`: the section groups."""
    found = list(elf.sections_of_type(c.SHT_GROUP))
    if not found:
        yield ""
        yield "There are no section groups in this file."
    for section in found:
        data = elf.contents(section)
        words = [word for (word,) in struct.iter_unpack("<I", data[: len(data) & ~3])]
        symbols = elf.symbols_of(elf.linked(section))
        signature = _signature(elf, symbols, section.header.info)
        kind = "COMDAT " if words and words[0] & c.GRP_COMDAT else ""
        yield ""
        yield (
            f"{kind}group section [{section.number:5}] `{section.name}' [{signature}] contains {len(words) - 1} sections:"
        )
        yield "   [Index]    Name"
        for word in words[1:]:
            yield f"   [{word:5}]   {elf.section_name(word)}"


def _signature(elf: ElfFile, symbols: SymbolTable, number: int) -> str:
    """The name of a group: that of a symbol, or of a section whose symbol signs."""
    if number >= len(symbols):
        return "<corrupt>"
    row = symbols.array[number]
    if int(row["st_info"]) & c.ST_TYPE_MASK == c.STT_SECTION:
        return elf.section_name(int(row["st_shndx"]))
    return symbols.names[number]


def segments(elf: ElfFile, wide: bool, alone: bool) -> Iterator[str]:
    """`-l`: the program headers, and the mapping of sections to segments."""
    yield ""
    if not elf.segments:
        yield "There are no program headers in this file."
        return
    if alone:
        kind = next(iter(line for line in header(elf) if line.startswith("  Type:")))[37:]
        yield f"Elf file type is {kind}"
        yield f"Entry point {elf.header.entry:#x}"
        count = len(elf.segments)
        verb, plural = ("are", "s") if count != 1 else ("is", "")
        yield f"There {verb} {count} program header{plural}, starting at offset {elf.header.phoff}"
        yield ""
    yield "Program Headers:"
    yield from _segment_heading(elf.digits, wide)
    for phdr in elf.segments:
        yield from _segment_lines(phdr, elf.digits, wide)
        if phdr.type == c.PT_INTERP:
            yield f"      [Requesting program interpreter: {elf.interpreter}]"
    yield ""
    yield " Section to Segment mapping:"
    yield "  Segment Sections..."
    for number, phdr in enumerate(elf.segments):
        inside = (section.name + " " for section in elf.sections[1:] if in_segment(section.header, phdr))
        yield f"   {number:02}     {''.join(inside)}"


def _segment_heading(digits: int, wide: bool) -> Iterator[str]:
    if not wide and digits == 16:
        yield "  Type           Offset             VirtAddr           PhysAddr"
        yield "                 FileSiz            MemSiz              Flags  Align"
        return
    width, gap = digits + 2, " " * (digits // 16)
    places = f"{'VirtAddr':<{width}} {'PhysAddr':<{width}}"
    yield f"  Type           Offset   {places} FileSiz {gap}MemSiz  {gap}Flg Align"


def _segment_lines(phdr: Phdr, digits: int, wide: bool) -> Iterator[str]:
    kind = names.SEGMENT_TYPES.get(phdr.type, f"<unknown>: {phdr.type:x}")
    flags = names.segment_flags(phdr.flags)
    if not wide and digits == 16:
        yield f"  {kind:<14.14} {phdr.offset:#018x} {phdr.vaddr:#018x} {phdr.paddr:#018x}"
        yield f"{' ' * 17}{phdr.filesz:#018x} {phdr.memsz:#018x}  {flags}    {phdr.align:#x}"
        return
    width, small = digits + 2, 8 if digits == 16 else 7
    places = f"{phdr.offset:#08x} {phdr.vaddr:#0{width}x} {phdr.paddr:#0{width}x} {phdr.filesz:#0{small}x} {phdr.memsz:#0{small}x}"
    yield f"  {kind:<14} {places} {flags} {phdr.align:#x}"


def in_segment(shdr: Shdr, phdr: Phdr) -> bool:
    """Whether a section is shown under a segment (binutils, ELF_SECTION_IN_SEGMENT_STRICT)."""
    tls = bool(shdr.flags & c.SHF_TLS)
    if tls and phdr.type not in (c.PT_TLS, c.PT_GNU_RELRO, c.PT_LOAD):
        return False
    if tls and shdr.type == c.SHT_NOBITS and phdr.type != c.PT_TLS:
        return False  # .tbss occupies space in PT_TLS only
    if not tls and phdr.type in (c.PT_TLS, c.PT_PHDR):
        return False
    loaded = (c.PT_LOAD, c.PT_DYNAMIC, c.PT_GNU_EH_FRAME, c.PT_GNU_STACK, c.PT_GNU_RELRO)
    if not shdr.flags & c.SHF_ALLOC and phdr.type in loaded:
        return False
    in_file = shdr.type == c.SHT_NOBITS or _within(shdr.offset, shdr.size, phdr.offset, phdr.filesz)
    in_memory = not shdr.flags & c.SHF_ALLOC or _within(shdr.addr, shdr.size, phdr.vaddr, phdr.memsz)
    if not (in_file and in_memory):
        return False
    if phdr.type in (c.PT_DYNAMIC, c.PT_NOTE) and not shdr.size and phdr.memsz:
        return shdr.offset > phdr.offset and shdr.addr > phdr.vaddr
    return True


def _within(start: int, size: int, segment: int, length: int) -> bool:
    """Whether a range is inside a segment. An empty range at the segment's end is not."""
    return (
        segment <= start
        and start - segment + size <= length
        and (start - segment < length or length == 0 == size)
    )


_STRING_TAGS = {
    c.DT_NEEDED: "Shared library: [{}]",
    c.DT_SONAME: "Library soname: [{}]",
    c.DT_RPATH: "Library rpath: [{}]",
    c.DT_RUNPATH: "Library runpath: [{}]",
    c.DT_AUXILIARY: "Auxiliary library: [{}]",
    c.DT_FILTER: "Filter library: [{}]",
    c.DT_AUDIT: "Audit library: [{}]",
    c.DT_DEPAUDIT: "Dependency audit library: [{}]",
}
_SIZES = {
    c.DT_PLTRELSZ,
    c.DT_STRSZ,
    c.DT_SYMENT,
    c.DT_RELASZ,
    c.DT_RELAENT,
    c.DT_RELSZ,
    c.DT_RELENT,
    c.DT_INIT_ARRAYSZ,
    c.DT_FINI_ARRAYSZ,
    c.DT_PREINIT_ARRAYSZ,
    c.DT_RELRSZ,
    c.DT_RELRENT,
}
_COUNTS = {c.DT_RELACOUNT, c.DT_VERNEEDNUM, c.DT_VERDEFNUM}


def dynamic(elf: ElfFile) -> Iterator[str]:
    """`-d`: the dynamic section."""
    section = next(elf.sections_of_type(c.SHT_DYNAMIC), None)
    segment = next((phdr for phdr in elf.segments if phdr.type == c.PT_DYNAMIC), None)
    yield ""
    if section is None and segment is None:
        yield "There is no dynamic section in this file."
        return
    offset = section.header.offset if section else segment.offset if segment else 0
    entries = [*elf.dynamic, (c.DT_NULL, 0)]
    plural = "entries" if len(entries) != 1 else "entry"
    yield f"Dynamic section at offset {offset:#x} contains {len(entries)} {plural}:"
    yield "  Tag        Type                         Name/Value"
    for tag, value in entries:
        name = f"({names.DYNAMIC_TAGS.get(tag, f'<unknown>: {tag:x}')})"
        yield f" 0x{tag & ((1 << 4 * elf.digits) - 1):0{elf.digits}x} {name:<20} {dynamic_value(elf, tag, value)}"


def dynamic_value(elf: ElfFile, tag: int, value: int) -> str:
    """The value of a dynamic entry as text."""
    if tag in _STRING_TAGS:
        return _STRING_TAGS[tag].format(elf.dynamic_string(value))
    if tag in _SIZES:
        return f"{value} (bytes)"
    if tag in _COUNTS:
        return str(value)
    if tag == c.DT_PLTREL:
        return names.DYNAMIC_TAGS.get(value, str(value))
    if tag == c.DT_FLAGS:
        return names.dynamic_flags(value)
    if tag == c.DT_FLAGS_1:
        return names.dynamic_flags_1(value)
    return "" if tag == c.DT_BIND_NOW else f"{value:#x}"
