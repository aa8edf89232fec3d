"""docs/reference/makers.md says what our assembler does today."""

from __future__ import annotations

import pytest

from tests.suites import makers


def said() -> dict[str, str]:
    """What the page says of `toyvm`, by row."""
    found = {}
    for part in makers.PAGE.read_text().split("\n**")[1:]:
        what = part.partition("**")[0]
        items = " ".join(part.partition("**")[2].split()).split(" - ")
        (answer,) = [item.partition("toyvm: ")[2] for item in items if "toyvm: " in item]
        found[what] = answer.strip("`")
    return found


@pytest.mark.usefixtures("capsys")
def test_the_page_is_of_this_assembler() -> None:
    answers = makers.column(makers.ours)
    assert said() == {row.what: answer for row, answer in zip(makers.ROWS, answers, strict=True)}
