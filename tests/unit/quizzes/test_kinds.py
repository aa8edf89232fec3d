"""What all kinds of questions have in common: the same seed, the same bytes; another seed, another question."""

from __future__ import annotations

import pytest

import toyvm
from tests.support.quiz_seeds import questions
from toyvm.base.errors import UsageError
from toyvm.quizzes.html_sheet import sheet, solution_sheet
from toyvm.quizzes.kinds import KINDS, LEVELS, quiz


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


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(UsageError, match="'paging' is not a kind of question: expected one of translation, "):
        quiz("paging")
    with pytest.raises(UsageError, match="level 4"):
        quiz("faults", level=4)
