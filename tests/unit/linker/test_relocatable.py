"""Relocatable output: what joins, what stays apart, and what the next link needs to know."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_links import lib, link_all, obj, shared
from toyvm.base.errors import LinkError, UsageError
from toyvm.cli.ld import main as ld
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import ObjectFile
from toyvm.elf.object_reader import read_object
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.relocatable import link_relocatable
from toyvm.relocations import R

COMDAT = '.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: li a0, {}\nret\n'


def joined(*texts: str | Input, **options: object) -> ObjectFile:
    """The output of -r, written and read."""
    inputs = [
        text if isinstance(text, Input) else Input(object=obj(text, f"{index}.o"))
        for index, text in enumerate(texts)
    ]
    options = {"discard": "none", "output": "out.o", **options}
    result = link_relocatable(inputs, LinkOptions(kind="relocatable", **options))  # type: ignore[arg-type]  # several types
    return read_object(result.image, "out.o")


def symbol(made: ObjectFile, name: str) -> tuple[int, int, int]:
    """(binding, section, value) of a symbol."""
    row = made.symbols.array[made.symbols.names.index(name)]
    return int(row["st_info"]) >> 4, int(row["st_shndx"]), int(row["st_value"])


def test_sections_of_one_name_and_kind_join() -> None:
    made = joined(
        ".text\nnop\n.data\n.byte 1\n",
        '.text\nx: nop\n.data\n.balign 8\ny: .dword x\n.section .data,"aw"\n.section .other,"a"\n.byte 1\n',
    )
    names = [section.name for section in made.sections[1:]]
    assert names.count(".text") == names.count(".data") == names.count(".other") == 1
    data = made.section(".data")
    assert data and (data.size, data.addralign) == (16, 8)
    (row,) = data.relocs
    assert (row["r_offset"], row["r_type"]) == (8, R.ABS64)


def test_undefined_common_and_weak_symbols_stay_so() -> None:
    made = joined(".comm c, 4, 4\ncall u\n.weak w\ncall w\n", ".comm c, 8, 8\n.weak v\nv: nop\n")
    assert symbol(made, "u")[:2] == (1, 0) and symbol(made, "w")[:2] == (2, 0)
    assert symbol(made, "v")[0] == 2
    assert symbol(made, "c")[1:] == (0xFFF2, 8)


def test_one_group_of_each_signature_stays_a_group() -> None:
    made = joined(COMDAT.format(1), COMDAT.format(1), COMDAT.format(2).replace("f", "g"))
    assert [section.name for section in made.sections].count(".text.f") == 1
    assert len(made.groups) == 2
    assert [made.symbols.names[group.signature] for group in made.groups] == ["f", "g"]
    start = ".text\n.globl _start\n_start: call f\nret\n"
    again = link_all(start, obj(COMDAT.format(1)), Input(object=made))
    assert "f" in again.symbols


def test_code_after_code_that_may_shrink_stays_aligned() -> None:
    first = ".globl _start\n.text\n_start: call f\ncall f\nf: ret\n"
    second = ".option norelax\n.text\n.globl aligned\n.balign 32\naligned: ret\n"
    made = joined(first, second)
    text = made.section(".text")
    assert text and R.ALIGN in text.relocs["r_type"]
    for relax in (True, False):
        assert link_all(Input(object=made), relax=relax).symbols["aligned"] % 32 == 0


def test_versions_visibility_and_unique_symbols_stay() -> None:
    made = joined(
        ".globl f\nf: nop\n.symver f, f@@V1\n.hidden h\n.globl h\nh: nop\n.type u, @gnu_unique_object\n.data\nu: .byte 1\n"
    )
    assert "f@@V1" in made.symbols.names
    assert made.symbols.array["st_other"][made.symbols.names.index("h")] == 2
    assert symbol(made, "u")[0] == 10


def test_archive_members_join_when_they_are_wanted() -> None:
    made = joined("call f\n", lib("l.a", f=".globl f\nf: ret\n", g=".globl g\ng: ret\n"))
    assert "f" in made.symbols.names and "g" not in made.symbols.names


def test_the_output_for_the_last_link_only_is_kept() -> None:
    made = joined('.section .note.GNU-stack,"",@progbits\n.section .left,"e"\n.byte 1\n.text\nnop\n')
    assert made.section(".note.GNU-stack") and made.section(".left")


def test_strip_and_discard() -> None:
    text = ".text\na: nop\nc: lla a0, c\n.section .debug_info\n.byte 1\n"
    assert {"a", "c"} <= set(joined(text).symbols.names)
    names = joined(text, discard="all").symbols.names
    assert "a" not in names and "c" in names and any(name.startswith("$") for name in names)
    assert joined(text, strip="debug").section(".debug_info") is None


def test_a_shared_library_is_refused() -> None:
    with pytest.raises(LinkError, match="shared library cannot be part of relocatable output"):
        joined("nop\n", shared("l.so", ".globl f\nf: ret\n"))


@pytest.mark.parametrize("option", ["--print-map", "-Ttext=0x1000", "-y=x"])
def test_options_of_whole_programs_are_refused(option: str, tmp_path: Path) -> None:
    from toyvm.elf.object_writer import write_object

    path = tmp_path / "a.o"
    path.write_bytes(write_object(obj("nop\n")))
    with pytest.raises(UsageError, match="-r: relocatable output"):
        ld(["-r", str(path), option, "-o", str(tmp_path / "out.o")])
    assert not (tmp_path / "out.o").exists()
    assert ld(["-r", str(path), "-o", str(tmp_path / "out.o")]) == 0
    assert ElfFile.parse((tmp_path / "out.o").read_bytes(), "out.o").section(".text")
