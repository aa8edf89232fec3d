"""What a beginner's mistakes are answered with: the message says what is wrong, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toyvm.cli import main


def run(capfd: pytest.CaptureFixture[str], folder: Path, text: str, *words: str) -> tuple[int, str]:
    """The status and the standard error of `toyvm run p.s`."""
    path = folder / "p.s"
    path.write_text(text)
    status = main(["run", *words, str(path)])
    return status, capfd.readouterr().err


def test_a_jump_into_data_is_not_named_as_a_function(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = ".globl main\nmain: la t0, table\njr t0\n.data\ntable: .dword 1\n"
    status, err = run(capfd, tmp_path, text)
    assert status == 139
    assert "in data, at table\n" in err
    assert "the pages hold data: they are not executable" in err
    assert all("in data, at table" in line for line in err.splitlines() if " table" in line)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["explain"], 2, "The kinds are reloc, section, address"),
        (["explain", "address", "mian", "p.s"], 1, "did you mean 'main'?"),
        (["explain", "reloc", "p.s:99"], 1, "no relocation is there"),
        (["explain", "section", ".nothing", "p.s"], 1, "neither an input has this section nor the output"),
        (["explain", "section", ".text"], 2, "no input files"),
        (["explain", "reloc", "missing.s:main"], 127, "missing.s: No such file or directory"),
        (["explain", "symbol", "number", "p.s"], 1, "`toyvm explain address number` says where it is"),
        (["explain", "address", "p.s:99", "p.s"], 1, "the line information has no code of p.s:99"),
        (["explain", "reloc", "p.c:3"], 2, "compile it first"),
        (["explain", "process", "100", "--pid", "101", "p.s"], 2, "the process is the first word"),
        (["run"], 2, "the following arguments are required: PROGRAM\n"),
        (["explain", "reloc"], 2, "the following arguments are required: PLACE\n"),
    ],
)
def test_what_a_question_lacks(
    words: list[str], status: int, message: str, capfd: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("p.c").write_text("int main(void) { return 0; }\n")
    Path("p.s").write_text(".globl main\nmain: call puts\nret\n.data\nnumber: .dword 1\n")
    try:
        assert main(words) == status
    except SystemExit as leaving:
        assert leaving.code == status
    assert message in capfd.readouterr().err


def test_an_address_in_the_middle_of_an_instruction_and_one_of_data(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "p.s"
    path.write_text(".globl main\nmain: nop\nlui a0, 0x12345\nret\n.data\nnumber: .dword 1\n")
    assert main(["explain", "address", "main+4", str(path)]) == 0
    start = int(capfd.readouterr().out.split()[0], 16) - 2  # behind the c.nop
    assert main(["explain", "address", "main+4", str(path)]) == 0
    assert f"37 55 34 12  lui a0,0x12345, from {start:#x} on" in capfd.readouterr().out
    assert main(["explain", "address", "p.s:3", str(path)]) == 0
    assert f"{start:#x}  main+0x2\n" in capfd.readouterr().out
    assert main(["explain", "address", "number", str(path)]) == 0
    assert "line information" not in capfd.readouterr().out


def test_a_failure_does_not_end_the_commands_of_debug(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "p.s"
    path.write_text(".globl main\nmain: ret\n")
    words = ["-ex", "nonsense", "-ex", "print 6*7", "-ex", "quit", "-ex", "print 8"]
    assert main(["debug", "--batch", *words, str(path)]) == 1
    out, err = capfd.readouterr()
    assert (out, err) == ("= 42\n", 'Undefined command: "nonsense". Try "help".\n')


def test_a_program_without_symbols_starts_at_its_first_instruction(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source, path = tmp_path / "p.s", tmp_path / "p"
    source.write_text(".globl _start\n_start: lui a0, 0x12345\nli a7, 93\necall\n")
    assert main(["as", str(source), "-o", str(tmp_path / "p.o")]) == 0
    assert main(["ld", "-s", str(tmp_path / "p.o"), "-o", str(path)]) == 0
    assert main(["debug", "--batch", "-ex", "start", str(path)]) == 0
    out = capfd.readouterr().out
    assert out.startswith("No symbol main: the run stands at its first instruction.\n")
    assert "=> 0x" in out and "lui a0, 0x12345" in out and "history" not in out
    pc = int(out.splitlines()[-1].split()[1].strip(":"), 16)
    assert main(["explain", "address", hex(pc + 1), str(path)]) == 0
    assert f"lui a0,0x12345, from {pc:#x} on" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (".globl main\nmain: li a0, 0\n", "c.li a0, 0' (p.s:2)"),
        (
            ".globl main\nmain: li a0, 0\nli a1, 3\n.globl next\nnext: ld a0, 0(zero)\nret\n",
            "c.li a1, 3' (p.s:3)",
        ),
        (
            ".globl main\nmain: li a7, 10\necall\n.word 0\n",
            "ecall' (p.s:3), which returns unless it is exit,",
        ),
    ],
)
def test_falling_off_main_says_so(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str, last: str
) -> None:
    status, err = run(capfd, tmp_path, text)
    assert status > 128
    assert f"main ran past its end: its last instruction `{last} is no jump or return" in err


def test_a_function_that_was_called_has_not_been_run_into(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = ".globl main\nmain: call next\nj main\nnop\n.globl next\nnext: ld a0, 0(zero)\nret\n"
    _, err = run(capfd, tmp_path, text)
    assert "ran past its end" not in err


def test_a_missing_globl_is_told_where_main_is(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, err = run(capfd, tmp_path, "main: ret\n")
    assert "undefined reference to `main'" in err
    assert "p.s:1: `main' is defined here, but it is local: `.globl main' is missing" in err


def test_calls_of_rars_get_a_hint(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = ".globl main\nmain: li a0, 42\nli a7, 1\necall\nli a7, 4\necall\nli a0, 1\nret\n"
    status, err = run(capfd, tmp_path, text)
    assert status == 1
    assert (
        "in RARS a7 = 1 is PrintInt, 4 is PrintString; here are Linux's calls: read 63, write 64, exit 93"
        in err
    )
    assert max(map(len, err.splitlines())) <= 120


OTHER = ".globl other\nother: li a0, 7\nret\n"
CALLS = ".globl main\nmain: addi sp, sp, -16\nsd ra, 8(sp)\ncall other\nld ra, 8(sp)\naddi sp, sp, 16\nret\n"
COUNT = ".globl main\nmain: ret\n"  # argc is in a0


def test_sources_after_a_source_are_part_of_the_program(tmp_path: Path) -> None:
    one, two = tmp_path / "a.s", tmp_path / "b.s"
    one.write_text(CALLS)
    two.write_text(OTHER)
    assert main(["run", str(one), str(two)]) == 7
    assert main(["run", "--stats", "--report-file", str(tmp_path / "r"), str(one), str(two), "word"]) == 7
    counts = tmp_path / "count.s"
    counts.write_text(COUNT)
    assert main(["run", str(counts), str(tmp_path / "gone.s")]) == 2  # no such file: an argument
    assert main(["run", str(counts), "--", str(two), "word"]) == 3
    assert main(["run", str(counts), str(two), "word"]) == 2


@pytest.mark.parametrize("text", [".globl main\nmain: foo a0\n", ".globl main\nmain: call nowhere\n"])
def test_a_program_that_does_not_build_has_a_status_of_its_own(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    status, err = run(capfd, tmp_path, text)
    assert status == 126
    assert "p.s:2" in err


def test_json_alone_in_a_file_and_traces_in_theirs(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    report, trace = tmp_path / "report.json", tmp_path / "trace.txt"
    words = [
        "--json",
        "--report-file",
        str(report),
        "--trace=faults,cow,process,loader",
        "--trace-file",
        str(trace),
    ]
    status, err = run(capfd, tmp_path, COUNT, *words, "--dynamic")
    assert (status, err) == (1, "")
    assert json.loads(report.read_text())["schema"].startswith("toyvm.")
    lines = trace.read_text().splitlines()
    assert any(line.startswith("[100] page fault: ") for line in lines)
    assert max(map(len, lines)) <= 120


def test_long_lines_of_a_trace_are_folded(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("a_folder_with_a_long_name" * 3)
    folder.mkdir()
    (folder / "p.s").write_text(CALLS + OTHER)
    assert main(["run", "--dynamic", "--trace=faults,cow,loader", str(folder / "p.s")]) == 7
    err = capfd.readouterr().err
    assert max(map(len, err.splitlines())) <= 120
    assert "\n      " in err


@pytest.mark.parametrize("linkage", ["--static", "--dynamic"])
def test_l_is_looked_for_in_the_folder_of_capital_l(tmp_path: Path, linkage: str) -> None:
    libraries = tmp_path / "mine"
    libraries.mkdir()
    (tmp_path / "other.s").write_text(OTHER)
    (tmp_path / "p.s").write_text(CALLS)
    assert main(["as", "-fpic", "-o", str(tmp_path / "other.o"), str(tmp_path / "other.s")]) == 0
    assert main(["ar", "rcs", str(libraries / "libother.a"), str(tmp_path / "other.o")]) == 0
    assert main(["run", "-L", str(libraries), "-lother", linkage, str(tmp_path / "p.s")]) == 7
    if linkage == "--dynamic":
        shared = [
            "-shared",
            "-soname",
            "libother.so.1",
            "-o",
            str(libraries / "libother.so"),
            str(tmp_path / "other.o"),
        ]
        assert main(["ld", *shared]) == 0
        assert main(["run", "-L", str(libraries), "-lother", linkage, str(tmp_path / "p.s")]) == 7


def test_why_a_link_fails_can_be_asked(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two, three = tmp_path / "a.s", tmp_path / "b.s", tmp_path / "c.s"
    one.write_text(CALLS)
    two.write_text(OTHER)
    three.write_text(OTHER)
    assert main(["explain", "symbol", "other", str(one)]) == 0
    assert "rule: undefined: the link fails, `undefined reference'" in capfd.readouterr().out
    assert main(["explain", "symbol", "other", str(one), str(two), str(three)]) == 0
    text = " ".join(capfd.readouterr().out.split())
    assert "c.s: definition at .text+0x0 loses: " in text
    assert "has the first definition; an error, unless --allow-multiple-definition" in text
