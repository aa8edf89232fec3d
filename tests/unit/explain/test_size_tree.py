"""The tree of sizes adds up, and the treemap draws it: areas are sizes, parts are inside of their wholes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.support.harness import ASM
from toyvm.build import build_program
from toyvm.cli import main
from toyvm.elf.constants import SHF_ALLOC
from toyvm.elf.elf_file import ElfFile
from toyvm.explain.size_areas import file_size_tree, size_tree
from toyvm.observe.pictures.treemap import HEIGHT, WIDTH, Area, _Box, squarified, treemap


def check_sums(area: Area) -> None:
    if area.parts:
        assert sum(part.size for part in area.parts) == area.size
    for part in area.parts:
        check_sums(part)


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_sizes_add_up(linkage: str) -> None:
    link = build_program([ASM / "shm_talk.s"], linkage=linkage, keep_history=True).link
    tree = size_tree(link, "shm_talk")
    check_sums(tree)
    loaded = sum(output.size for output in link.layout.outputs if output.flags & SHF_ALLOC)
    assert tree.size == loaded
    of_file = file_size_tree(ElfFile.parse(link.image, "shm_talk"))
    check_sums(of_file)
    assert of_file.size == loaded
    mine = next(part for part in tree.parts if part.name == "shm_talk.s")
    text = next(part for part in mine.parts if part.name == ".text")
    assert "main" in {part.name for part in text.parts}


def test_rectangles_have_areas_of_sizes() -> None:
    parts = [Area(str(number), number * number) for number in range(1, 20)]
    total = sum(part.size for part in parts)
    found = list(squarified(parts, _Box(0, 0, 300, 200)))
    assert len(found) == len(parts)
    for part, box in found:
        assert box.width * box.height == pytest.approx(part.size * 60000 / total)
        assert box.x >= -1e-6 and box.x + box.width <= 300 + 1e-6
        assert box.y >= -1e-6 and box.y + box.height <= 200 + 1e-6


def test_the_picture(tmp_path: Path) -> None:
    picture = tmp_path / "x.svg"
    assert main(["size", "--treemap", str(picture), str(ASM / "hello.s")]) == 0
    text = picture.read_text()
    root = ET.fromstring(text)
    rectangles = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(rectangles) > 50
    assert all(float(r.attrib["x"]) + float(r.attrib["width"]) <= WIDTH + 0.2 for r in rectangles)
    assert "libc.a &gt; stdio.o &gt; .text &gt; puts" in text
    assert "prefers-color-scheme:dark" in text
    assert treemap(Area("<none>", 0)).count("<rect") == 1 and HEIGHT < WIDTH
