"""The comparison of two checkouts: what it is asked to do, and the row that it prints for a piece of work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.against import Job, compare, jobs, parse
from tests.support.harness import ROOT


def test_all_work_is_done_unless_some_is_named() -> None:
    tree, work, runs = parse([str(ROOT)])
    assert (tree, list(work), runs) == (ROOT, list(jobs(20)), 5)
    assert list(parse([str(ROOT), "--only", "ld large,hello static"])[1]) == ["ld large", "hello static"]
    for name in jobs(20):
        assert list(parse([str(ROOT), "--only", name])[1]) == [name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([str(ROOT / "docs")], "no checkout of toyvm"),
        ([str(ROOT), "--runs", "0"], "--runs: at least one"),
        ([str(ROOT), "--only", "hello static,frobs"], "no work named frobs; there are "),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_each_tree_runs_the_work_and_gets_a_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the other tree is a package whose every command takes at least 0.2 s."""
    package = tmp_path / "toyvm"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import pathlib, sys, time\n"
        "pathlib.Path(sys.argv[-1]).open('a').write('ran ')\n"
        "while time.process_time() < 0.2: pass\n"
    )
    log = tmp_path / "log"
    [ratio] = compare(tmp_path, {"version": Job(lambda _: ["--version", str(log)], runs=2)}, 1)
    assert log.read_text() == "ran " * 4  # to fill the cache, to warm up, and twice to measure
    row = re.search(r"^version +(\S+) +(\S+) +(\S+)$", capsys.readouterr().out, re.M)
    assert row is not None
    other, here, shown = map(float, row.groups())
    assert other >= 0.2 and shown == pytest.approx(ratio, abs=0.001)
    assert here / other == pytest.approx(ratio, abs=0.02)
