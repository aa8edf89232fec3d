"""The command `toyvm ldd`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.elf_maker import TEXT, Maker, Sym
from toyvm.cli import ldd


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program that needs a and gone, with a, which needs b, in lib/."""
    (tmp_path / "lib").mkdir()
    program = Maker(needed=["liba.so", "libgone.so"], symbols=[Sym("s")], plt=["s"])
    (tmp_path / "prog").write_bytes(program.build())
    (tmp_path / "static").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "lib/liba.so").write_bytes(Maker(needed=["libb.so"]).build())
    (tmp_path / "lib/libb.so").write_bytes(Maker(symbols=[Sym("s", TEXT)]).build())
    return tmp_path


def test_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ldd.main(["--root", str(folder), str(folder / "prog")]) == 0
    assert re.sub(r"0x[0-9a-f]{16}", "ADDRESS", capsys.readouterr().out) == (
        "\tliba.so => /lib/liba.so (ADDRESS)\n\tlibgone.so => not found\n\tlibb.so => /lib/libb.so (ADDRESS)\n"
    )


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ldd.main(["--json", "--root", str(folder), str(folder / "lib/liba.so")]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "toyvm.ldd/1"
    (library,) = report["files"][0]["libraries"]
    assert (library["name"], library["path"]) == ("libb.so", "/lib/libb.so")
    assert library["address"] % 4096 == 0


def test_unused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lib/libgone.so").write_bytes(Maker().build())
    assert ldd.main(["-u", "--root", str(folder), str(folder / "prog")]) == 0
    assert capsys.readouterr().out == "Unused direct dependencies:\n\n\t/lib/liba.so\n\t/lib/libgone.so\n"


def test_several_files_and_those_that_are_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / name) for name in ("lib/libb.so", "static", "nothing")]
    assert ldd.main(["--root", str(folder), *files]) == 1
    out, err = capsys.readouterr()
    assert out == f"{files[0]}:\n\tstatically linked\n{files[1]}:\n\tnot a dynamic executable\n"
    assert err == f"toyvm ldd: {files[2]}: No such file or directory\n"
