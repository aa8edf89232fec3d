"""What all kinds of questions have in common: the same seed, the same bytes; another seed, another question."""

from __future__ import annotations

from pathlib import Path

import pytest

import toyvm
from tests.support.quiz_seeds import questions
from toyvm.base.errors import UsageError
from toyvm.cli import main
from toyvm.quizzes.html_sheet import sheet, solution_sheet
from toyvm.quizzes.kinds import KINDS, LEVELS, quiz
from toyvm.quizzes.question import Listing, Paragraph, Part, Question, answer, table


@pytest.mark.parametrize("kind", KINDS)
def test_each_seed_has_a_question_of_its_own(kind: str) -> None:
    """The heading, which names the seed, does not count."""
    made = [question.question.split("\n", 2)[2] for question in questions(kind)]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_bytes(kind: str) -> None:
    one, two = quiz(kind, 5), toyvm.quiz(kind, seed=5)
    assert (one.question, one.solution, one.data) == (two.question, two.solution, two.data)
    assert sheet([one], solutions=True) == sheet([two], solutions=True)
    others = [quiz(kind, 5, 1), *(quiz(kind, 5, level=level) for level in LEVELS if level != 2)]
    assert len({question.question for question in (one, *others)}) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_sheets_fit(kind: str) -> None:
    """Text in 100 columns; a page without anything from elsewhere, its solution folded or left out."""
    question = quiz(kind, 8, level=3)
    assert max(map(len, (question.question + question.solution).splitlines())) <= 100
    page = sheet([question], solutions=True)
    assert page.count("<details>") == 1 and "http" not in page and "<script" not in page
    assert "<details>" not in sheet([question], solutions=False)
    assert "Solution: " in solution_sheet([question])


def test_code_on_a_page() -> None:
    """Names and addresses are code; a comment and its line end can go below the statement."""
    given = (
        Paragraph("Store to `a<b` at 0x1f."),
        Listing("a: nop    # <x>\n   ret\n"),
        table("address, note", [("0x2", "-")]),
    )
    question = Question("cow", 1, 0, 1, "T", given, (Part("At 0x3?", answer("At 0x4, -A-U--RV.")),), {})
    page = sheet([question, question], solutions=True)
    for part in (
        "<p>Store to <code>a&lt;b</code> at <code>0x1f</code>.</p>",
        "<pre>a: nop<span class=gap>    </span><span class=note># &lt;x&gt;\n</span>   ret\n</pre>",
        "<td><code>0x2</code></td><td class=n>-</td>",
        "At <code>0x3</code>?",
        "At <code>0x4</code>, <code>-A-U--RV</code>.",
    ):
        assert page.count(part) == 2, part
    assert page.count("<section class=sheet>") == page.count("</section>") == 2
    assert "color-scheme:light dark" in page and "`" not in page


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(UsageError, match="'paging' is not a kind of question: expected one of translation, "):
        quiz("paging")
    with pytest.raises(UsageError, match="level 4"):
        quiz("faults", level=4)


SECRET = "correct horse battery"


def test_a_secret_question_does_not_follow_from_its_seed() -> None:
    """Neither text nor page names the seed; the secret, the number and the seed each make another question."""
    made = [quiz("replacement", 987, secret=SECRET + end) for end in ("", "!")]
    made += [quiz("replacement", 987), quiz("replacement", 988, secret=SECRET)]
    made += [quiz("replacement", 987, 1, secret=SECRET)]
    assert len({str(question.data) for question in made}) == len(made)
    one = made[0]
    assert one == toyvm.quiz("replacement", seed=987, secret=SECRET)
    shown = one.question + one.solution + sheet([one], solutions=True) + solution_sheet([one])
    assert "seed" not in shown and "987" not in shown and SECRET not in shown
    assert one.question.startswith("Page replacement\n================\n")
    assert made[-1].question.startswith("Page replacement (question 2)\n")


def test_a_secret_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\r\n")
    printed = []
    for given in (["--secret-file", str(file)], ["--secret", SECRET]):
        assert main(["quiz", "replacement", "--level", "1", *given]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == quiz("replacement", level=1, secret=SECRET).question
    file.write_text("\n")
    for given, message in (
        (["--secret-file", str(file)], "secret: the secret is empty"),
        (["--secret", "12345678901"], "expected 12 characters or more"),
        (["--secret-file", str(tmp_path / "none")], "No such file"),
    ):
        assert main(["quiz", "replacement", *given]) != 0
        assert message in capsys.readouterr().err
