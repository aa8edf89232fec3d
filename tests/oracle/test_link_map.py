"""The statements of a script in the link map against GNU ld's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, require_oracle
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle

SCRIPT = """
SECTIONS
{
  def1 = DEFINED (foo) ? 0x10 : 0x20;
  . = 0x1000;
  PROVIDE (nope = 1);
  .text : {
    *(.text) . = ALIGN (16); PROVIDE (x = .); BYTE (1 + 2) LONG (def1)
    *(EXCLUDE_FILE(*-b.o) .rodata SORT(SORT(.rodata.*))) EXCLUDE_FILE(*-c.o) *(.rodata2)
    QUAD (SIZEOF (.data))
  }
  .data ALIGN (0x100) : AT (0x8000) {
    KEEP (*(SORT_BY_ALIGNMENT(.data.*) .data)) . = . + 3; FILL (0x90) . = ALIGN (8); _e = .;
  }
  ASSERT (. > 0, "bad")
  end = MAX (., 0x10) - -1;
  same = _e * 2 + (1 << SIZEOF_HEADERS);
  HIDDEN (inner = ADDR (.data) - ABSOLUTE (0x10));
}
"""
SOURCE = """
    .globl _start, foo
_start: nop
    .data
foo: .word x, end
    .section .rodata.b,"a"
    .word 1
"""


def _statements(path: str) -> list[str]:
    """The lines of the map that show statements, with their values."""
    text = Path(path).read_text().split("Linker script and memory map")[1]
    wanted = " = ", "PROVIDE", "ASSERT", "BYTE", "LONG", "QUAD", "*fill*", " *(", "FILL"
    return [" ".join(line.split()) for line in text.splitlines() if any(word in line for word in wanted)]


def test_statements_and_their_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_AS, GNU_LD)
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(SOURCE)
    Path("a.t").write_text(SCRIPT)
    subprocess.run([GNU_AS, "-mno-relax", "a.s", "-o", "a.o"], check=True)
    options = ["-T", "a.t", "a.o", "-z", "noseparate-code"]
    subprocess.run([GNU_LD, *options, "-o", "gnu", "-Map", "gnu.map"], check=True, capture_output=True)
    assert ld([*options, "-o", "our", "-Map", "our.map"]) == 0
    assert _statements("our.map") == _statements("gnu.map")


OVERLAYS = """
MEMORY { TEXT (rx) : ORIGIN = 0x10000, LENGTH = 32K  DATA (aw!x) : ORIGIN = 0x20000, LENGTH = 32K
  STORE (w) : ORIGIN = 0x30000, LENGTH = 0x50 }
SECTIONS {
  OVERLAY : { .one { *(.one) } .two { *(.two) } } > TEXT AT > STORE
  OVERLAY : { .d1 { *(.d1) } .d2 { *(.d2) } } > DATA AT > STORE
  .empty : { *(.empty) }
  /DISCARD/ : { *(.gone) *(.riscv.attributes) }
}
"""
PARTS = """
    .section .one,"ax"
    .globl _start
_start: .zero 0x20
    .section .two,"ax"
    .zero 0x10
    .section .d1,"aw"
    .zero 0x10
    .section .d2,"aw"
    .zero 0x18
    .section .gone,"a"
    .zero 4
    .section .empty,"a"
"""


def test_overlays_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map is written though there is no output: all sections, what is left out, and the regions."""
    require_oracle(GNU_AS, GNU_LD)
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(PARTS)
    Path("a.t").write_text(OVERLAYS)
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], check=True)
    maps = []
    for command in ([GNU_LD], [sys.executable, "-m", "toyvm", "ld", "--gnu-messages"]):
        words = [*command, "-T", "a.t", "a.o", "-o", "out", "-Map", "map"]
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        text = Path("map").read_text().split("OUTPUT(")[0].replace("[!provide]", "*undef*")
        loads = [line.split() for line in text.splitlines() if line and "_load_" not in line]
        errors = [line.partition(": ")[2].removeprefix("out ") for line in run.stderr.splitlines()]
        maps.append((run.returncode, Path("out").exists(), loads, errors))
    assert maps[1] == maps[0]
