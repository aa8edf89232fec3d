"""`toyvm quiz`: what it prints, the files that it writes, and the mistakes that it tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toyvm.cli import main
from toyvm.quizzes.kinds import KINDS, quiz


def test_sheets_and_solutions(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two = quiz("cow", 3), quiz("cow", 3, 1)
    assert main(["quiz", "cow", "--seed", "3", "--count", "2"]) == 0
    assert capsys.readouterr().out == f"{one.question}\n{two.question}"
    assert main(["quiz", "cow", "--seed", "3", "--solution"]) == 0
    assert capsys.readouterr().out == f"{one.question}\n{one.solution}"
    names = [tmp_path / name for name in ("sheet.txt", "sheet.html", "solutions.txt", "solutions.html")]
    files = ["-o", str(names[0]), "--html", str(names[1]), "--solution-file"]
    for last in names[2:]:
        assert main(["quiz", "cow", "translation", "--seed", "3", *files, str(last)]) == 0
    assert capsys.readouterr() == ("", "")
    sheet, page, solutions, solution_page = (name.read_text() for name in names)
    other = quiz("translation", 3)
    assert sheet == f"{one.question}\n{other.question}" and solutions == f"{one.solution}\n{other.solution}"
    assert "<details>" not in page and page.count("<h1>") == 2 and solution_page.count("<h1>Solution: ") == 2


def test_json_and_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quiz", "symbols", "--level", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "toyvm.quiz/1"
    assert told["questions"] == [json.loads(json.dumps(quiz("symbols", level=1).to_json()))]
    assert main(["quiz", "all", "--level", "1"]) == 0
    told = capsys.readouterr().out
    assert told == "\n".join(quiz(kind, level=1).question for kind in KINDS)
    assert main(["quiz", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(KINDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected KIND: one or more of translation, "),
        (["cows"], "'cows' is not a kind of question: did you mean 'cow'?"),
        (["cow", "--count", "0"], "--count 0: expected 1 to 1000"),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quiz", *words]) == 2
    assert message in capsys.readouterr().err
