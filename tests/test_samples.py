"""Every sample, in each linkage, on every engine: output, exit status, no frame lost, and the same counts on all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import ASM, OPTIONS, Case, cases, check_case, run_case
from tests.support.ways import check_every_way
from toyvm.base.record import replace


@pytest.mark.parametrize("case", cases(ASM), ids=str)
def test_sample(case: Case) -> None:
    check_every_way(lambda options: run_case(case, options), lambda result: check_case(case, result))


@pytest.mark.parametrize("name", ["cow", "isolation", "pipeline", "sleep_sort", "wait_codes"])
def test_sample_is_deterministic(name: str) -> None:
    """Two runs are the same to the byte, with everything traced."""
    options = replace(
        OPTIONS, trace=frozenset({"faults", "cow", "syscalls", "process"}), views=frozenset({"maps"})
    )
    first, second = (run_case(Case(ASM / f"{name}.s", "dynamic"), options) for _ in range(2))
    assert first.stderr == second.stderr
    assert first.to_json() == second.to_json()


@pytest.mark.parametrize("path", sorted(ASM.glob("*.s")), ids=lambda path: path.stem)
def test_sample_teaches(path: Path) -> None:
    """The opening comment says what it shows, how to run it and where to look; the index lists it."""
    opening = path.read_text().split("\n\n", 1)[0]
    assert opening.startswith(f"# {path.stem}: ")
    assert "toyvm run" in opening
    assert "Look" in opening
    assert f"]({path.name})" in (ASM / "README.md").read_text()
