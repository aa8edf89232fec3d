"""The timeline of `--trace-out` is what Perfetto reads: the schema, nesting slices, arrows that are bound."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import ASM
from toyvm.cli import main

Row = dict[str, Any]
REQUIRED = {
    "M": {"name", "pid", "args"},
    "X": {"name", "cat", "pid", "tid", "ts", "dur", "args"},
    "i": {"name", "pid", "tid", "ts", "s"},
    "C": {"name", "pid", "ts", "args"},
    "s": {"name", "cat", "id", "pid", "tid", "ts"},
    "f": {"name", "cat", "id", "pid", "tid", "ts", "bp"},
}


def timeline(sample: str, tmp_path: Path, *options: str) -> list[Row]:
    path = tmp_path / "run.json"
    main(["run", "--trace-out", str(path), *options, str(ASM / f"{sample}.s")])
    data = json.loads(path.read_text())
    assert data["displayTimeUnit"] == "ns"
    rows: list[Row] = data["traceEvents"]
    return rows


def ns(row: Row) -> tuple[int, int]:
    """Begin and end of a slice in nanoseconds."""
    return round(row["ts"] * 1000), round((row["ts"] + row["dur"]) * 1000)


@pytest.mark.parametrize(
    ("sample", "options"),
    [("cow", ()), ("shm_talk", ("--dynamic",)), ("threads", ()), ("pipeline", ()), ("exec", ())],
)
def test_slices_nest_and_rows_are_complete(sample: str, options: tuple[str, ...], tmp_path: Path) -> None:
    rows = timeline(sample, tmp_path, *options)
    for row in rows:
        assert REQUIRED[row["ph"]] <= row.keys(), row
    tracks: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row in rows:
        if row["ph"] == "X":
            tracks.setdefault((row["pid"], row["tid"]), []).append(ns(row))
    for slices in tracks.values():
        open_ends: list[int] = []
        for begun, ended in slices:  # in the order of the file, as Perfetto takes them
            while open_ends and open_ends[-1] <= begun:
                open_ends.pop()
            assert not open_ends or ended <= open_ends[-1]
            open_ends.append(ended)
    times = [row["ts"] for row in rows if "ts" in row]
    assert times == sorted(times)
    named = {(row["pid"], row["tid"]) for row in rows if row["name"] == "thread_name"}
    assert tracks.keys() <= named


def test_the_hart_has_one_thread_at_a_time(tmp_path: Path) -> None:
    rows = timeline("shm_talk", tmp_path)
    slices = [(ns(row), row["args"]["tid"]) for row in rows if row["ph"] == "X" and row["cat"] == "hart"]
    assert {tid for _, tid in slices} == {100, 101}
    assert all(before[1] <= after[0] for (before, _), (after, _) in itertools.pairwise(slices))


def test_each_arrow_goes_from_a_fork_to_a_copy(tmp_path: Path) -> None:
    rows = timeline("cow", tmp_path)
    slices = [row for row in rows if row["ph"] == "X"]
    begins = {row["id"]: row for row in rows if row["ph"] == "s"}
    ends = {row["id"]: row for row in rows if row["ph"] == "f"}
    copies = [row for row in slices if row["cat"] == "copy"]
    assert begins.keys() == ends.keys() and begins

    def around(row: Row) -> list[Row]:
        at = round(row["ts"] * 1000)
        mine = [s for s in slices if (s["pid"], s["tid"]) == (row["pid"], row["tid"])]
        return [s for s in mine if ns(s)[0] <= at < ns(s)[1]]

    for number, begin in begins.items():
        assert any(s["name"] == "clone" for s in around(begin))
        assert any(s in copies for s in around(ends[number]))
        assert begin["ts"] <= ends[number]["ts"]


def test_faults_and_calls_are_those_of_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = timeline("cow", tmp_path, "--trace=faults,syscalls")
    # A long event has lines of its own, which are indented.
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("[")]
    kinds = [row.get("cat") for row in rows if row["ph"] == "X"]
    assert kinds.count("fault") + kinds.count("copy") == sum("page fault:" in line for line in lines)
    assert kinds.count("syscall") == sum("page fault:" not in line for line in lines)
