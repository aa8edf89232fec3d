"""`toyvm as` as a command: options, listing, dependencies, no output after an error."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from toyvm.assembler.assemble import assemble_texts
from toyvm.assembler.assembler_options import AssemblerOptions
from toyvm.assembler.listing import listing
from toyvm.base.errors import AssemblyError, UsageError
from toyvm.cli import as_
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object


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


def test_the_garbage_collector_goes_on_afterwards(tmp_path: Path) -> None:
    source = tmp_path / "a.s"
    source.write_text("nop\n")
    assert as_.main([str(source), "-o", str(tmp_path / "a.o")]) == 0 and gc.isenabled()
    source.write_text("no such\n")
    with pytest.raises(AssemblyError):
        as_.main([str(source), "-o", str(tmp_path / "a.o")])
    assert gc.isenabled()


def test_no_output_after_an_error(tmp_path: Path) -> None:
    source, output = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text("bad\n")
    output.write_bytes(b"old")
    with pytest.raises(AssemblyError):
        as_.main([str(source), "-o", str(output)])
    assert not output.exists()


def test_an_object_in_spite_of_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text("adi a0\nnop\n.if 1\n")
    assert as_.main(["-Z", str(source), "-o", str(output)]) == 1
    text = read_object(output.read_bytes(), "a.o").section(".text")
    assert text is not None and text.data == b"\1\0"
    said = capsys.readouterr().err
    assert "unknown instruction 'adi'" in said and "2 errors, 0 warnings" in said


def test_statistics_and_options_that_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "a.s", tmp_path / "a.o"
    source.write_text('.title "x"\n.list\nnop\n.nolist\n.eject\n.psize 5\n')
    options = ["--statistics", "-D", "-K", "--hash-size=5", "--gdwarf-cie-version=3", "--size-check=warning"]
    assert as_.main([*options, "-alternate", "-defsym", "x=1", str(source), "-o", str(output)]) == 0
    assert "total time in assembly: " in capsys.readouterr().err


@pytest.mark.parametrize("word", ["lzma", "lz4"])
def test_formats_of_compression_that_are_not_written(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageError, match="is not one of none, zlib"):
        as_.main([f"--compress-debug-sections={word}", str(tmp_path / "a.s")])


def test_listing_without_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    made = assemble_texts([("nop\n.abs = 5\n", "{standard input}")], "x", AssemblerOptions(listing=True))
    assert listing(made).startswith("GAS LISTING  \t\t\tpage 1\n\n\n   1 0000 0100     \tnop\n")
    assert "NO UNDEFINED SYMBOLS" in listing(made)


def test_a_short_text_is_assembled_without_numpy_and_lark(tmp_path: Path) -> None:
    """And gives the file that the object as a model gives."""
    source, output = tmp_path / "a.s", tmp_path / "a.o"
    text = """.globl f
        f: call g
        beq a0, a1, f
        .section .x, "aG", @progbits, grp, comdat
        .dword f-8, undefined
        .section .y, "awR"
        .comm c, 8, 4
        .type f, @function
        u: .word 5
        .type u, @gnu_unique_object
        .weak g
        """
    source.write_text(text)
    code = f"from toyvm.cli import as_; import sys; as_.main([{str(source)!r}, '-o', {str(output)!r}])"
    code += "; assert not {'numpy', 'lark'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    made = assemble_texts([(text, str(source))], output.name)
    assert output.read_bytes() == made.output.file() == write_object(made.object)
