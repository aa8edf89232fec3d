"""The targets of `make fuzz`: inputs that the tree keeps, and a few new ones in every run of the tests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.guided.targets import CORPORA, TARGETS
from tests.support.harness import ROOT


def test_every_corpus_is_small_and_of_a_target() -> None:
    folders = sorted(CORPORA.glob("*"))
    assert {folder.name for folder in folders} <= set(TARGETS)
    for folder in folders:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 32 << 10


@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str, tmp_path: Path) -> None:
    """Seeds, the corpus, and changed inputs, the same ones every time."""
    target = TARGETS[name]
    kept = [*target.seeds(), *target.corpus()]
    assert kept
    dice = Random(name)
    with contextlib.chdir(tmp_path):
        for data in kept:
            target.run(data)
        for number in range(target.tried):
            data = dice.choice(kept)
            for _ in range(1 + number % 3):
                data = target.mutate(data, dice)
            target.run(data[: target.longest])
    assert not list(tmp_path.iterdir())


def test_the_worker_counts_inputs_and_finds_faults(tmp_path: Path) -> None:
    """Without atheris, which the tests do not need. A target that raises for some inputs is put in the place of one."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import sys\n"
        "from dataclasses import replace\n"
        "from tests.fuzz.guided import targets, worker\n"
        "def run(data):\n"
        "    if b'x' in data: open('/nonexistent/x', 'wb') if b'xx' in data else {}[data]\n"
        "good = targets.TARGETS['directives']\n"
        "odd = replace(good, run=run, seeds=lambda: [b'a'], mutate=lambda data, dice: dice.choice((b'a', b'x', b'xx')))\n"
        "targets.TARGETS['directives'] = odd\n"
        "worker.main()\n"
    )
    words = ["directives", str(tmp_path), "--plain", "--runs", "40"]
    subprocess.run(
        [sys.executable, str(script), *words], cwd=ROOT, env=_environment(), check=True, timeout=60
    )
    counts = json.loads((tmp_path / "directives.json").read_text())
    assert counts["inputs"] == 40 and counts["faults"] > 2
    kinds = {place.split()[0] for place in counts["places"]}
    assert kinds == {"FileNotFoundError", "KeyError", "open"}
    faults = {path.read_bytes() for path in (tmp_path / "faults").iterdir() if not path.suffix}
    assert faults == {b"x", b"xx"}


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
