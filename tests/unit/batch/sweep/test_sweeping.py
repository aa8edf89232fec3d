"""Sweeps of a small program: rows in order, failures as rows, the same bytes, and what is written from them."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import pytest

import toyvm
from toyvm.base.errors import UsageError
from toyvm.batch.sweep.page import page
from toyvm.batch.sweep.table import Sweep
from toyvm.cli import main

# Writes to as many pages as it has arguments, times 8, and exits; without arguments it writes to address 0.
PAGES = """
        .globl  _start
_start: ld      t0, 0(sp)
        addi    t0, t0, -1
        beqz    t0, crash
        slli    t0, t0, 3
        la      t1, space
        li      t2, 4096
again:  sd      t0, 0(t1)
        add     t1, t1, t2
        addi    t0, t0, -1
        bnez    t0, again
        li      a0, 3
        li      a7, 93
        ecall
crash:  sd      zero, 0(zero)
        .bss
        .balign 4096
space:  .space  64 * 4096
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "pages.s"
    path.write_text(PAGES)
    return path


@pytest.fixture(scope="module")
def result(program: Path) -> Sweep:
    return toyvm.sweep(
        program,
        args=["a", "b"],
        memory=[1 << 20, 5000, "2M"],
        reclaim="clock,lru",
        max_instructions=[5, 10_000],
        workers=1,
    )


def test_there_is_a_row_for_each_combination_in_order(result: Sweep) -> None:
    assert result.axes == ("program", "memory", "reclaim", "max_instructions")
    assert result.columns[:8] == (
        "program",
        "linkage",
        "memory",
        "reclaim",
        "max_instructions",
        "ending",
        "status",
        "reason",
    )
    cells = [
        (row["memory"], row["reclaim"], row["ending"], row["status"], row["faults_demand_zero"])
        for row in result.rows
    ]
    expected = []
    for memory in (1 << 20, 5000, 2 << 20):
        for policy in ("clock", "lru"):
            if memory == 5000:
                expected += [(memory, policy, "refused", None, None)] * 2
                continue
            expected += [
                (memory, policy, "stopped", 124, 1),
                (memory, policy, "exit", 3, 17),
            ]  # the stack, and 16 pages
    assert cells == expected
    assert "multiple of 4096" in result.rows[4]["reason"] and "5 instructions" in result.rows[0]["reason"]
    assert all({*row} == {*result.columns} for row in result.rows)


def test_tables(result: Sweep, tmp_path: Path) -> None:
    from pyarrow import parquet

    lines = result.csv().splitlines()
    assert lines[0] == ",".join(result.columns) and len(lines) == 13
    assert lines[2].startswith("pages.s,static,1048576,clock,10000,exit,3,,")
    result.write_parquet(tmp_path / "runs.parquet")
    assert parquet.read_table(tmp_path / "runs.parquet").to_pylist() == result.rows


def test_some_columns(result: Sweep) -> None:
    few = result.only(["faults", "memory"])
    assert few.columns == (*result.axes, "faults") and [row["faults"] for row in few.rows] == [
        row["faults"] for row in result.rows
    ]
    with pytest.raises(UsageError, match=r"no column 'fault'\. did you mean 'faults'"):
        result.only(["fault"])


def test_charts(result: Sweep) -> None:
    chart = result.plot("x=memory,y=faults,by=reclaim")
    assert [
        text
        for text in re.findall(r"<text[^>]*>([^<]*)</text>", chart)
        if text in ("1M", "2M", "clock", "lru")
    ] == [
        "1M",
        "2M",
        "clock",
        "lru",
    ]
    named = result.plot("x=reclaim,y=faults")
    assert ">clock</text>" in named and '<path class="line" stroke="#0072b2" d="M9' not in named
    for text, words in (
        ("x=memory", "x and y are both needed"),
        ("x=memory,z=faults", "expected x=COLUMN,y=COLUMN"),
        ("x=memory,y=fault", "no column 'fault'. did you mean"),
        ("x=memory,y=linkage", "linkage is no number"),
    ):
        with pytest.raises(UsageError, match=re.escape(words)):
            result.plot(text)


def test_the_page_holds_everything(result: Sweep) -> None:
    text = page(result, [result.plot("x=memory,y=faults")], "toyvm sweep <x>")
    assert "toyvm sweep &lt;x&gt;" in text and "8 of 12 runs did not exit by themselves." in text
    (chart,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', text)
    picture = base64.b64decode(chart)
    assert picture.startswith(b"<svg ") and b"prefers-color-scheme: dark" in picture
    assert "http" not in text.replace(chart, "") and "<script" not in text


def test_the_tables_of_the_page_have_no_column_twice_and_no_empty_row(result: Sweep) -> None:
    """A program that is the same everywhere is no column; reasons are in the table of failures alone."""
    failed, runs, same = page(result, [], "").split("<h2>")[1:]
    heads = [re.findall(r"<th[^>]*>(.*?)</th>", part) for part in (failed, runs, same)]
    assert heads[0] == ["memory", "reclaim", "max_instructions", "ending", "status", "reason"]
    assert heads[1][:5] == ["memory", "reclaim", "max_instructions", "ending", "status"]
    assert "faults" in heads[1] and "reason" not in heads[1]
    assert heads[2] == ["column", "value"]
    assert not any(len(set(head)) < len(head) for head in heads)
    assert "<tr><td>program</td><td>pages.s</td></tr>" in same and "<td></td>" not in same
    exited = Sweep(result.axes, result.columns, [row for row in result.rows if row["ending"] == "exit"])
    text = page(exited, [], "")
    assert "4 runs; all exited by themselves." in text and "<td>status</td><td>3</td>" in text
    assert "<td>0</td>" not in text.split("<h2>The same")[1]
    assert re.search(r"<p class=zero>0 in all runs: .*\bfaults_segv\b.*</p>", text)


def test_the_command(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signals are rows; a store makes a second sweep do nothing; the bytes are the same; a program has its arguments."""
    store = tmp_path / "kept"
    command = [
        "sweep",
        "--seed",
        "1..2",
        "--readahead",
        "0,8",
        "--workers",
        "1",
        "--store",
        str(store),
        str(program),
    ]
    assert main(command) == 0
    first = capsys.readouterr()
    rows = [line.split(",") for line in first.out.splitlines()]
    assert [row[2:6] for row in rows[1:]] == [[s, r, "SIGSEGV", "139"] for s in "12" for r in "08"]
    assert first.err == "toyvm sweep: 4 of 4 runs did not exit by themselves\n"
    before = store.read_bytes()
    assert main([*command, "--json"]) == 0 and '"schema": "toyvm.sweep/1"' in capsys.readouterr().out
    assert main(command) == 0 and capsys.readouterr().out == first.out
    assert store.read_bytes() == before
    svg = tmp_path / "a.svg"
    assert (
        main(
            [
                "sweep",
                str(program),
                "--plot",
                "x=status,y=faults",
                "--svg",
                str(svg),
                "--workers",
                "1",
                "--",
                "a",
            ]
        )
        == 0
    )
    assert svg.read_text().startswith("<svg ") and capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.s"], "nothing.s: No such file or directory"),
        (["PROGRAM", "--memory", "1"], "--memory: expected"),
        (
            ["PROGRAM", "--seed", "1..500", "--quantum", "1..500"],
            "250,000 runs are more than a sweep may have (200,000)",
        ),
        (["PROGRAM", "--seed", "1", "--seed", "2"], "an option is given twice"),
        (["PROGRAM", "--columns", "faluts"], "no column 'faluts'. did you mean 'faults'?"),
        (
            ["PROGRAM", "--plot", "x=memory,y=faults"],
            "no column 'memory': the sweep gives it no values; add --memory",
        ),
        (["PROGRAM", "--svg", "x.svg"], "--svg: there is no --plot for it"),
    ],
)
def test_mistakes(words: list[str], message: str, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", *(str(program) if word == "PROGRAM" else word for word in words)]) != 0
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["sweep", "--memroy", "1M", "x.s"], ["quiz", "cow", "--sede=7"]])
def test_a_mistyped_option_gets_a_suggestion(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert capsys.readouterr().err.endswith(("; did you mean '--memory'?\n", "; did you mean '--seed'?\n"))


def test_how_many_runs_failed(result: Sweep) -> None:
    few = [
        Sweep(result.axes, result.columns, rows).failures_text()
        for rows in (result.rows[:1], result.rows[:2])
    ]
    assert few == ["1 of 1 run did not exit by itself", "1 of 2 runs did not exit by itself"]


def test_an_image_has_no_linkage_and_a_static_program_one(program: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(toyvm.link([program]).image)
    alone = tmp_path / "alone.s"
    alone.write_text("# toyvm: linkage: static\n# toyvm: args: x\n" + PAGES)
    done = toyvm.sweep([image, alone], linkage="static,dynamic", workers=1)
    assert [(row["program"], row["linkage"], row["ending"]) for row in done.rows] == [
        ("image", None, "SIGSEGV"),
        ("alone.s", "static", "exit"),
    ]


def test_without_pyarrow_a_sentence_says_what_to_install(
    result: Sweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'toyvm[parquet]'")):
        result.write_parquet(tmp_path / "x")
