"""Small ELF files made without any tool: an object with everything in it, a dynamic program, an archive."""

from __future__ import annotations

import struct

import numpy as np

from tests.support.line_script import build, lines_by_loc, lines_by_row
from toyvm.elf import constants as c
from toyvm.elf.architecture.attributes import TAG_ARCH, TAG_STACK_ALIGN, encode
from toyvm.elf.architecture.isa_strings import Arch
from toyvm.elf.archive import Member
from toyvm.elf.archive import write as write_archive
from toyvm.elf.headers import Ehdr, Phdr, Shdr, pack_dynamic
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section, SectionGroup, SymbolTable
from toyvm.elf.object_writer import write_object
from toyvm.elf.record_arrays import RELA, SYM
from toyvm.elf.string_table import StringTable
from toyvm.relocations import R

CODE = bytes.fromhex("130101ff97000000e78000006304050067800000")


def symbol_table(rows: list[tuple[str, int, int, int, int, int]]) -> SymbolTable:
    """Symbols from (name, binding, type, section, value, size), locals first; the null symbol is added."""
    array = np.zeros(1 + len(rows), dtype=SYM)
    for index, (_, binding, kind, section, value, size) in enumerate(rows, start=1):
        array[index] = (0, binding << 4 | kind, 0, section, value, size)
    first = 1 + sum(1 for row in rows if row[1] == c.STB_LOCAL)
    return SymbolTable(["", *(row[0] for row in rows)], array, first)


def relocs(*rows: tuple[int, R, int, int]) -> np.ndarray:
    """An array of RELA from (offset, type, symbol, addend)."""
    return np.array([(offset, kind, symbol, addend) for offset, kind, symbol, addend in rows], dtype=RELA)


def everything() -> ObjectFile:
    """An object with code, data, bss, merged strings, a COMDAT group, relocations, common and weak symbols."""
    text = relocs((4, R.CALL_PLT, 6, 0), (4, R.RELAX, 0, 0), (12, R.BRANCH, 3, 0))
    attributes = encode({TAG_STACK_ALIGN: 16, TAG_ARCH: str(Arch.parse("rv64gc"))})
    sections = (
        NULL_SECTION,
        Section(".text", c.SHT_PROGBITS, c.SHF_ALLOC | c.SHF_EXECINSTR, 4, data=CODE, relocs=text),
        Section(
            ".data",
            c.SHT_PROGBITS,
            c.SHF_ALLOC | c.SHF_WRITE,
            8,
            data=bytes(8),
            relocs=relocs((0, R.ABS64, 6, -4)),
        ),
        Section(".bss", c.SHT_NOBITS, c.SHF_ALLOC | c.SHF_WRITE, 16, size=1 << 20),
        Section(
            ".rodata.str1.1", 1, c.SHF_ALLOC | c.SHF_MERGE | c.SHF_STRINGS, 1, entsize=1, data=b"hello\0"
        ),
        Section(".text.once", 1, c.SHF_ALLOC | c.SHF_EXECINSTR, 4, data=CODE[-4:], group=0),
        Section(".riscv.attributes", c.SHT_RISCV_ATTRIBUTES, 0, 1, data=attributes),
    )
    symbols = symbol_table(
        [
            ("a.s", c.STB_LOCAL, c.STT_FILE, c.SHN_ABS, 0, 0),
            ("", c.STB_LOCAL, c.STT_SECTION, 1, 0, 0),
            (".L1", c.STB_LOCAL, c.STT_NOTYPE, 1, 16, 0),
            ("once", c.STB_WEAK, c.STT_FUNC, 5, 0, 4),
            ("main", c.STB_GLOBAL, c.STT_FUNC, 1, 0, 20),
            ("printf", c.STB_GLOBAL, c.STT_NOTYPE, c.SHN_UNDEF, 0, 0),
            ("buffer", c.STB_GLOBAL, c.STT_OBJECT, c.SHN_COMMON, 8, 100),
        ]
    )
    flags = c.EF_RISCV_FLOAT_ABI_DOUBLE | c.EF_RISCV_RVC
    return ObjectFile("a.o", sections, symbols, flags, (SectionGroup(4, c.GRP_COMDAT, (5,)),))


def objects() -> dict[str, bytes]:
    """Objects by what they show."""
    return {
        "everything": write_object(everything()),
        "lines": write_object(build(lines_by_row())),
        "locs": write_object(build(lines_by_loc())),
    }


def program() -> bytes:
    """A dynamic executable: five segments, dynamic section, symbols, relocations, a note. Not meant to run."""
    strings = StringTable()
    for name in ("main", "printf", "libc.so", "/lib"):
        strings.add(name)
    strtab, at = strings.finish()
    dynsym = np.zeros(3, dtype=SYM)
    dynsym[1] = (at["main"], c.STB_GLOBAL << 4 | c.STT_FUNC, 0, 1, 0x1000, 20)
    dynsym[2] = (at["printf"], c.STB_GLOBAL << 4 | c.STT_FUNC, 0, 0, 0, 0)
    note = struct.pack("<III4s4I", 4, 16, c.NT_GNU_ABI_TAG, b"GNU\0", 0, 4, 15, 0)
    parts = {
        ".text": CODE,
        ".interp": b"/lib/ld.so\0",
        ".note.ABI-tag": note,
        ".dynsym": dynsym.tobytes(),
        ".dynstr": strtab,
        ".rela.dyn": relocs((0x2000, R.RELATIVE, 0, 0x1000), (0x2008, R.JUMP_SLOT, 2, 0)).tobytes(),
    }
    offsets, out = {}, bytearray(0x200)
    for name, data in parts.items():
        out += bytes(-len(out) % 8)
        offsets[name] = len(out)
        out += data
    out += bytes(-len(out) % 8)
    dynamic = pack_dynamic(
        [
            (c.DT_NEEDED, at["libc.so"]),
            (c.DT_RUNPATH, at["/lib"]),
            (c.DT_STRTAB, offsets[".dynstr"]),
            (c.DT_STRSZ, len(strtab)),
            (c.DT_SYMTAB, offsets[".dynsym"]),
            (c.DT_FLAGS_1, c.DF_1_PIE | c.DF_1_NOW),
            (c.DT_NULL, 0),
        ]
    )
    parts[".dynamic"], offsets[".dynamic"] = dynamic, len(out)
    out += dynamic
    return _finish(out, parts, offsets)


def _finish(out: bytearray, parts: dict[str, bytes], offsets: dict[str, int]) -> bytes:
    kinds = {
        ".text": (c.SHT_PROGBITS, 0),
        ".interp": (c.SHT_PROGBITS, 0),
        ".note.ABI-tag": (c.SHT_NOTE, 0),
        ".dynsym": (c.SHT_DYNSYM, 24),
        ".dynstr": (c.SHT_STRTAB, 0),
        ".rela.dyn": (c.SHT_RELA, 24),
        ".dynamic": (c.SHT_DYNAMIC, 16),
    }
    link = {".dynsym": 5, ".rela.dyn": 4, ".dynamic": 5}
    strings = StringTable()
    for name in (*parts, ".shstrtab"):
        strings.add(name)
    shstrtab, at = strings.finish()

    def segment(kind: int, flags: int, name: str) -> Phdr:
        place = offsets[name]
        return Phdr(kind, flags, place, place, place, len(parts[name]), len(parts[name]), 8)

    size = len(out)
    phdrs = [
        segment(c.PT_INTERP, 4, ".interp"),
        Phdr(c.PT_LOAD, 5, 0, 0, 0, size, size, 0x1000),
        Phdr(c.PT_LOAD, 6, 0, 0x2000, 0x2000, 0x40, 0x1000, 0x1000),
        segment(c.PT_DYNAMIC, 6, ".dynamic"),
        segment(c.PT_NOTE, 4, ".note.ABI-tag"),
    ]
    shdrs = [Shdr()]
    for name in parts:
        kind, entsize = kinds[name]
        flags = c.SHF_ALLOC | (c.SHF_EXECINSTR if name == ".text" else 0)
        place = offsets[name]
        info = 1 if name == ".dynsym" else 0
        shdrs.append(
            Shdr(at[name], kind, flags, place, place, len(parts[name]), link.get(name, 0), info, 4, entsize)
        )
    shdrs.append(Shdr(at[".shstrtab"], c.SHT_STRTAB, 0, 0, len(out), len(shstrtab), addralign=1))
    out += shstrtab
    ehdr = Ehdr(c.ET_DYN, entry=0x1000, phoff=64, phentsize=56, phnum=len(phdrs))
    ehdr = ehdr._replace(shoff=len(out), shnum=len(shdrs), shstrndx=len(shdrs) - 1)
    head = ehdr.pack() + b"".join(phdr.pack() for phdr in phdrs)
    out[: len(head)] = head
    return bytes(out) + b"".join(shdr.pack() for shdr in shdrs)


def archive() -> bytes:
    """An archive with an index, a long name and a member that is not ELF."""
    members = [
        Member("a.o", 0, objects()["everything"]),
        Member("a_name_that_is_long.o", 0, objects()["lines"]),
    ]
    return write_archive([*members, Member("README", 0, b"odd")])
