"""Why sections are kept, gone and where they are: scripts, COMDAT groups, merged strings, folded code; the command's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toyvm.cli import main

FIRST = """
        .globl _start, used, twin1, twin2
_start: call used
        call twin1
        call twin2
        la a0, text
        ret
        .section .text.used,"ax"
used:   lw a0, number
        ret
        .section .text.unused,"ax"
        ret
        .section .text.twin1,"ax"
twin1:  li a0, 1
        ret
        .section .text.twin2,"ax"
twin2:  li a0, 1
        ret
        .section .mine,"aw"
        .word 1
        .section .keepme,"aw"
        .word 7
        .section .junk,"a"
        .word 9
        .data
number: .word 5
        .section .rodata.str1.1,"aMS",@progbits,1
text:   .string "hello"
        .section .text.grp,"axG",@progbits,grp,comdat
        .weak grp
grp:    ret
"""
SECOND = """
        .section .text.grp,"axG",@progbits,grp,comdat
        .weak grp
grp:    ret
        .section .rodata.str1.1,"aMS",@progbits,1
        .string "hello"
"""
SCRIPT = """ENTRY(_start) SECTIONS {
  . = 0x10000;
  .text : { *(.text .text.*) }
  .data : { KEEP(*(.keepme)) *(.data) }
  /DISCARD/ : { *(.junk) }
}
"""


@pytest.fixture
def objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a", FIRST), ("b", SECOND)):
        Path(f"{name}.s").write_text(text)
        assert main(["as", "-o", f"{name}.o", f"{name}.s"]) == 0
    Path("x.ld").write_text(SCRIPT)


CASES = [
    ("a.o:.text.used", "--gc-sections -T x.ld", "which refers to used, in a.o:(.text.used)"),
    ("a.o:.text.used", "-T x.ld", "pattern of the script that matches: *(.text .text.*) (x.ld:3)"),
    (".text", "-T x.ld", "address 0x10000: the script sets the location counter"),
    (".data", "-T x.ld", "the location counter after .rodata.str1.1"),
    ("a.o:.text.unused", "--gc-sections", "nothing that is kept refers to it"),
    ("a.o:.keepme", "--gc-sections -T x.ld", "the script says KEEP"),
    ("a.o:.junk", "-T x.ld", "the script puts it into /DISCARD/"),
    ("a.o:.mine", "-T x.ld", "an orphan: no pattern of the script matches it"),
    ("a.o:.mine", "", "no rule names .mine"),
    ("b.o:.text.grp", "", "its COMDAT group grp comes from a.o"),
    ("b.o:.rodata.str1.1", "", "in an earlier section of the same kind"),
    ("a.o:.text.twin2", "--icf=all", "--icf: folded into a.o:(.text.twin1), whose code is equal"),
]


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_reasons(
    name: str, options: str, expected: str, objects: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "section", name, "--", *options.split(), "a.o", "b.o"]) == 0
    text = capsys.readouterr().out
    assert expected in " ".join(text.split())
    assert all(len(line) <= 100 and line == line.rstrip() for line in text.splitlines())


def test_json(objects: None, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, words in (
        ("section", [".text"]),
        ("address", ["used"]),
        ("reloc", ["a.o:_start"]),
    ):
        assert main(["explain", kind, *words, "--json", "--", "-T", "x.ld", "a.o", "b.o"]) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == f"toyvm.explain.{kind}/1"


MISTAKES = [
    ("reloc a.o:.txt", 1, "did you mean '.text'?"),
    ("reloc a.o:usd", 1, "did you mean 'used'?"),
    ("reloc c.o:.text", 1, "c.o: no object of the link has this name"),
    ("reloc a.o:.text+0x1", 1, "no relocation is there; the nearest is at .text+0x0"),
    ("reloc a.o:.text+zz", 2, "expected FILE:SECTION+OFFSET"),
    ("reloc a.o:3", 1, "the object has no line information"),
    ("section .txt", 1, "did you mean '.text'?"),
    ("address usd", 1, "did you mean 'used'?"),
    ("address used+zz", 2, "expected a number after +"),
    ("recloc a.o", 2, "did you mean 'reloc'?"),
]


@pytest.mark.parametrize(("words", "status", "message"), MISTAKES)
def test_mistakes(
    words: str, status: int, message: str, objects: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *words.split(), "--", "a.o", "b.o"]) == status
    captured = capsys.readouterr()
    assert message in captured.err and not captured.out


def test_links_that_fail_and_files_that_are_none(objects: None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.o").write_bytes(b"\x7fELF" + bytes(60))
    assert main(["ld", "-o", "program", "a.o", "b.o"]) == 0
    for words in (
        ["reloc", "bad.o"],
        ["reloc", "none.s:3"],
        ["reloc", "a.o", "--", "-r"],
        ["reloc", "a.o", "--relax", "--", "b.o"],
        ["section", ".text"],
        ["reloc", "program"],
        ["address", "0x10", "bad.o"],
        ["reloc", "a.o", "--", "--defsym=number=nothing", "b.o"],
    ):
        assert main(["explain", *words]) in (1, 2, 127)
        assert capsys.readouterr().err.startswith("toyvm")


def test_a_line_without_relocations(objects: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "reloc", "a.s:1", "--", "b.o"]) == 1
    assert "the nearest is on line 3" in capsys.readouterr().err
    assert main(["explain", "reloc", "program"]) == 127  # no such file
    assert main(["ld", "-o", "program", "a.o", "b.o"]) == 0
    capsys.readouterr()
    assert main(["explain", "reloc", "program"]) == 2
    assert "program is linked already" in capsys.readouterr().err
