"""Objects through writer and reader and back: nothing is lost, and what is malformed is named."""

from __future__ import annotations

import struct

import pytest

from tests.support.elf_samples import everything, objects
from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.headers import EHDR_SIZE, Shdr, read_ehdr, read_shdrs
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section, null_symbols
from toyvm.elf.object_reader import ElfFile, read_object
from toyvm.elf.object_writer import write_object
from toyvm.elf.string_table import StringTable

DATA = objects()["everything"]


@pytest.mark.parametrize("name", objects())
def test_reading_what_was_written_gives_the_same(name: str) -> None:
    data = objects()[name]
    assert write_object(read_object(data, name)) == data


def test_the_model_comes_back() -> None:
    old, new = everything(), read_object(DATA, "a.o")
    assert [section.name for section in new.sections] == [section.name for section in old.sections]
    for before, after in zip(old.sections, new.sections, strict=True):
        assert (before.type, before.flags, before.data, before.size, before.group) == (
            after.type,
            after.flags,
            after.data,
            after.size,
            after.group,
        )
        assert before.relocs.tolist() == after.relocs.tolist()
    assert new.symbols.names == old.symbols.names and new.symbols.first_global == old.symbols.first_global
    assert new.symbols.array["st_shndx"].tolist() == old.symbols.array["st_shndx"].tolist()
    assert new.groups == old.groups and new.e_flags == old.e_flags


def test_sections_stand_as_gnu_as_has_them() -> None:
    names = [section.name for section in ElfFile.parse(DATA, "a.o").sections]
    assert names == [
        "",
        ".group",
        ".text",
        ".rela.text",
        ".data",
        ".rela.data",
        ".bss",
        ".rodata.str1.1",
        ".text.once",
        ".riscv.attributes",
        ".symtab",
        ".strtab",
        ".shstrtab",
    ]


def test_an_empty_object() -> None:
    empty = ObjectFile("e.o", (NULL_SECTION,), null_symbols())
    back = read_object(write_object(empty), "e.o")
    assert len(back.sections) == 1 and back.symbols.names == [""]


def test_too_many_sections() -> None:
    sections = (NULL_SECTION, *(Section("x") for _ in range(0xFF00)))
    with pytest.raises(ElfError, match="65284 sections"):
        write_object(ObjectFile("big.o", sections, null_symbols()))


def _with_shdr(name: str, /, **changes: int) -> bytes:
    ehdr = read_ehdr(DATA, "a.o")
    number = next(s.number for s in ElfFile.parse(DATA, "a.o").sections if s.name == name)
    shdr = read_shdrs(DATA, "a.o")[number]._replace(**changes)
    at = ehdr.shoff + 64 * number
    return DATA[:at] + shdr.pack() + DATA[at + 64 :]


def _with_bytes(at: int, data: bytes) -> bytes:
    return DATA[:at] + data + DATA[at + len(data) :]


def _section_at(name: str) -> Shdr:
    section = ElfFile.parse(DATA, "a.o").section(name)
    assert section is not None
    return section.header


MALFORMED = {
    "not an ELF file": b"hello",
    "truncated: 20 bytes": DATA[:20],
    "not a little-endian": _with_bytes(4, b"\3"),
    "unknown ELF version 9": _with_bytes(6, b"\x09"),
    "not a relocatable object": _with_bytes(16, b"\2"),
    "not a RISC-V file (machine 62)": _with_bytes(18, b"\x3e"),
    "section header size 63": _with_bytes(58, b"\x3f"),
    "end beyond the file": _with_bytes(40, struct.pack("<Q", len(DATA) - 100)),
    "65535 section headers": _with_bytes(60, b"\xff\xff"),
    "section name table 200 of": _with_bytes(62, b"\xc8"),
    "name of section 2": _with_shdr(".text", name=0xFFFF),
    "ends beyond the file": _with_shdr(".text", size=1 << 40),
    "symbol size 23": _with_shdr(".symtab", entsize=23),
    "is not a multiple of 24": _with_shdr(".symtab", size=25),
    "first global symbol 100": _with_shdr(".symtab", info=100),
    "are mixed (first global symbol: 2)": _with_shdr(".symtab", info=2),
    "links to section 77": _with_shdr(".symtab", link=77),
    "does not end with a NUL": _with_shdr(".strtab", size=_section_at(".strtab").size - 1),
    "symbol name offset": _with_shdr(".strtab", size=3),
    "relocation size 0": _with_shdr(".rela.text", entsize=0),
    "relocates section 99": _with_shdr(".rela.text", info=99),
    "relocates section 10, which does not exist": _with_shdr(".rela.text", info=10),
    "offset 0xc outside": _with_shdr(".text", size=2),
    "is not a symbol table": _with_shdr(".rela.text", link=2),
    "symbol 99 of 8": _with_bytes(_section_at(".rela.text").offset + 12, b"\x63"),
    "is in section 4096": _with_bytes(_section_at(".symtab").offset + 24 * 5 + 6, b"\0\x10"),
    "alignment 3 is not a power": _with_shdr(".text", addralign=3),
    "alignment 4294967296 is larger": _with_shdr(".text", addralign=1 << 32),
    "relocations for a section without contents": _with_shdr(".rela.text", info=6, size=0),
    "without addend": _with_shdr(".rela.text", type=c.SHT_REL),
    "a group of 3 bytes": _with_shdr(".group", size=3),
    "signature symbol 50 of 8": _with_shdr(".group", info=50),
    "member 200": _with_bytes(_section_at(".group").offset + 4, b"\xc8"),
    "2 symbol tables": _with_shdr(".bss", type=c.SHT_SYMTAB, size=0),
}


@pytest.mark.parametrize("words", MALFORMED)
def test_malformed_objects_are_named(words: str) -> None:
    with pytest.raises(ElfError) as caught:
        read_object(MALFORMED[words], "bad.o")
    assert str(caught.value).startswith("bad.o: ") and words in str(caught.value)


def test_an_object_without_sections() -> None:
    with pytest.raises(ElfError, match="without sections"):
        read_object(_with_bytes(40, bytes(8))[:60] + bytes(4), "bad.o")
    assert len(DATA) > EHDR_SIZE


def test_string_table_shares_tails() -> None:
    table = StringTable()
    for text in (".rela.text", ".text", "", "ext", "b", ".text"):
        table.add(text)
    data, offsets = table.finish()
    assert data == b"\0.rela.text\0b\0"
    assert offsets == {"": 0, ".rela.text": 1, ".text": 6, "ext": 8, "b": 12}


def test_string_table_of_bytes_that_are_not_text() -> None:
    table = StringTable()
    table.add(b"\xff\xfe".decode("utf-8", "surrogateescape"))
    assert table.finish()[0] == b"\0\xff\xfe\0"


@pytest.mark.parametrize(("flags", "osabi"), [(0, c.ELFOSABI_NONE), (c.SHF_GNU_RETAIN, c.ELFOSABI_GNU)])
def test_what_only_the_gnu_abi_defines_is_said_in_the_header(flags: int, osabi: int) -> None:
    sections = [NULL_SECTION, Section(".keep", flags=flags, data=b"\0")]
    assert write_object(ObjectFile("x.o", sections, null_symbols()))[7] == osabi
