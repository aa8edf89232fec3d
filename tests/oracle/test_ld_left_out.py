"""What is left out - members of groups, partners of discarded sections - and what refers to it, as in GNU ld."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.gnu import objects_of
from tests.support.oracles import GNU_AS, GNU_LD, require_oracle

pytestmark = pytest.mark.oracle

_GROUP = '.section .data,"awG",%progbits,signed,comdat\n'
SOURCES = {
    "first": f"{_GROUP}x: .word 0\n.text\n.globl _start\n_start: ret\n",
    "second": f"{_GROUP}.globl alone\nalone: .word 0\n",
    "refers": f"{_GROUP}y: .word 0\n.globl alone\nalone: .word 0\n.data\n.dc.a y\n.dc.a alone\n",
    "partners": '.section .foo,"a"\n.dc.a 0\n.section .moo,"ao",%progbits,.zed\n.dc.a 0\n.section .zed,"ao",%progbits,.foo\n.dc.a 0\n',
    "sizes": '.section .sizes,"o",%progbits,live,unique,0\nlive: .byte 1\n.section .sizes,"o",%progbits,dead,unique,1\ndead: .byte 2\n'
    '.text\n.globl _start\n_start: ret\n.section .note,"",%note\n.dc.a live\n',
    "patchable": '.section __patchable_function_entries,"aw"\n.dc.a 0\n.text\n.globl _start\n_start: ret\n',
    "notes": "".join(
        f'.section .note.{n},"a",%note\n.balign {a}\n.word 4, 0, 0, 0\n'
        for n, a in (("p", 4), ("q", 8), ("r", 4), ("s", 8))
    )
    + ".text\n.globl _start\n_start: ret\n",
    "header": '.globl _start\n_start: ret\n.weak __ehdr_start\n.section .rodata,"a"\n.dc.a __ehdr_start\n',
    "strong": '.globl _start\n_start: ret\n.section .rodata,"a"\n.dc.a __ehdr_start\n',
    "text": '.globl _start\n_start: ret\n.section .rodata,"a"\n.dc.a _start\n',
}
COMMANDS = [
    "first.o second.o",
    "-r first.o second.o",
    "-r first.o refers.o",
    "-r first.o second.o --force-group-allocation",
    "-r first.o second.o -T group",
    "partners.o -T drop",
    "sizes.o --gc-sections",
    "patchable.o --gc-sections",
    "header.o -T far",
    "header.o -T near",
    "strong.o -T near",
    "notes.o --build-id=0x1234",
    "-shared text.o -z notext",
    "-shared text.o --warn-textrel",
    "-pie text.o --warn-shared-textrel",
    "text.o --warn-textrel",
    "text.o -Ttext-segment=0x11000 -z max-page-size=0x2000",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_oracle(GNU_AS)
    require_oracle(GNU_LD)
    made = tmp_path_factory.mktemp("left")
    objects_of(SOURCES, made)
    (made / "group").write_text("FORCE_GROUP_ALLOCATION\nSECTIONS { .data : { *(.data) } }\n")
    (made / "far").write_text("SECTIONS { . = 0x10000; .text : { *(.text) } .rodata : { *(.rodata) } }\n")
    (made / "near").write_text(
        "SECTIONS { . = 0x10000 + SIZEOF_HEADERS; .text : { *(.text) } .rodata : { *(.rodata) } }\n"
    )
    (made / "drop").write_text("SECTIONS { /DISCARD/ : { *(.foo) } }\n")
    return made


def result(command: list[str], folder: Path) -> tuple[int, list[str], list[str], list[str], bool]:
    """Status, messages, sections, the objects' symbols, and whether text relocations are announced."""
    (folder / "out").unlink(missing_ok=True)
    run = subprocess.run([*command, "-o", "out"], cwd=folder, capture_output=True, text=True, check=False)
    messages = [re.sub(r"^\S*ld: ", "", line) for line in run.stderr.splitlines()]
    shown = subprocess.run(["readelf", "-SsdW", "out"], cwd=folder, capture_output=True, text=True, check=False)  # fmt: skip
    sections = re.findall(
        r"\] (\.(?:group|data|foo|moo|zed|sizes|note[.\w-]*)) +\w+ +\w+ +\w+ (\w+)", shown.stdout
    )
    names = re.findall(
        r" (\w+ +\w+ +\w+ +\w+) (x|y|alone|live|dead|_start|__ehdr_start)$", shown.stdout, re.M
    )
    symbols = sorted({" ".join((name, *what.split()[1:3])) for what, name in names})
    kept = [m for m in messages if "entry symbol" not in m and "RWX" not in m]
    return run.returncode, kept, [" ".join(each) for each in sections], symbols, "TEXTREL" in shown.stdout


@pytest.mark.parametrize("words", COMMANDS)
def test_as_gnu_ld(words: str, folder: Path) -> None:
    expected = result([GNU_LD, *words.split()], folder)
    assert result([sys.executable, "-m", "toyvm", "ld", "--gnu-messages", *words.split()], folder) == expected
