"""`ld --oformat`, files with names in the folders of -L, sizes of pages, auditors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_links import obj
from toyvm.base.errors import LinkError, UsageError
from toyvm.cli.binutils.objcopy import main as objcopy
from toyvm.cli.ld import main as ld
from toyvm.elf.constants import DT_DEPAUDIT
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_writer import write_object

TEXT = ".globl _start, shown\n_start: lla a0, shown\nret\n.data\nshown: .word 7\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.o").write_bytes(write_object(obj(TEXT)))
    Path("l.o").write_bytes(write_object(obj(".globl other, shown\n.data\nother: .word 1\nshown: .word 7\n")))


@pytest.mark.parametrize("format", ["binary", "srec", "ihex", "verilog"])
def test_formats_are_those_of_objcopy(format: str) -> None:
    assert ld(["a.o", "-o", "elf"]) == 0
    assert objcopy(["-O", format, "elf", "out"]) == 0
    expected = Path("out").read_bytes()
    assert ld(["a.o", f"--oformat={format}", "-o", "out"]) == 0
    assert Path("out").read_bytes() == expected
    Path("s.ld").write_text(f"OUTPUT_FORMAT({format})\nSECTIONS {{ .text : {{ *(.text .data) }} }}")
    assert ld(["a.o", "-T", "s.ld", "-o", "out"]) == 0
    assert not Path("out").read_bytes().startswith(b"\x7fELF")


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match=r"output format elf32-x is unknown .*objcopy -O"):
        ld(["a.o", "--oformat", "elf32-x", "-o", "out"])
    assert not Path("out").exists()


def test_files_of_names_are_found_like_libraries() -> None:
    Path("sub").mkdir()
    Path("sub/v.map").write_text("V { global: shown; local: *; };")
    Path("sub/d.list").write_text("{ shown; };")
    assert (
        ld(["-Lsub", "-shared", "l.o", "--version-script=v.map", "--dynamic-list", "d.list", "-o", "a.so"])
        == 0
    )
    table = ElfFile.parse(Path("a.so").read_bytes(), "a.so").symbols(".dynsym")
    assert table is not None and "shown" in table.names and "other" not in table.names
    with pytest.raises(FileNotFoundError):
        ld(["-shared", "l.o", "--version-script=v.map", "-o", "b.so"])


def test_sizes_of_pages() -> None:
    assert ld(["a.o", "-z", "max-page-size=0x100", "-z", "common-page-size=0x100", "-o", "out"]) == 0
    with pytest.raises(UsageError, match=r"common page size \(0x4000\) > maximum page size \(0x1000\)"):
        ld(["a.o", "-z", "common-page-size=0x4000", "-o", "out"])
    with pytest.raises(UsageError, match="power of two"):
        ld(["a.o", "-z", "max-page-size=0x300", "-o", "out"])
    with pytest.raises(UsageError, match="may not be used without -shared"):
        ld(["a.o", "--no-define-common", "-o", "out"])


def test_auditors_of_libraries_are_those_of_the_program() -> None:
    assert ld(["-shared", "l.o", "--audit=one:two", "-soname", "a.so", "-o", "a.so"]) == 0
    Path("b.o").write_bytes(write_object(obj(".globl _start\n_start: lla a0, shown\n")))
    assert ld(["b.o", "a.so", "-Pfirst", "-o", "out"]) == 0
    elf = ElfFile.parse(Path("out").read_bytes(), "out")
    value = elf.dynamic_value(DT_DEPAUDIT)
    assert value is not None and elf.dynamic_string(value) == "first:one:two"


def test_a_copy_of_a_constant_is_read_only_after_relocation() -> None:
    Path("c.o").write_bytes(
        write_object(
            obj(".globl const\n.section .rodata\n.type const, @object\n.size const, 8\nconst: .dword 5\n")
        )
    )
    assert ld(["-shared", "c.o", "-soname", "c.so", "-o", "c.so"]) == 0
    Path("d.o").write_bytes(
        write_object(obj(".globl _start\n_start: lui a0, %hi(const)\naddi a0, a0, %lo(const)\n"))
    )
    assert ld(["d.o", "c.so", "-o", "out"]) == 0
    elf = ElfFile.parse(Path("out").read_bytes(), "out")
    assert next(s for s in elf.sections if s.name == ".data.rel.ro").header.size == 8
    assert not any(s.name == ".bss" for s in elf.sections)


def test_the_message_of_an_assertion_needs_no_quotes() -> None:
    Path("s.ld").write_text("SECTIONS { .text : { *(.text .data) } }\nASSERT(1 < 0, oops)\n")
    with pytest.raises(LinkError, match="oops"):
        ld(["a.o", "-T", "s.ld", "-o", "out"])
