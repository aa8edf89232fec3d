"""GNU objdump reads our line tables, before and after linking, and so do we."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.line_script import ROWS, build, lines_by_loc, lines_by_row
from tests.support.oracles import GNU_AS, GNU_LD, OBJDUMP, READELF, require_oracle
from toyvm.assembler.assemble import assemble_text
from toyvm.elf.dwarf import LineTable
from toyvm.elf.object_writer import write_object

pytestmark = pytest.mark.oracle

TABLES = {"row": lines_by_row, "loc": lines_by_loc}


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("kind", TABLES)
def test_objdump_finds_our_lines(kind: str, tmp_path: Path) -> None:
    require_oracle(GNU_LD, OBJDUMP, READELF)
    (tmp_path / "t.o").write_bytes(write_object(build(TABLES[kind]())))
    _run(READELF, "-aW", "--debug-dump=rawline,info,abbrev,aranges,Ranges", "t.o", cwd=tmp_path)
    _run(GNU_LD, "-Ttext=0x10000", "--section-start=far=0x20000", "-e0", "t.o", "-o", "t", cwd=tmp_path)
    base = {1: 0x10000, 2: 0x20000}
    listing = _run(OBJDUMP, "-dl", "t", cwd=tmp_path)
    table = LineTable.from_elf((tmp_path / "t").read_bytes(), "t")
    unlinked = LineTable.from_elf((tmp_path / "t.o").read_bytes(), "t.o")
    for section, offset, _, file, line in ROWS:
        place = re.search(rf"^(\S+):(\d+)\n +{base[section] + offset:x}:", listing, re.MULTILINE)
        assert place is not None and (place[1].removeprefix("/home/me/"), int(place[2])) == (file, line)
        assert table.lookup(base[section] + offset) == (file, line)
        assert unlinked.lookup(offset, section) == (file, line)
    assert table.lookup(0x10000 + 620) is None
    assert unlinked.lookup(620, 1) is None
    assert table.lookup(0) is None


def test_we_find_the_lines_of_gas(tmp_path: Path) -> None:
    require_oracle(GNU_AS, GNU_LD)
    text = '.text\n.globl _start\n_start: nop\n call f\n nop\n.section .text.f,"ax"\nf: ret\n'
    (tmp_path / "g.s").write_text(text)
    for version in ("-gdwarf-3", "-gdwarf-5"):
        _run(GNU_AS, version, "g.s", "-o", "g.o", cwd=tmp_path)
        _run(GNU_LD, "g.o", "-o", "g", cwd=tmp_path)
        unlinked = LineTable.from_elf((tmp_path / "g.o").read_bytes(), "g.o")
        assert [unlinked.lookup(offset, 1) for offset in (0, 4, 8, 12)] == [("g.s", n) for n in (3, 4, 4, 5)]
        assert LineTable.from_elf((tmp_path / "g").read_bytes(), "g")


def test_labels_get_the_rows_that_gas_gives_them(tmp_path: Path) -> None:
    require_oracle(GNU_AS, OBJDUMP)
    text = """.file 1 "a.c"
        .loc_mark_labels 1
        foo: nop
        .loc 1 7 3
        nop
        1: nop
        .L1: nop
        .data
        other: .word 1
        .text
        bar: .word 2
        .loc 1 9
        both: nop
        .loc_mark_labels 0
        .loc 1 12
        nop
        last: nop
        .section .debug_info
        .byte 0
        """
    (tmp_path / "g.s").write_text(text)
    _run(GNU_AS, "-march=rv64gc", "g.s", "-o", "g.o", cwd=tmp_path)
    (tmp_path / "t.o").write_bytes(write_object(assemble_text(text, "g.s")))
    rows = {
        name: re.findall(
            r"^\S+ +(\d+|-) +(\S+)", _run(OBJDUMP, "--dwarf=decodedline", name, cwd=tmp_path), re.MULTILINE
        )
        for name in ("g.o", "t.o")
    }
    assert len(rows["g.o"]) > 6 and rows["t.o"] == rows["g.o"]
