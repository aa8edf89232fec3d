"""What a beginner's mistakes are answered with: the message says what is wrong, and where."""

from __future__ import annotations

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
