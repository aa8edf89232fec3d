"""Programs whose working set is several times physical memory: right answers, and the same counts on every engine.

The outputs are those of Linux (the programs say nothing that depends on how much memory there is, but `kept`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import (
    GUEST,
    OPTIONS,
    C,
    Case,
    cases,
    check_case,
    compiled,
    expected_output,
    run_case,
    shell,
    toyvm,
)
from tests.support.oracles import GCC, require_oracle
from tests.support.ways import engines_made
from toyvm.base.record import replace
from toyvm.build import build_program
from toyvm.engines import engine_choice
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.result import RunResult
from toyvm.run_options import RECLAIM_POLICIES
from toyvm.system import run

KIB, MIB = 1 << 10, 1 << 20
SMALL = replace(OPTIONS, memory=512 * KIB, swap=16 * MIB)
PROGRAMS = {"overcommit": 512 * KIB, "family": 2 * MIB, "kept": MIB}


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine called llvm translates early and at once."""

    def make(name: str, memory: PhysicalMemory, *_: object, **__: object) -> object:
        if name == "llvm":
            translator = Translator(str(tmp_path))
            return LlvmEngine(memory, translator=translator, thresholds=EAGER)
        return ReferenceEngine(memory)

    monkeypatch.setattr(engine_choice, "make_engine", make)


def run_c(name: str, tmp_path: Path, linkage: str = "static", **options: object) -> RunResult:
    require_oracle(GCC)
    source = tmp_path / f"{name}.s"
    source.write_text(compiled(C / "swap" / f"{name}.c", "O2"))
    settings = replace(SMALL, memory=PROGRAMS[name], **options)
    return run(build_program([source], linkage=linkage), [name], settings, stdin=b"", capture=True)


def check(name: str, result: RunResult) -> None:
    told = result.stderr.decode("utf-8", "replace")
    assert result.stdout.decode() == expected_output(C / "swap" / f"{name}.c", "static").decode(), told
    assert (result.status, result.frames_leaked, result.slots_leaked) == (0, 0, 0), told
    assert result.stats.swapped_out and result.stats.swapped_in


def facts(result: RunResult) -> tuple[object, ...]:
    """All that must not depend on the engine. TLB misses are its own."""
    stats = result.stats
    counted = {
        name: getattr(stats, name) for name in stats.record_fields if name not in ("tlb_misses", "processes")
    }
    return result.status, result.stdout, counted


@pytest.mark.oracle
@pytest.mark.parametrize("linkage", ["static", "dynamic"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_working_set_of_four_memories(name: str, linkage: str, tmp_path: Path) -> None:
    check(name, run_c(name, tmp_path, linkage))


@pytest.mark.oracle
@pytest.mark.parametrize("engine", ["reference", "llvm"])
@pytest.mark.parametrize("name", ["overcommit", "family"])
def test_what_gcc_and_glibc_make_of_it(name: str, engine: str, tmp_path: Path) -> None:
    require_oracle(GCC)
    image = tmp_path / name
    shell([GCC, "-O2", "-static", "-w", "-o", image, C / "swap" / f"{name}.c"])
    settings = replace(SMALL, memory=PROGRAMS[name] + 128 * KIB, engine=engine)
    check(name, run(image, [name], settings, stdin=b"", capture=True))


@pytest.mark.oracle
@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@pytest.mark.parametrize("policy", RECLAIM_POLICIES)
@pytest.mark.parametrize("name", ["overcommit", "family"])
@pytest.mark.usefixtures("eager")
def test_the_same_counts_on_every_engine(name: str, policy: str, tmp_path: Path) -> None:
    """A bits are set at the same instructions everywhere, or the policies would choose differently."""
    first, *others = [
        run_c(name, tmp_path, engine=engine, reclaim=policy) for engine in ("reference", "llvm")
    ]
    check(name, first)
    for other in others:
        assert facts(other) == facts(first)


@pytest.mark.parametrize("way", ["reference", "eager", "lockstep", "walk"])
@pytest.mark.parametrize("case", cases(GUEST / "swap"), ids=str)
def test_guest_that_swaps(case: Case, way: str) -> None:
    with engines_made(way):
        result = run_case(case, replace(SMALL, memory=256 * KIB))
    check_case(case, result)
    assert result.stats.swapped_in


def test_code_that_does_not_fit_either() -> None:
    """Pages of code go and come too, and what engines know of them goes with them."""
    (case,) = (case for case in cases(GUEST / "swap") if str(case) == "pages-static")
    results = [
        run_case(case, replace(SMALL, memory=96 * KIB, engine=engine)) for engine in ("reference", "llvm")
    ]
    assert facts(results[0]) == facts(results[1])
    assert results[0].stats.refaults > 100


def test_the_options_on_the_command_line() -> None:
    program = GUEST / "swap" / "pages.s"
    common = ["run", "--memory", "256K", "--swap", "16M", "--stats", "--engine", "reference"]
    outcomes = [
        toyvm(*common, *options, program)
        for options in ([], ["--reclaim", "fifo"], ["--swap-readahead", "1"], ["--reclaim=random"])
    ]
    assert all(done.returncode == 0 and b"pages swapped" in done.stderr for done in outcomes)
    assert len({done.stderr for done in outcomes}) == 4
    again = toyvm(*common, "--reclaim=random", program)
    assert again.stderr == outcomes[3].stderr


def test_the_trace_tells_who_went_and_who_came_back() -> None:
    done = toyvm(
        "run", "--memory", "256K", "--swap", "16M", "--trace=swap,faults", GUEST / "swap" / "pages.s"
    )
    told = done.stderr.decode()
    assert "(1 mapping) -> slot 0x0 of the swap area" in told and "-> its file has the page" in told
    assert "read from the swap area" in told and "found in the swap cache" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--reclaim", "best"],
            b"argument --reclaim: expected one of clock, lru, fifo, random, second-chance, wsclock, not 'best'",
        ),
        (["--dirty-ratio", "101"], b"argument --dirty-ratio: expected 0 to 100 percent, not '101'"),
        (
            ["--swap", "much"],
            b"argument --swap: expected a size in bytes, such as 4096, 64M or 1G, not 'much'",
        ),
        (["--swap-readahead", "0"], b"argument --swap-readahead: expected 1 to 512 pages, not '0'"),
    ],
)
def test_wrong_options(options: list[str], message: bytes) -> None:
    done = toyvm("run", *options, GUEST / "swap" / "pages.s")
    assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("engine", ["reference", "llvm"])
def test_the_oom_killer_ends_one_guest(engine: str) -> None:
    """Memory and swap are full: the process that filled them goes, with a report; the run has its status."""
    (case,) = (case for case in cases(GUEST / "swap") if str(case) == "pages-static")
    result = run_case(case, replace(SMALL, memory=256 * KIB, swap=256 * KIB, engine=engine, overcommit=1))
    told = result.stderr.decode()
    assert result.status == 137 and "Out of memory: Killed process" in told and told.endswith("Killed\n")
    assert result.frames_leaked == result.slots_leaked == 0 and result.stats.oom_kills == 1
