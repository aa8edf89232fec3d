"""`toyvm diff`: each kind of difference is found and named, and nothing else; the exit status is diff(1)'s."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import ASM
from toyvm.build import build_program
from toyvm.cli import main
from toyvm.elf.elf_file import ElfFile
from toyvm.explain.image_differences import ImageDifference, compare_images

BASE = """
        .globl main, helper, table
main:   addi sp, sp, -16
        sd ra, 8(sp)
        call helper
        la a0, table
        ld ra, 8(sp)
        addi sp, sp, 16
        ret
        .size main, .-main
        .type main, @function
helper: beqz a0, 1f
        li a0, 1
1:      ret
        .size helper, .-helper
        .type helper, @function
        .data
table:  .dword 1, 2, 3
        .size table, .-table
"""


def images(tmp_path: Path, *texts: str, relax: tuple[bool, bool] = (False, False)) -> list[ElfFile]:
    found = []
    for number, (text, short) in enumerate(zip(texts, relax, strict=True)):
        path = tmp_path / str(number) / "p.s"
        path.parent.mkdir()
        path.write_text(text)
        found.append(ElfFile.parse(build_program([path], relax=short).image, f"{number}"))
    return found


def names(found: ImageDifference, part: str, what: str) -> set[str]:
    return {change.name for change in getattr(found, part) if change.what == what}


def test_equal_files(tmp_path: Path) -> None:
    one, other = images(tmp_path, BASE, BASE)
    assert compare_images(one, one).same
    found = compare_images(one, other)
    assert not found.code and not found.symbols and not found.relaxation  # the compilation folder differs


def test_new_code_moves_what_follows(tmp_path: Path) -> None:
    """One instruction more in `main`: only its code is other, and what moved says why."""
    found = compare_images(*images(tmp_path, BASE, BASE.replace("call helper", "nop\n nop\n call helper")))
    assert [change.name for change in found.code] == ["main"]
    assert any(line.startswith("+") and "nop" in line for line in found.code[0].lines)
    assert names(found, "symbols", "grown") == {"main"}
    moved = next(change for change in found.symbols if change.name.startswith("helper"))
    assert "main before it has +" in moved.why
    assert (not found.libraries and not found.header) or found.header[0].name == "entry"


def test_new_and_lost_symbols_and_data(tmp_path: Path) -> None:
    text = BASE.replace("helper", "worker").replace(".dword 1, 2, 3", ".dword 1, 2, 3, 4")
    found = compare_images(*images(tmp_path, BASE, text))
    assert names(found, "symbols", "new") == {"worker"} and names(found, "symbols", "gone") == {"helper"}
    assert "table" in names(found, "symbols", "grown") and ".data" in names(found, "sections", "grown")
    assert any("<worker>" in line for line in found.code[0].lines)


def test_relaxation_is_told(tmp_path: Path) -> None:
    found = compare_images(*images(tmp_path, BASE, BASE, relax=(False, True)))
    forms = {change.name: (int(change.before), int(change.after)) for change in found.relaxation}
    long, short = forms["calls by auipc and jalr"], forms["calls by jal or c.j"]
    assert long[0] > 10 and long[1] == 0 and short[1] - short[0] == long[0]


def test_static_and_dynamic() -> None:
    one, other = (
        ElfFile.parse(build_program([ASM / "hello.s"], linkage=linkage).image, linkage)
        for linkage in ("static", "dynamic")
    )
    found = compare_images(one, other)
    assert names(found, "libraries", "new") == {"libc.so"}
    assert ".plt" in names(found, "sections", "new")
    assert ".rela.plt R_RISCV_JUMP_SLOT" in names(found, "relocations", "new")


def test_exit_status_and_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.s").write_text(BASE)
    Path("b.s").write_text(BASE.replace("li a0, 1", "li a0, 2"))
    assert main(["as", "-o", "a.o", "a.s"]) == main(["as", "-o", "b.o", "b.s"]) == 0
    assert main(["diff", "a.o", "a.o"]) == 0 and not capsys.readouterr().out
    assert main(["diff", "a.o", "b.o"]) == 1
    text = capsys.readouterr().out
    assert "* helper" in text and all(len(line) <= 100 for line in text.splitlines())
    assert main(["diff", "--json", "a.o", "b.o"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "toyvm.diff/1" and document["code"][0]["name"] == "helper"
    assert main(["diff", "a.o", "none.o"]) == 2
    Path("bad").write_bytes(b"\x7fELF\0\0")
    assert main(["diff", "a.o", "bad"]) == 2
