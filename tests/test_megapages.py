"""Megapages seen from inside: in each linkage and on every engine what Linux says (tests/oracle/test_linux.py), with the same counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import ASM, OPTIONS, C, compiled, expected_output, toyvm
from tests.support.oracles import GCC, require_oracle
from tests.support.ways import check_every_way
from toyvm.base.record import replace
from toyvm.build import build_program
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import run

FOLDER = C / "thp"
ADVISED = replace(OPTIONS, thp="madvise")
SCARCE = replace(
    ADVISED, memory=10 << 20, swap=64 << 20
)  # so that some are split to be swapped, and some cannot be had


@pytest.mark.oracle
@pytest.mark.parametrize("linkage", ["static", "dynamic"])
@pytest.mark.parametrize("name, options", [("megapages", ADVISED), ("storm", SCARCE)])
def test_what_programs_see(name: str, options: RunOptions, linkage: str, tmp_path: Path) -> None:
    require_oracle(GCC)
    source = tmp_path / f"{name}.s"
    source.write_text(compiled(FOLDER / f"{name}.c", "O2"))
    program = build_program([source], linkage=linkage)

    def once(options: RunOptions) -> RunResult:
        return run(program, [name], options, stdin=b"", capture=True)

    def check(result: RunResult) -> None:
        told = result.stderr.decode("utf-8", "replace")
        assert result.stdout.decode() == expected_output(FOLDER / f"{name}.c", linkage).decode(), told
        assert (result.status, result.frames_leaked, result.slots_leaked) == (0, 0, 0), told
        assert result.stats.megapages and result.stats.megapages_split
        if options is SCARCE:
            assert result.stats.megapage_fallbacks and result.stats.swapped_in

    check_every_way(once, check, options)


def test_gain_of_the_sample() -> None:
    """One fault and one TLB miss for what needs hundreds."""
    told = {}
    for thp in ("never", "always"):
        done = toyvm("run", "--thp", thp, "--json", ASM / "megapages.s")
        assert done.returncode == 0
        told[thp] = json.loads(done.stderr)
    never, always = told["never"], told["always"]
    assert never["megapages"] == {"mapped": 0, "fallbacks": 0, "split": 0, "entries_split": 0}
    assert always["megapages"] == {"mapped": 1, "fallbacks": 0, "split": 1, "entries_split": 2}
    assert always["faults"]["demand_megapage"] == 1
    assert never["faults"]["demand_zero"] - always["faults"]["demand_zero"] == 192
    assert never["tlb_misses"] > always["tlb_misses"] + 2 * 192
    assert never["instructions"] == always["instructions"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--thp", "sometimes"], b"argument --thp: expected one of always, madvise, never, not 'sometimes'"),
        (
            ["--no-mmu", "--thp", "always"],
            b"--thp cannot be used with --no-mmu: without an MMU there are no pages",
        ),
    ],
)
def test_options_that_make_no_sense(options: list[str], message: bytes) -> None:
    done = toyvm("run", *options, ASM / "hello.s")
    assert done.returncode == 2 and message in done.stderr
