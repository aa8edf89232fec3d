"""`toyvm as` as a command: options, listing, dependencies, no output after an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.base.errors import AssemblyError
from toyvm.cli import as_
from toyvm.elf.object_reader import read_object


def test_object_listing_and_dependencies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output, depends = tmp_path / "a.s", tmp_path / "a.o", tmp_path / "a.d"
    source.write_text("start: li a0, N\n")
    arguments = [
        "--defsym",
        "N=3",
        "-aln",
        "-mno-relax",
        "-march=rv64imafd",
        "-gdwarf-5",
        "--MD",
        str(depends),
    ]
    assert as_.main([*arguments, str(source), "-o", str(output)]) == 0
    assert read_object(output.read_bytes(), "a.o").e_flags == 4
    assert "1 0000 13053000 \tstart: li a0, N" in capsys.readouterr().out
    assert depends.read_text() == f"{output}: {source}\n"


def test_no_output_after_an_error(tmp_path: Path) -> None:
    source, output = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text("bad\n")
    output.write_bytes(b"old")
    with pytest.raises(AssemblyError):
        as_.main([str(source), "-o", str(output)])
    assert not output.exists()
