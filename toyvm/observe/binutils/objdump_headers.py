"""What `objdump` tells of a file as a whole, in GNU's format: -f, -a, -i, -R."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator

from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.archive import Member
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.symbol_versions import symbol_versions
from toyvm.relocations import relocation_name

# BFD's flags of a file, in the order in which they are printed.
_FLAGS = ((0x1, "HAS_RELOC"), (0x2, "EXEC_P"), (0x10, "HAS_SYMS"), (0x40, "DYNAMIC"), (0x100, "D_PAGED"))


def file_header(elf: ElfFile) -> Iterator[str]:
    """`-f`: architecture, flags, entry."""
    flags = 0
    if elf.header.type == c.ET_REL and any(
        section.header.size for section in elf.sections_of_type(c.SHT_RELA)
    ):
        flags |= 0x1
    if elf.header.type == c.ET_EXEC:
        flags |= 0x2
    if elf.symbols(".symtab") or elf.symbols(".dynsym"):
        flags |= 0x10
    if elf.header.type == c.ET_DYN:
        flags |= 0x40
    if elf.header.type in (c.ET_EXEC, c.ET_DYN) and elf.segments:
        flags |= 0x100
    yield f"architecture: riscv:rv{32 if elf.is_class32 else 64}, flags 0x{flags:08x}:"
    yield ", ".join(name for bit, name in _FLAGS if flags & bit)
    yield f"start address 0x{elf.header.entry:0{elf.digits}x}"
    yield ""


def member_header(member: Member) -> str:
    """`-a`: the line of a member, as `ar tv` shows it."""
    mode = stat.filemode(member.mode | stat.S_IFREG)[1:]
    when = time.strftime("%b %e %H:%M %Y", time.gmtime(member.mtime))
    return f"{mode} {member.uid}/{member.gid} {len(member.data):6} {when} {member.name}"


def dynamic_relocations(elf: ElfFile, spell: Callable[[str], str]) -> Iterator[str]:
    """`-R`: the relocations that the dynamic linker applies. Raises ElfError for a file without dynamic symbols."""
    if elf.symbols(".dynsym") is None:
        raise ElfError(f"{elf.name}: not a dynamic object")
    yield "DYNAMIC RELOCATION RECORDS"
    versions = symbol_versions(elf)
    rows: list[str] = []
    for section, array in elf.relocations():
        if not section.header.link or elf.linked(section).header.type != c.SHT_DYNSYM:
            continue
        table = elf.symbols_of(elf.linked(section))
        for offset, kind, symbol, addend in array.tolist():
            name = "*ABS*"
            if symbol:
                name = spell(table.names[symbol])
                version = versions[symbol].text.lstrip("@") if symbol in versions else "Base"
                name += f"@{version or 'Base'}" if versions else ""
            sign = "-" if addend < 0 else "+"
            distance = f"{sign}0x{abs(addend):0{elf.digits}x}" if addend else ""
            rows.append(f"{offset:0{elf.digits}x} {relocation_name(kind):<16}  {name}{distance}")
    if not rows:
        yield "(none)"
    else:
        yield f"{'OFFSET':<{elf.digits}} TYPE              VALUE"
        yield from rows
    yield ""
    yield ""


FORMATS = """elf64-littleriscv
 (header little endian, data little endian)
  riscv
elf32-littleriscv
 (header little endian, data little endian)
  riscv
binary
 (header endianness unknown, data endianness unknown)
  riscv
srec
 (header endianness unknown, data endianness unknown)
  riscv
verilog
 (header endianness unknown, data endianness unknown)
  riscv
ihex
 (header endianness unknown, data endianness unknown)
  riscv"""
