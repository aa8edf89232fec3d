"""Where two texts differ, as a student reads it."""

from __future__ import annotations

import pytest

from toyvm.batch.grade.differences import difference, sample


@pytest.mark.parametrize(
    ("expected", "got", "lines"),
    [
        ("a\nbcd\n", "a\nbxd\n", ["line 2 differs", "         1 | a", "  expected | bcd", "       got | bxd", "           |  ^"]),
        ("a\n", "", ["nothing came", "  expected | a"]),
        ("a\nb\nc\n", "a\n", ["it ends after line 1; 2 lines are missing", "         1 | a", "  expected | b"]),
        ("a\n", "a\nb\n", ["it goes on after line 1; 1 line is too much", "         1 | a", "       got | b"]),
        ("a\n", "a", ["line 1 differs", "  expected | a", "       got | a  (no line break)"]),
        ("a\tb\n", "a b\n", ["line 1 differs", "  expected | a\\tb", "       got | a b", "           |  ^"]),
        ("", "x", ["it goes on after line 0; 1 line is too much", "       got | x"]),
    ],
)  # fmt: skip
def test_the_first_difference(expected: str, got: str, lines: list[str]) -> None:
    assert difference(expected, got) == lines


def test_a_long_line_is_shown_around_its_difference() -> None:
    first, want, have, mark = difference("x" * 500 + "a\n", "x" * 500 + "b\n")
    assert first == "line 1 differs"
    assert want.endswith("xa") and have.endswith("xb") and len(have) < 120
    assert have[mark.index("^")] == "b"


def test_escapes_before_a_difference_move_its_mark() -> None:
    *_, have, mark = difference("\x1b[1ma", "\x1b[1mb")
    assert have[mark.index("^")] == "b"


def test_a_sample_is_bounded() -> None:
    shown = sample("".join(f"{n}\n" for n in range(100)))
    assert len(shown) == 9 and shown[-1].endswith("and 92 more lines")
    assert sample("") == ["  nothing came"]
    assert max(map(len, sample("x" * 100_000))) < 120
