"""ElfFile: what it tells of a program, lazily and checked; line tables that are broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.elf_samples import objects, program
from tests.support.line_script import ROWS
from toyvm.base.errors import ElfError
from toyvm.elf import constants as c
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.headers import Ehdr, Phdr, pack_dynamic, read_dynamic, read_ehdr, read_phdrs
from toyvm.elf.rewriting.rewrite import strip
from toyvm.relocations import R, relocation_name

PROGRAM = program()
LINES = objects()["lines"]


def test_a_program() -> None:
    elf = ElfFile.parse(PROGRAM, "p")
    assert elf.interpreter == "/lib/ld.so"
    assert (elf.needed, elf.soname, elf.runpath) == (["libc.so"], None, "/lib")
    assert [note.owner for note in elf.notes()] == ["GNU"]
    dynsym = elf.symbols(".dynsym")
    assert dynsym is not None and dynsym.names == ["", "main", "printf"] and elf.symbols(".symtab") is None
    (section, relocs), *rest = elf.relocations()
    assert section.name == ".rela.dyn" and not rest
    assert relocs.tolist() == [(0x2000, R.RELATIVE, 0, 0x1000), (0x2008, R.JUMP_SLOT, 2, 0)]
    assert [segment.type for segment in elf.segments].count(c.PT_LOAD) == 2


def test_a_program_without_section_headers() -> None:
    bare = PROGRAM[:40] + bytes(8) + PROGRAM[48:60] + bytes(4) + PROGRAM[64:]
    elf = ElfFile.parse(bare, "p")
    assert elf.sections == [] and elf.needed == ["libc.so"] and len(elf.notes()) == 1


def test_headers_come_back() -> None:
    ehdr = Ehdr(c.ET_EXEC, entry=0x1234, phoff=64, phentsize=56, phnum=1, flags=5)
    phdr = Phdr(c.PT_LOAD, 5, 0, 0x10000, 0x10000, 120, 200, 0x1000)
    data = ehdr.pack() + phdr.pack()
    assert read_ehdr(data, "h") == ehdr and read_phdrs(data, "h") == [phdr]
    entries = [(c.DT_NEEDED, 5), (c.DT_NULL, 0)]
    assert read_dynamic(pack_dynamic(entries) + b"tail") == entries[:1]


def test_a_segment_of_no_bytes_may_have_any_offset() -> None:
    """The bss of a program without data, on a page of its own: the linker counts the offset on."""
    ehdr = Ehdr(c.ET_EXEC, entry=0x1234, phoff=64, phentsize=56, phnum=1, flags=5)
    bss = Phdr(c.PT_LOAD, 6, 0x1000, 0x12000, 0x12000, 0, 0x1000, 0x1000)
    assert read_phdrs(ehdr.pack() + bss.pack(), "h") == [bss]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (PROGRAM[: len(PROGRAM) - 10], "section headers at"),
        (PROGRAM[:54] + b"\x20" + PROGRAM[55:], "program header size 32"),
        (PROGRAM[: 64 + 56 + 32] + b"\xff\xff\xff" + PROGRAM[64 + 56 + 35 :], "segment 1"),
    ],
)
def test_malformed_programs(data: bytes, words: str) -> None:
    with pytest.raises(ElfError, match=r"^p: ") as caught:
        elf = ElfFile.parse(data, "p")
        assert elf.segments
    assert words in str(caught.value)


def test_an_address_outside_every_segment() -> None:
    with pytest.raises(ElfError, match="p: table at 0x99990000"):
        ElfFile.parse(PROGRAM, "p").at_address(0x99990000, 8, "table")


def test_reading_headers_imports_nothing_heavy() -> None:
    code = (
        "import sys, toyvm.elf.elf_file, toyvm.elf.headers, toyvm.elf.archive\n"
        "print(sorted({'numpy', 'elftools', 'lark', 'argparse'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_strip_leaves_what_runs() -> None:
    stripped = strip(PROGRAM, "p")
    old, new = ElfFile.parse(PROGRAM, "p"), ElfFile.parse(stripped, "p")
    assert old.segments == new.segments and old.dynamic == new.dynamic
    assert [section.name for section in new.sections] == [section.name for section in old.sections]
    assert strip(stripped, "p") == stripped


def test_lines_of_an_object() -> None:
    table = LineTable.from_elf(LINES, "t.o")
    assert [table.lookup(offset, section) for section, offset, *_ in ROWS] == [row[3:] for row in ROWS]
    assert table.lookup(620, 1) is None and table.lookup(0, 3) is None


def test_files_without_lines() -> None:
    assert not LineTable.from_elf(PROGRAM, "p")
    assert LineTable.from_elf(PROGRAM, "p").lookup(0x1000) is None


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (4, 9, "version 9"),
        (0, 0xFE, ".debug_line"),
        (3, 0xFF, "truncated .debug_line"),
        (17, 0, "file table"),
    ],
)
def test_broken_line_tables(offset: int, value: int, words: str) -> None:
    section = ElfFile.parse(LINES, "t.o").section(".debug_line")
    assert section is not None
    at = section.header.offset + offset
    with pytest.raises(ElfError, match=r"^t\.o: ") as caught:
        LineTable.from_elf(LINES[:at] + bytes((value,)) + LINES[at + 1 :], "t.o")
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", [R.RVC_LUI, R.GOT_HI20, R.PCREL_HI20, R.TLSDESC_HI20, 200])
def test_a_relocation_that_no_line_table_has_is_refused(kind: int) -> None:
    section = ElfFile.parse(LINES, "t.o").section(".rela.debug_line")
    assert section is not None
    at = section.header.offset + 8
    with pytest.raises(ElfError, match=rf"unsupported relocation type {relocation_name(kind)}$"):
        LineTable.from_elf(LINES[:at] + kind.to_bytes(4, "little") + LINES[at + 4 :], "t.o")


def test_a_file_table_of_entries_without_size_is_refused() -> None:
    """pyelftools would read 2**60 of them."""
    section = ElfFile.parse(LINES, "t.o").section(".debug_line")
    assert section is not None
    formats = LINES.index(
        b"\1\1\x1f", section.header.offset + 17
    )  # one format: DW_LNCT_path, DW_FORM_line_strp
    bomb = LINES[:formats] + b"\0" + b"\xff" * 8 + b"\x0f" + LINES[formats + 10 :]
    with pytest.raises(ElfError, match="file table"):
        LineTable.from_elf(bomb, "t.o")
