"""The lines of a build: their bytes are the object's, and where they ended is where the image has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import ASM
from toyvm.build import build_program
from toyvm.elf.elf_file import ElfFile
from toyvm.explore.build_view import build_view


@pytest.mark.parametrize(("sample", "linkage"), [("cow", "static"), ("lazy", "dynamic"), ("sorts", "static")])
def test_each_lines_bytes_are_in_the_image(sample: str, linkage: str) -> None:
    path = ASM / f"{sample}.s"
    program = build_program([path], linkage=linkage, keep_history=True)
    view = build_view(program, [path])
    elf = ElfFile.parse(program.image, sample)
    lines = view["sources"][0]["lines"]
    assert [line[0] for line in lines] == path.read_text().splitlines()
    seen = 0
    for piece in (piece for line in lines if len(line) > 1 for piece in line[1]):
        if "final" not in piece:
            continue
        (segment,) = [
            s for s in elf.segments if s.type == 1 and s.vaddr <= piece["address"] < s.vaddr + s.filesz
        ]
        at = segment.offset + piece["address"] - segment.vaddr
        assert at == piece["file"]
        assert program.image[at : at + len(piece["final"]) // 2].hex() == piece["final"]
        if not piece["relocations"]:
            assert piece["final"] == piece["bytes"]
        seen += 1
    assert seen > 20
    symbols = dict(program.link.symbols)
    labels = {
        line[0].split(":")[0]: line[1][0]["address"]
        for line in lines
        if len(line) > 1 and line[0][:4] == "main"
    }
    assert labels == {"main": symbols["main"]}


def test_sizes_add_up(tmp_path: Path) -> None:
    program = build_program([ASM / "cow.s"], linkage="static", keep_history=True)
    view = build_view(program, [ASM / "cow.s"])
    for section in view["sizes"]:
        assert sum(size for _, size in section["parts"]) == section["size"]
        assert program.link.sizes.get(section["name"], section["size"]) == section["size"]
    assert {what for what, _, _ in view["decisions"]} == {"member"}
    assert str(tmp_path) not in str(view["decisions"]) and "/" not in "".join(
        name for _, name, _ in view["decisions"]
    )
