"""A linker script with -r, against GNU ld: the same sections, bytes, relocations and symbols. Addresses of sections are
0 in our objects."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, require_oracle
from toyvm.cli.ld import main as ld
from toyvm.elf.constants import SHT_NOBITS
from toyvm.elf.object_reader import read_object

pytestmark = pytest.mark.oracle

SCRIPT = """
PHDRS { all PT_LOAD; }
SECTIONS
{
  . = 0x1000;
  first = .;
  .text : { *(.text .text.*) inside = .; } :all
  .mine ALIGN(16) : { *(.data.b) LONG(0xdeadbeef) . = ALIGN(16); *(.data.a .data) FILL(0x90) . = . + 6; fin = .; }
  number = 5;
  PROVIDE (absent = 1);
  /DISCARD/ : { *(.gone) }
}
"""
SOURCES = {
    "a": """
        .globl _start
_start: call f
        la a0, inside
        .section .text.f,"ax"
f:      ret
        .section .data.a,"aw"
        .word 1
        .dword f
        .section .data.b,"aw"
        .globl b
b:      .word 2
        .dword b+4
        .section .gone,"a"
        .word 3
        .bss
        .zero 8
    """,
    "b": """
        .text
        .globl g
g:      tail _start
        .section .text.h,"axG",@progbits,h,comdat
        .globl h
h:      ret
        .data
        .dword fin, number, g
        .section .other,"a"
        .word 7
    """,
}

Row = tuple[object, ...]


def _facts(path: str) -> tuple[set[Row], set[Row]]:
    """(sections with their bytes and relocations, global symbols)."""
    obj = read_object(Path(path).read_bytes(), path)
    names, table = obj.symbols.names, obj.symbols.array

    def target(number: int) -> str:
        row = table[number]
        return names[number] or f"section {obj.sections[int(row['st_shndx'])].name}"

    sections: set[Row] = set()
    for section in obj.sections[1:]:
        if not section.size or section.name.startswith(".riscv"):
            continue
        relocs = sorted(
            (int(r["r_offset"]), int(r["r_type"]), target(int(r["r_sym"])), int(r["r_addend"]))
            for r in section.relocs
        )
        data = section.data.hex() if section.type != SHT_NOBITS else ""
        grouped = section.group is not None
        sections.add((section.name, section.type, section.flags, section.size, data, grouped, tuple(relocs)))
    symbols: set[Row] = set()
    for name, row in list(zip(names, table, strict=True))[obj.symbols.first_global :]:
        home = int(row["st_shndx"])
        where = obj.sections[home].name if home < len(obj.sections) else hex(home)
        symbols.add((name, where, int(row["st_value"]), int(row["st_info"])))
    return sections, symbols


def test_sections_and_symbols_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_AS, GNU_LD)
    monkeypatch.chdir(tmp_path)
    Path("a.t").write_text(SCRIPT)
    for name, text in SOURCES.items():
        Path(f"{name}.s").write_text(text)
        subprocess.run([GNU_AS, "-mno-relax", f"{name}.s", "-o", f"{name}.o"], check=True)
    options = ["-r", "-T", "a.t", "a.o", "b.o"]
    subprocess.run([GNU_LD, *options, "-o", "gnu.o"], check=True)
    assert ld([*options, "-o", "our.o"]) == 0
    assert _facts("our.o") == _facts("gnu.o")
    # The object links as any other.
    assert ld(["our.o", "-o", "program"]) == 0


def test_a_name_for_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_AS)
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(SOURCES["a"])
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], check=True)
    notes = []
    for style in ("sha1", "sha1", "0xdeadbeef", "md5"):
        assert ld(["-r", "a.o", f"--build-id={style}", "-o", "our.o"]) == 0
        note = read_object(Path("our.o").read_bytes(), "our.o").section(".note.gnu.build-id")
        assert note is not None
        notes.append(note.data[16:])
    assert notes[0] == notes[1] != bytes(20) and notes[2] == bytes.fromhex("deadbeef") and len(notes[3]) == 16
