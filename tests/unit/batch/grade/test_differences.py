"""Where two texts differ, as a student reads it."""

from __future__ import annotations

import pytest

from toyvm.batch.grade.differences import difference, missing, sample


@pytest.mark.parametrize(
    ("expected", "got", "lines"),
    [
        ("a\nbcd\n", "a\nbxd\n", ["line 2 differs", "         1 | a", "  expected | bcd", "       got | bxd", "           |  ^"]),
        ("a\nb\n", "", ["nothing came, 2 lines are expected", "  expected | a", "           | b"]),
        ("a\nb\nc\n", "a\n", ["it ends after line 1; 2 lines are missing", "         1 | a", "  expected | b", "           | c"]),
        ("a\n", "a\nb\n", ["it goes on after line 1; 1 line is too much", "         1 | a", "       got | b"]),
        ("a\n", "a", ["line 1 differs", "  expected | a", "       got | a  (no line break)"]),
        ("a\tb\n", "a b\n", ["line 1 differs", "  expected | a\\tb", "       got | a b", "           |  ^"]),
        ("", "x", ["nothing is expected, 1 line came", "       got | x"]),
        ("", "x\n" * 9, ["nothing is expected, 9 lines came", "       got | x", *["           | x"] * 5,
                        "           | ... and 3 more lines"]),
        ("a\n", "a \n", ["line 1 differs", "  expected | a", "       got | a\\x20", "           |  ^"]),
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
    assert max(map(len, sample("x" * 100_000))) < 130


def test_a_text_that_is_missing_is_compared_with_what_is_closest() -> None:
    head, want, have, mark = missing("x" * 500 + "B", "y\n" + "x" * 500 + "A\n")
    assert head == "the expected text is not in it; the closest is in line 2"
    assert want.endswith("xB") and have.endswith("xA") and len(have) < 120
    assert have[mark.index("^")] == "A"
    assert missing("some lines\nof text", "some lines\nof test\n")[0].startswith(
        "line 2 of the expected text"
    )
    assert missing("z" * 500, "abc\n")[1:] == ["got:", "         1 | abc"]
    assert len(missing("z" * 500, "abc\n")[0]) < 140
