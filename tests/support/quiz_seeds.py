"""Which questions the tests make of each kind: a few, or `TOYVM_QUIZ_SEEDS=1000` of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

from toyvm.quizzes.kinds import LEVELS, quiz
from toyvm.quizzes.question import Paragraph, Part, Question, Table

SEEDS = int(os.environ.get("TOYVM_QUIZ_SEEDS", "15"))


def questions(kind: str) -> Iterator[Question]:
    """A question of each seed, the levels in turn."""
    return (quiz(kind, seed, level=LEVELS[seed % len(LEVELS)]) for seed in range(SEEDS))


def sentence(part: Part) -> str:
    """The answer of a part that is one sentence."""
    (block,) = part.answer
    assert isinstance(block, Paragraph)
    return block.text


def rows(part: Part) -> tuple[tuple[str, ...], ...]:
    """The rows of the answer of a part that is one table."""
    (block,) = part.answer
    assert isinstance(block, Table)
    return block.rows
