"""`toyvm grade`: its exit codes, what it prints, and where it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.cli import main

ASSIGNMENT = '[[test]]\nname = "seven"\npoints = 4\nexpect.status = 7\n'
PROGRAM = ".globl main\nmain: li a0, {}\n ret\n"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(ASSIGNMENT)
    for name, status in (("ada", 7), ("bill", 8)):
        (tmp_path / f"{name}.s").write_text(PROGRAM.format(status))
    return tmp_path


def test_grading_is_no_failure_whatever_the_grades(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", "a.toml", "bill.s", "ada.s"]) == 0
    out = capsys.readouterr().out
    assert out.index("ada") < out.index("bill") and "seven: exit status" in out
    written = sorted(
        str(path.relative_to(course / "grades")) for path in (course / "grades").rglob("*") if path.is_file()
    )
    assert written == [
        *("index.html", "junit.xml", "points.csv", "reports/ada.txt", "reports/bill.txt", "results.csv"),
        "results.jsonl",
    ]
    assert main(["grade", "a.toml", "ada.s", "-o", "other", "--fail-under", "50"]) == 0
    assert (
        main(["grade", "a.toml", "ada.s", "bill.s", "-o", "other", "--fail-under", "50", "--store", "kept"])
        == 1
    )
    assert (course / "kept").exists() and not (course / "other" / "jobs.sqlite").exists()


def test_mistakes_are_usage_errors(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "bad.toml").write_text(ASSIGNMENT + "expect.staus = 1\n")
    for words, message in (
        (["bad.toml", "ada.s"], "bad.toml:5:8: error: unknown key 'staus'"),
        (["a.toml"], "toyvm grade: no submissions"),
        (["a.toml", "nobody.s"], "toyvm grade: nobody.s: No such file or directory"),
        (["a.toml", "ada.s", "--workers", "-1"], "toyvm grade: --workers: expected a number"),
        (["a.toml", "ada.s", "-o", "bill.s"], "toyvm grade: bill.s: not a folder"),
    ):
        assert main(["grade", *words]) == 2, words
        found = capsys.readouterr().err
        assert message in found, found
    assert main(["grade", "nowhere.toml", "ada.s"]) == 127
    assert not (course / "grades").exists()


def test_an_assignment_can_be_checked_alone(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grade", "--check", "a.toml"]) == 0
    assert capsys.readouterr().out == "     4  seven\n     4  in all\n"
