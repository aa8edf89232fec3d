"""`.note.gnu.property` of several objects against GNU ld: the merged properties, and their segment."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, READELF, require_oracle
from toyvm.cli.ld import main as ld

pytestmark = pytest.mark.oracle

OR, OR2, AND, AND2, NEEDED = 0xB000FFFF, 0xB0008001, 0xB0007FFF, 0xB0000000, 0xB0008000


def _source(*properties: tuple[int, int, int]) -> str:
    """An object with properties: (type, size of the value in bytes, value)."""
    lines = ['.section .note.gnu.property,"a"', ".p2align 3", ".long 4, 2f-1f, 5", '.asciz "GNU"', "1:"]
    for kind, size, value in properties:
        lines += [f".long {kind:#x}, {size}", *([f".{size}byte {value:#x}"] if size else []), ".p2align 3"]
    return "\n".join([*lines, "2:", ".text", "nop", ""])


@pytest.mark.parametrize("mode", [["-shared"], ["-r"], ["-e", "0"]])
@pytest.mark.parametrize(
    "sources",
    [
        [_source((OR, 4, 1)), _source((OR, 4, 0x100), (OR2, 4, 2))],
        [_source((AND, 4, 3), (AND2, 4, 1)), _source((AND, 4, 5), (AND2, 4, 2))],
        [_source((AND, 4, 3), (1, 8, 0x8000)), ".text\nnop\n", _source((1, 8, 0x10000), (2, 0, 0))],
        [_source((NEEDED, 4, 1)), _source((AND, 4, 1))],
        [_source((2, 0, 0))],
        [_source((OR, 4, 0))],
    ],
)
def test_merged_properties(
    sources: list[str], mode: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_oracle(GNU_AS, GNU_LD, READELF)
    monkeypatch.chdir(tmp_path)
    objects = []
    for number, text in enumerate(sources):
        Path(f"{number}.s").write_text(text)
        subprocess.run([GNU_AS, "-mno-relax", f"{number}.s", "-o", f"{number}.o"], check=True)
        objects.append(f"{number}.o")
    subprocess.run([GNU_LD, *mode, *objects, "-o", "gnu"], check=True)
    assert ld([*mode, *objects, "-o", "our"]) == 0
    shown = []
    for name in ("gnu", "our"):
        listing = [READELF, "-nlW", name]
        text = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
        notes = text.partition("Displaying notes")[2]
        shown.append((notes, text.count("  GNU_PROPERTY ")))
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "words", ["-e 0", "-e 0 --build-id=0x1234", "-shared", "-r", "-r --build-id=0x12345678"]
)
def test_build_ids_of_inputs(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an object keeps those of its inputs."""
    require_oracle(GNU_AS, GNU_LD, READELF)
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text("nop\n")
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], check=True)
    subprocess.run([GNU_LD, "-r", "--build-id=0xabcdabcd", "a.o", "-o", "b.o"], check=True)
    subprocess.run([GNU_LD, *words.split(), "b.o", "-o", "gnu"], check=True)
    assert ld([*words.split(), "b.o", "-o", "our"]) == 0

    def identifiers(name: str) -> list[str]:
        run = subprocess.run([READELF, "-n", name], check=True, capture_output=True, text=True)
        return sorted(re.findall("Build ID: (.*)", run.stdout))

    assert identifiers("our") == identifiers("gnu")


def test_notes_of_one_alignment_share_a_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_oracle(GNU_AS, READELF)
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(_source((2, 0, 0)))
    subprocess.run([GNU_AS, "a.s", "-o", "a.o"], check=True)
    assert ld(["-e", "0", "--build-id", "a.o", "-o", "our"]) == 0
    text = subprocess.run([READELF, "-lW", "our"], check=True, capture_output=True, text=True).stdout
    aligns = sorted(line.split()[-1] for line in text.splitlines() if line.startswith("  NOTE "))
    assert aligns == ["0x4", "0x8"]
