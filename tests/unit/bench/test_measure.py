"""The benchmarks' clock and tables: what a figure means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.measure import Command, cpu_seconds, interleaved
from tests.bench.tables import Column, Row, Table

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def test_the_time_of_children_that_were_waited_for_counts() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}], check=True)"
    assert cpu_seconds([sys.executable, "-c", parent]) >= 0.3


def test_waiting_does_not_count() -> None:
    assert cpu_seconds(["sleep", "0.3"]) < 0.2


def test_a_command_that_fails_ends_the_benchmark() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        cpu_seconds(["false"])


def test_commands_take_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def told(word: str) -> Command:
        return Command(["sh", "-c", f'echo "$WORD" >> {log}'], {"WORD": word})

    interleaved({"a": told("a"), "b": told("b")}, runs=2)
    assert log.read_text().split() == ["a", "b"] * 3  # once to warm up


def test_preparation_comes_before_each_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    command = Command(["test", "-e", str(file)], prepare=file.touch)
    interleaved({"x": command}, runs=1, warm_up=False)
    file.unlink()
    interleaved({"x": command}, runs=1, warm_up=False)


def test_tables_write_numbers_words_and_gaps() -> None:
    table = Table("t", (Column("what", "program"), Column("x", "ratio"), Column("n", "count", ",d")))
    rows: list[Row] = [{"what": "a", "x": 0.5, "n": 1234567}, {"what": "b", "x": "-", "n": None}]
    assert list(table.markdown(rows)) == [
        "| program | ratio | count |",
        "|---|---:|---:|",
        "| a | 0.50 | 1,234,567 |",
        "| b | - | - |",
    ]
