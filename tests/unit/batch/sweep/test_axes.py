"""Values of axes from text, and which options of a run are axes."""

from __future__ import annotations

import pytest

from toyvm.base.errors import UsageError
from toyvm.batch.sweep.axes import ROWS, axis, flag_of, shown
from toyvm.run_options import RunOptions


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("memory", "64K,1M", (65536, 1 << 20)),
        ("memory", "64K..512K*2", (65536, 131072, 262144, 524288)),
        ("memory", "64K..200K:64K", (65536, 131072, 196608)),
        ("seed", "1..4,9", (1, 2, 3, 4, 9)),
        ("readahead", "1..9*3,0", (1, 3, 9, 0)),
        ("quantum", "1..4*1.5", (1, 2, 3, 4)),
        ("reclaim", "lru,clock", ("lru", "clock")),
        ("overcommit", "0,2", (0, 2)),
        ("caching", "on,off", (True, False)),
        ("linkage", "static,dynamic,static", ("static", "dynamic")),
        ("memory", [65536, "128K"], (65536, 131072)),
        ("no_mmu", False, (False,)),
    ],
)
def test_values(name: str, text: object, values: tuple[object, ...]) -> None:
    assert axis(name, text).values == values


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("memory", "64K..", "'64K..' is not a range"),
        ("memory", "1M..64K", "has no end"),
        ("memory", "64K..1M*1", "has no end"),
        ("seed", "0..20000", "more than 10,000 values"),
        ("memory", "12", "--memory: expected a number of bytes, 4096 or more, not 12"),
        ("memory", "much", "--memory: expected a number of bytes, 4096 or more, not 'much'"),
        ("reclaim", "clock..lru", "'clock..lru' is a range, and the values are no numbers"),
        ("reclaim", "best", "--reclaim: expected one of clock, "),
        ("readahead", 1000, "--readahead: expected 0 to 512 pages"),
        ("linkage", "half", "--linkage: expected static or dynamic"),
        ("memmory", "1M", "'memmory' is not an option that a sweep can vary. did you mean"),
        ("root", "/", "'root' is not an option that a sweep can vary"),
        ("seed", [], "--seed: no values"),
    ],
)
def test_what_is_wrong_is_told(name: str, text: object, words: str) -> None:
    with pytest.raises(UsageError) as problem:
        axis(name, text)
    assert words in str(problem.value)


def test_each_number_choice_and_switch_of_a_run_is_an_axis() -> None:
    left = {name for name in RunOptions.rows if name not in ROWS}
    shows = {"breakpoint", "break_count", "trace", "trace_file", "trace_range", "views", "watch"}
    assert left == shows | {"date", "env", "root", "sysroot"}
    assert len({flag_of(row) for row in ROWS.values()}) == len(ROWS)


def test_values_are_shown_as_they_are_given() -> None:
    assert [shown("memory", 65536), shown("caching", True), shown("seed", 5)] == ["64K", "on", "5"]
