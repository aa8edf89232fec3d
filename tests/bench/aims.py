"""What is aimed at, beside the figures of before and of now: a table that is made from the figures of the groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.real_programs import PROGRAMS
from tests.bench.tables import Column, Row, Table

TABLE = Table(
    "aims",
    (
        Column("what", "measure"),
        Column("before", "before"),
        Column("now", "now"),
        Column("aim", "aim"),
        Column("met", "met"),
    ),
)
Figures = dict[str, Any]  # the groups of a report


@dataclass(frozen=True)
class Aim:
    """A measure with its largest permitted figure; `now` takes today's from the groups, None if it was not taken."""

    what: str
    before: str
    now: Callable[[Figures], float | None]
    aim: float

    def row(self, groups: Figures) -> Row:
        """The row of the table."""
        now = self.now(groups)
        met = None if now is None else "yes" if now <= self.aim else "no"
        return {"what": self.what, "before": self.before, "now": now, "aim": self.aim, "met": met}


def _cell(group: str, what: str, key: str = "warm/qemu") -> Callable[[Figures], float | None]:
    """The figure `key` of the row `what`."""

    def now(groups: Figures) -> float | None:
        rows = groups.get(group, {}).get("rows", [])
        return next((row.get(key) for row in rows if row["what"] == what), None)

    return now


def _largest(group: str) -> Callable[[Figures], float | None]:
    """The largest ratio to qemu of a group's programs."""

    def now(groups: Figures) -> float | None:
        rows = groups.get(group, {}).get("rows", [])
        return max((row["warm/qemu"] for row in rows if row.get("warm") is not None), default=None)

    return now


_TIMES = dict(zip(PROGRAMS, (4, 6, 7, 9, 11, 12, 15, 20), strict=True))  # real programs before, warm
AIMS = (
    Aim("real programs, warm, geometric mean", "9.4", _cell("programs", "geometric mean"), 2.0),
    *(Aim(f"{name}, warm", str(times), _cell("programs", name), 5) for name, times in _TIMES.items()),
    Aim(
        "real programs, empty cache, geometric mean",
        "-",
        _cell("programs", "geometric mean", "first/qemu"),
        3.0,
    ),
    Aim("CPython's `print(1)`, warm", "11.8", _cell("cpython", "print(1)"), 3),
    Aim("CPython's `print(1)`, empty cache", "-", _cell("cpython", "print(1)", "first/qemu"), 5),
    Aim("5,000 functions called 100 times, warm", "20.3", _cell("wide", "wide"), 3),
    Aim("5,000 functions called 100 times, cold", "20.3", _cell("wide", "wide", "cold/qemu"), 3),
    Aim(
        "static hello of glibc, times `python3 -c pass`",
        "4.3",
        _cell("start", "hello, static, glibc", "warm/python"),
        2.5,
    ),
    Aim("linked list", "1.1 to 1.2", _cell("pointers", "list"), 0.7),
    Aim("binary tree", "1.1 to 1.2", _cell("pointers", "tree"), 0.7),
    Aim("hash table's chains", "1.1 to 1.2", _cell("pointers", "chains"), 0.7),
    Aim("quicksort", "0.89", _cell("compute", "quicksort"), 0.7),
    Aim("CRC", "0.97", _cell("compute", "crc"), 0.7),
    Aim("product of 128 x 128", "0.83", _cell("product", "product128"), 0.7),
    Aim("compute programs, geometric mean", "0.51", _cell("compute", "geometric mean"), 0.4),
    Aim("compute programs, largest", "-", _largest("compute"), 0.75),
    Aim("fork of 16 MiB, 64 pages written", "0.36 to 0.46", _cell("calls", "forks"), 0.2),
    Aim("map, touch, unmap 64 KiB", "8.2", _cell("calls", "map_storm"), 2),
    Aim("minor file fault, µs", "6.9", _cell("faults", "minor file fault", "toyvm"), 1),
    Aim("200,000 lines, one write each", "18", _cell("calls", "lines"), 4),
    Aim("a byte through two pipes and back", "39 to 48", _cell("calls", "pipe_trips"), 5),
    Aim("turns of two threads", "38 to 49", _cell("calls", "handovers"), 5),
)


def lines(groups: Figures) -> Iterator[str]:
    """The table as Markdown."""
    return TABLE.markdown([aim.row(groups) for aim in AIMS])
