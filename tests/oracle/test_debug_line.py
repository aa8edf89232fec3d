"""GNU objdump reads our line tables, before and after linking, and so do we."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.support.line_script import ROWS, build, lines_by_loc, lines_by_row
from tests.support.oracles import GNU_AS, GNU_LD, OBJDUMP, READELF, require_oracle
from toyvm.assembler.assemble import assemble_text
from toyvm.elf.dwarf import LineTable
from toyvm.elf.object_writer import write_object

pytestmark = pytest.mark.oracle

TABLES = {
    "row": lines_by_row,
    "loc": lines_by_loc,
    **{f"row{level}": partial(lines_by_row, level) for level in (2, 3, 4)},
}


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


ROWS_AND_FILES = """.file 1 "d/a.c"
        .file 2 "b.c"
        .text
        .balign 8
    f:  .loc 1 3 4
        nop
        .loc 1 5 view 0
        nop
        .loc 1 5 7 is_stmt 0 discriminator 2
        .loc 2 900
        call f
        .loc 2 901 epilogue_begin
        .balign 8
        ret
        .loc 2 2 isa 3
        .skip 60000
        nop
        .section .text.g,"ax"
        .loc 1 9 prologue_end basic_block
        nop
        .loc 1 12
        .loc 1 13 view -0
        nop
        .text 1
        .loc 1 20
        nop
        """


@pytest.mark.parametrize("options", [(), ("-gdwarf-2",), ("-gdwarf-4",)])
def test_line_tables_are_those_of_gas(options: tuple[str, ...], tmp_path: Path) -> None:
    """The bytes of .debug_line after linking, and what readelf shows of the object."""
    require_oracle(GNU_AS, GNU_LD, READELF)
    (tmp_path / "a.s").write_text(ROWS_AND_FILES)
    (tmp_path / "b.s").write_text(".text\nnop\ncall b\nb: nop; nop\n.section .data\n.word 3\n.text 2\nnop\n")
    shown = {}
    for source in ("a.s", "b.s"):
        for name, command in (("g", (GNU_AS,)), ("t", (sys.executable, "-m", "toyvm", "as"))):
            _run(*command, "-march=rv64gc", *options, source, "-o", f"{name}.o", cwd=tmp_path)
            lines = _run(READELF, "-wl", f"{name}.o", cwd=tmp_path)
            ranges = _run(READELF, "-wrR", f"{name}.o", cwd=tmp_path)
            shown[name] = lines, ranges
        assert shown["t"] == shown["g"]


def test_names_of_version_5(tmp_path: Path) -> None:
    require_oracle(GNU_AS, READELF)
    files = """.file 0 "/home/x" "m.c" md5 0x95828e8bc4f7404dbf7526fb7bd0f192
        .file 1 "m.c"
        .file 2 "/usr/include" "stdio.h"
        .file 3 "/usr/include/stdlib.h"
        .file 4 "sub/n.h"
        .loc 2 4
        nop
        .section .debug_line_str,"MS",@progbits,1
        .string "a string of the text"
        .section .debug_info
        .byte 0
        """
    (tmp_path / "a.s").write_text(files)
    _run(GNU_AS, "a.s", "-o", "g.o", cwd=tmp_path)
    _run(sys.executable, "-m", "toyvm", "as", "a.s", "-o", "t.o", cwd=tmp_path)
    of_gas, ours = (_run(READELF, "-wl", name, cwd=tmp_path) for name in ("g.o", "t.o"))
    cut = " Line Number Statements"
    assert ours.partition(cut)[0].splitlines()[4:] == of_gas.partition(cut)[0].splitlines()[4:]
