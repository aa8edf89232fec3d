"""The lines of a build: their bytes are the object's, and where they ended is where the image has them."""

from __future__ import annotations

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


def test_what_was_taken_and_how_large_it_is() -> None:
    program = build_program([ASM / "cow.s"], linkage="static", keep_history=True)
    view = build_view(program, [ASM / "cow.s"])
    assert sum(size for _, _, size, _ in view["sections"]) == view["sizes"][1]
    assert {row["what"] for row in view["decisions"]} == {"member"}
    for row in view["decisions"]:
        assert "/" not in row["name"] + row["why"]
        assert row["chain"][-1][2] == row["name"]
