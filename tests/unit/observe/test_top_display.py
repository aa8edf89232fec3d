"""Looking at a running machine: the looks are true, and change nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.harness import ASM, OPTIONS, ROOT, Case, check_case, run_case, toyvm
from toyvm.base.record import replace
from toyvm.machine.physical_memory import PAGE_SIZE
from toyvm.observe.top_display import MAX_ROWS, ProcessLine, Snapshot, TopWatcher, shown, size_text, text


@pytest.mark.parametrize("engine", ["reference", "llvm"])
@pytest.mark.parametrize(
    ("name", "every"), [("cow", 97), ("pipeline", 1009), ("hello", 1), ("sleep_sort", 211)]
)
def test_looking_changes_nothing(name: str, every: int, engine: str) -> None:
    case = Case(ASM / f"{name}.s", "static")
    seen: list[Snapshot] = []
    plain = run_case(case, replace(OPTIONS, engine=engine))
    watched = run_case(case, watchers=[TopWatcher(seen.append, every, engine)])
    check_case(case, watched)
    assert watched.to_json() == plain.to_json()
    assert [found.instructions for found in seen[:-1]] == [every * n for n in range(1, len(seen))]
    for found in seen:
        assert sum(line.instructions for line in found.processes) <= found.instructions
        assert sum(line.pss for line in found.processes) == pytest.approx(
            found.mapped * PAGE_SIZE, abs=len(found.processes)
        )
        assert sum(found.parts.values()) == found.used <= found.total
        assert all(line.pss <= line.rss <= line.size for line in found.processes)
    if len(plain.stats.processes) == 1:
        assert all(found.processes[0].instructions == found.instructions for found in seen)


def process(pid: int, share: float = 0.0) -> ProcessLine:
    return ProcessLine(pid, "R", 1 << 20, 1 << 19, 1 << 18, 0, 5, 1, 2, 12345, share, "p")


@given(
    counts=st.lists(st.integers(0, 1000), min_size=5, max_size=5),
    free=st.integers(0, 1_000_000),
    width=st.integers(8, 200),
)
def test_bar_is_as_wide_as_asked(counts: list[int], free: int, width: int) -> None:
    total = max(sum(counts) + free, 1)
    found = Snapshot(0, 0, *counts[:4], sum(counts), total, 0, 0, ())
    cells = dict(found.bar(width))
    assert sum(cells.values()) == width
    for name, count in zip(("mapped", "tables", "cached", "swap cache", "other"), counts, strict=True):
        assert (cells[name] > 0) == (count > 0)


def test_the_busiest_are_shown_first() -> None:
    found = Snapshot(
        1, 1, 0, 0, 0, 0, 0, 10, 0, 0, tuple(process(100 + n, n / 100) for n in range(MAX_ROWS + 3))
    )
    lines, left_out = shown(found)
    assert [line.pid for line in lines] == [100 + MAX_ROWS + 2 - n for n in range(MAX_ROWS)]
    assert left_out == 3
    assert "... and 3 more" in text(found)


@pytest.mark.parametrize(("size", "said"), [(0, "0K"), (4096, "4K"), (10 << 20, "10M"), (9 << 20, "9,216K")])
def test_sizes(size: int, said: str) -> None:
    assert size_text(size) == said


# --- the command ---


def test_batch() -> None:
    done = toyvm("top", "--memory", "64M", "--every", "1000", "--batch", ASM / "cow.s")
    plain = toyvm("run", ASM / "cow.s")
    assert (done.stdout, done.returncode) == (plain.stdout, plain.returncode)
    tables = done.stderr.decode().split("\n\n")
    assert len(tables) > 3
    assert re.match(
        r"0\.000 s, 1,000 instructions, 2 processes, \d+ of 16,383 frames in use\n\[#+t", tables[0]
    )
    assert re.search(r"^100 +R .* cow\n101 +R .* cow$|^101 +R .* cow\n100 +\w .* cow$", tables[0], re.M)


def test_json_lines() -> None:
    done = toyvm("top", "--json", "--every", "1000", ASM / "cow.s")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [moment["instructions"] for moment in told[:3]] == [1000, 2000, 3000]
    assert {moment["schema"] for moment in told} == {"toyvm.top/1"}
    assert told[-1]["processes"][0]["command"] == "cow"


def test_terminal() -> None:
    """On a terminal the picture is live, and the program's output follows it."""
    main, terminal = pty.openpty()
    try:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
        done = subprocess.run(
            [sys.executable, "-m", "toyvm", "top", str(ASM / "cow.s")],
            env=environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal, timeout=120,
        )  # fmt: skip
        os.close(terminal)
        said = b""
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # nobody holds the other end any more
                break
            if not piece:
                break
            said += piece
    finally:
        os.close(main)
    assert done.returncode == 0
    plain = toyvm("run", ASM / "cow.s").stdout.replace(b"\n", b"\r\n")
    assert said.endswith(plain)
    assert "COMMAND" in said.decode()
    assert "■" in said.decode()


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([], 2, "usage: toyvm top"),
        (["--every", "0", "x"], 2, "argument --every: expected a number of instructions, 1 or more, not '0'"),
        (["--trace=insn", "x"], 2, "`toyvm top` cannot trace instructions"),
        (["nothing"], 127, "nothing: No such file"),
    ],
)
def test_command_errors(args: list[str], status: int, words: str) -> None:
    done = toyvm("top", *args)
    assert done.returncode == status
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr
