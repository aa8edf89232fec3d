"""Thin archives, --just-symbols and --emit-relocs, as GNU's tools make and take them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AR, GNU_AS, GNU_LD, require_oracle
from toyvm.base.errors import ElfError, LinkError
from toyvm.cli.binutils.ar import main as ar
from toyvm.cli.ld import main as ld
from toyvm.elf.archive import Archive
from toyvm.elf.constants import STT_SECTION
from toyvm.elf.elf_file import ElfFile
from toyvm.relocation_fields import gather
from toyvm.relocations import RELOCATIONS, Formula, R, relocation_name

pytestmark = pytest.mark.oracle

SOURCES = {
    "a": """
        .globl  _start
_start: call    f
        la      a0, message
        lui     a1, %hi(big)
        ld      a1, %lo(big)(a1)
        .section .rodata
message: .string "hello"
        .data
        .p2align 3
big:    .dword  f, message + 2, inner
        .section .data.more, "aw"
        .zero   24
inner:  .dword  .data.more + 8
""",
    "b": '        .globl  f\n        .section .text.f, "ax"\n        nop\nf:      ret\n',
    "c": "        .globl  _start\n_start: la      a0, f\n        la      a1, _end\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for oracle in (GNU_AS, GNU_LD, GNU_AR):
        require_oracle(oracle)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    for name, text in SOURCES.items():
        Path("parts", f"{name}.s").write_text(text)
        subprocess.run([GNU_AS, f"parts/{name}.s", "-o", f"parts/{name}.o"], check=True)
    return tmp_path


def elf(path: str) -> ElfFile:
    return ElfFile.parse(Path(path).read_bytes(), path)


def test_thin_archives_are_those_of_gnu_ar(folder: Path) -> None:
    Path("lib").mkdir()
    assert ar(["rcT", "lib/ours.a", "parts/a.o", str(folder / "parts/b.o")]) == 0
    subprocess.run([GNU_AR, "rcDT", "lib/gnu.a", "parts/a.o", str(folder / "parts/b.o")], check=True)
    assert Path("lib/ours.a").read_bytes() == Path("lib/gnu.a").read_bytes()
    assert ar(["r", "lib/ours.a", "parts/c.o"]) == 0  # an archive stays thin
    subprocess.run([GNU_AR, "rDT", "lib/gnu.a", "parts/c.o"], check=True)
    assert Path("lib/ours.a").read_bytes() == Path("lib/gnu.a").read_bytes()
    assert ar(["d", "lib/ours.a", "a.o"]) == 0
    found = Archive.parse(Path("lib/ours.a").read_bytes(), "lib/ours.a")
    assert [member.data for member in found.members] == [Path(f"parts/{n}.o").read_bytes() for n in "bc"]


def test_a_thin_archive_is_linked_from_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([GNU_AR, "rcT", "thin.a", "parts/b.o"], check=True)
    monkeypatch.chdir(folder / "parts")
    assert ld(["a.o", "../thin.a", "-o", "out"]) == 0
    table = elf("out").symbols()
    assert table
    assert "f" in table.names


def test_a_member_of_a_thin_archive_that_is_gone(folder: Path) -> None:
    subprocess.run([GNU_AR, "rcT", "thin.a", "parts/b.o"], check=True)
    Path("parts/b.o").unlink()
    with pytest.raises(LinkError, match=r"thin\.a: member parts/b\.o of the thin archive: No such file"):
        ld(["parts/a.o", "thin.a", "-o", "out"])
    with pytest.raises(ElfError, match="No such file"):
        ar(["t", "thin.a"])


@pytest.mark.parametrize("order", [("-R", "prog", "parts/c.o"), ("parts/c.o", "-Rprog")])
def test_just_symbols(order: tuple[str, ...], folder: Path) -> None:
    """The symbols of another program at their addresses, but not those that every program has of its own."""
    subprocess.run([GNU_LD, "parts/a.o", "parts/b.o", "-o", "prog"], check=True)
    other = elf("prog").symbols()
    if order[0] != "-R":  # both define _start: the linker says so
        with pytest.raises(LinkError, match="multiple definition of `_start'"):
            ld([*order, "-o", "out"])
    Path("only.s").write_text("        .globl  begin\nbegin:  la      a0, f\n        la      a1, _end\n")
    subprocess.run([GNU_AS, "only.s", "-o", "only.o"], check=True)
    words = [word if word != "parts/c.o" else "only.o" for word in order]
    assert ld([*words, "-e", "begin", "-o", "out"]) == 0
    table = elf("out").symbols()
    assert table
    assert other
    address = {name: int(table.array["st_value"][n]) for n, name in enumerate(table.names)}
    assert address["f"] == int(other.array["st_value"][other.names.index("f")])
    assert address["_end"] != int(other.array["st_value"][other.names.index("_end")])
    assert not any(section.name == ".data" for section in elf("out").sections)


def test_just_symbols_of_a_folder_is_a_run_path(folder: Path) -> None:
    assert ld(["-shared", "parts/b.o", "-R", "parts", "-o", "out.so"]) == 0
    assert elf("out.so").runpath == "parts"


def kept(path: str) -> list[tuple[str, str, str, int]]:
    """(section, type, symbol or section named, addend) of the relocations in a program."""
    file = elf(path)
    table = file.symbols()
    assert table
    names = [section.name for section in file.sections]
    found = []
    for section, relocations in file.relocations():
        for row in relocations:
            symbol = table.array[int(row["r_sym"])]
            is_section = int(symbol["st_info"]) & 15 == STT_SECTION
            name = names[int(symbol["st_shndx"])] if is_section else table.names[int(row["r_sym"])]
            found.append(
                (section.name, relocation_name(int(row["r_type"])), name.strip(), int(row["r_addend"]))
            )
    return sorted(found)


def test_emitted_relocations_are_gnus(folder: Path) -> None:
    words = ["-q", "--no-relax", "parts/a.o", "parts/b.o", "-o"]
    assert ld([*words, "ours"]) == 0
    subprocess.run([GNU_LD, *words, "gnu"], check=True)
    assert kept("ours") == kept("gnu")


@pytest.mark.parametrize("relax", ["--relax", "--no-relax"])
def test_emitted_relocations_say_what_is_in_the_file(relax: str, folder: Path) -> None:
    """Each field has the value that its relocation computes from the file's own symbols."""
    assert ld(["--emit-relocs", relax, "parts/a.o", "parts/b.o", "-o", "out"]) == 0
    file = elf("out")
    table = file.symbols()
    assert table
    checked = 0
    for _, relocations in file.relocations():
        for row in relocations:
            reloc = RELOCATIONS[R(int(row["r_type"]))]
            place = int(row["r_offset"])
            value = int(table.array["st_value"][int(row["r_sym"])]) + int(row["r_addend"])
            if reloc.formula is Formula.PC_RELATIVE:
                value -= place
            elif reloc.formula is not Formula.ABSOLUTE:
                continue
            word = int.from_bytes(file.at_address(place, reloc.field.width), "little")
            expected = bytearray(reloc.field.width)
            from toyvm.relocation_fields import apply

            apply(expected, 0, reloc, value)
            assert gather(reloc.field, word) == gather(reloc.field, int.from_bytes(expected, "little"))
            checked += 1
    assert checked >= 8
