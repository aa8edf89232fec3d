"""nm, size, readelf, objdump, ar and strip from the command line: messages, exit codes, several files, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.elf_samples import archive, objects, program
from toyvm.assembler import assemble_text
from toyvm.cli import guarded
from toyvm.elf.archive import Archive, Member, write
from toyvm.elf.object_writer import write_object


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a.o, p (a program), x.a and junk; it is the current one."""
    (tmp_path / "a.o").write_bytes(objects()["everything"])
    (tmp_path / "p").write_bytes(program())
    (tmp_path / "x.a").write_bytes(archive())
    (tmp_path / "junk").write_bytes(b"junk")
    monkeypatch.chdir(tmp_path)
    return tmp_path


TOOLS = (["nm"], ["size"], ["readelf", "-a"], ["objdump", "-d"], ["strip"])


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool[0]))
def test_a_bad_file_is_a_message_and_the_next_one_is_done(
    tool: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "a.o").stat().st_mtime_ns
    assert guarded(tool[0], [*tool[1:], "missing", "junk", "a.o"]) == 1
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        f"toyvm {tool[0]}: 'missing': No such file",
        f"toyvm {tool[0]}: junk: not an ELF file",
    ]
    assert out or (folder / "a.o").stat().st_mtime_ns != before


def test_nm_letters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("nm", ["a.o"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0000000000000064 C buffer",
        "0000000000000000 T main",
        "0000000000000000 W once",
        "                 U printf",
    ]


def test_size_counts_bss_that_is_not_in_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("size", ["a.o"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "30",
        "8",
        "1048576",
        "1048614",
        "100026",
        "a.o",
    ]


@pytest.mark.parametrize("tool", ["nm", "size", "readelf"])
def test_json(tool: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(tool, ["--json", "a.o", "p"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == f"toyvm.{tool}/1"
    assert [file["file"] for file in document["files"]] == ["a.o", "p"]


def test_disassembly_with_relocations_and_targets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded("objdump", ["-dr", "-j", ".text", "a.o"]) == 0
    assert capsys.readouterr().out.splitlines()[4:] == [
        "Disassembly of section .text:",
        "",
        "0000000000000000 <main>:",
        "   0:\tff010113          \taddi\tsp,sp,-16",
        "   4:\t00000097          \tauipc\tra,0x0",
        "\t\t\t4: R_RISCV_CALL_PLT\tprintf",
        "\t\t\t4: R_RISCV_RELAX\t*ABS*",
        "   8:\t000080e7          \tjalr\tra # 4 <main+0x4>",
        "   c:\t00050463          \tbeqz\ta0,14 <.L1+0x4>",
        "\t\t\tc: R_RISCV_BRANCH\t.L1",
        "",
        "0000000000000010 <.L1>:",
        "  10:\t00008067          \tret",
    ]


@pytest.mark.parametrize(
    ("tool", "arguments", "status", "words"),
    [
        ("objdump", ["a.o"], 2, "must be given"),
        ("objdump", ["-d", "-j", ".nope", "a.o"], 1, "'.nope' mentioned in a -j option"),
        ("readelf", ["-x", ".nope", "a.o"], 1, "'.nope' was not dumped because it does not exist"),
        ("strip", ["-o", "y", "a.o", "p"], 2, "one input file"),
        ("objcopy", ["junk", "y.a"], 1, "junk: not an ELF file"),
        ("objcopy", ["-b", "0", "a.o", "y.a"], 1, "interleave start byte must be set with --byte"),
        ("objcopy", ["-I", "srec", "junk", "y.a"], 1, "junk:1: unexpected character 'ju' in S-record file"),
        ("objcopy", ["-I", "ihex", "junk", "y.a"], 1, "junk:1: unexpected character 'j' in Intel Hex file"),
        ("addr2line", ["-e", "a.o", "-j", ".nope", "0"], 1, "a.o: cannot find section .nope"),
        ("c++filt", ["-s", "foo", "_Z3foov"], 1, "unknown demangling style `foo'"),
        ("ar", ["rx", "x.a"], 2, "two different operations"),
        ("ar", ["c", "x.a"], 2, "no operation given"),
        ("ar", ["t"], 2, "usage: "),
        ("ar", ["t", "junk"], 1, "junk: not an archive"),
        ("ar", ["t", "x.a", "nope"], 1, "no entry nope in archive"),
        ("ar", ["rcs", "y.a", "missing"], 1, "'missing': No such file"),
    ],
)
def test_mistakes(
    tool: str, arguments: list[str], status: int, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(tool, arguments) == status
    assert words in capsys.readouterr().err
    assert not (folder / "y.a").exists()


def test_ar_replaces_adds_deletes_and_extracts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "README").write_text("new")
    (folder / "more").write_text("more")
    assert guarded("ar", ["rv", "x.a", "README", "more"]) == 0
    assert capsys.readouterr().out == "r - README\na - more\n"
    assert guarded("ar", ["d", "x.a", "a.o"]) == 0
    assert guarded("ar", ["t", "x.a"]) == 0
    assert capsys.readouterr().out == "a_name_that_is_long.o\nREADME\nmore\n"
    (folder / "README").unlink()
    assert guarded("ar", ["x", "x.a", "README"]) == 0
    assert (folder / "README").read_text() == "new"
    assert guarded("ar", ["p", "x.a", "more"]) == 0


def test_ar_writes_nothing_outside_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "evil.a").write_bytes(write([Member("../evil", 0, b"x"), Member("..", 0, b"y")]))
    assert guarded("ar", ["x", "evil.a"]) == 1
    assert not (folder.parent / "evil").exists() and (folder / "evil").read_bytes() == b"x"
    assert "illegal member name '..'" in capsys.readouterr().err


def test_strip_an_archive(folder: Path) -> None:
    assert guarded("strip", ["-g", "x.a"]) == 0
    members = Archive.parse((folder / "x.a").read_bytes(), "x.a").members
    assert [member.name for member in members] == ["a.o", "a_name_that_is_long.o", "README"]
    assert b".debug_line" not in members[1].data and members[2].data == b"odd"


def test_members_that_are_not_elf_do_not_hide_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = [Member("README", 0, b"text"), Member("a.o", 0, objects()["everything"])]
    (folder / "mixed.a").write_bytes(write(mixed))
    assert guarded("nm", ["mixed.a"]) == 1
    out, err = capsys.readouterr()
    assert "T main" in out and err == "toyvm nm: mixed.a(README): not an ELF file\n"


def test_names_of_attributes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = ".attribute 14, 3\n.attribute 16, 1\n.attribute 18, 300\n"
    (tmp_path / "a.o").write_bytes(write_object(assemble_text(text, "a.s")))
    assert guarded("readelf", ["-A", str(tmp_path / "a.o")]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:] == [
        "  Tag_RISCV_atomic_abi: 3",
        "  Tag_RISCV_x3_reg_usage: 1",
        "  Tag_unknown_18: 300 (0x12c)",
    ]
