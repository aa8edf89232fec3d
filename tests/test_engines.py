"""All engines do the same with whole programs: output, instructions, faults; and lockstep finds no difference, and would.

The LLVM engine is eager here, so that short programs become native.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.build import build_program
from toyvm.cli import cache
from toyvm.engines import choice
from toyvm.engines.llvm import EAGER, LlvmEngine
from toyvm.engines.llvm_cache import TranslationCache, default_folder
from toyvm.engines.llvm_translate import Translator, unavailable
from toyvm.engines.lockstep import LockstepEngine, LockstepError
from toyvm.engines.reference import ReferenceEngine
from toyvm.errors import UsageError
from toyvm.machine.memory import PhysicalMemory
from toyvm.record import replace
from toyvm.system import RunResult, run

from .harness import ASM, GUEST, OPTIONS, C, Case, check_case, compiled, expected_output, run_case
from .oracles import GCC, require_oracle

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine called llvm translates early and at once."""

    def make(name: str, memory: PhysicalMemory, *_: object, **__: object) -> object:
        if name == "llvm":
            translator = Translator(str(tmp_path), background=False)
            return LlvmEngine(memory, translator=translator, thresholds=EAGER)
        return ReferenceEngine(memory)

    monkeypatch.setattr(choice, "make_engine", make)


def facts(result: RunResult) -> tuple[object, ...]:
    """What must be the same on every engine. TLB misses are the engine's own."""
    stats = result.stats
    counted = (
        stats.instructions,
        stats.virtual_ns,
        dict(stats.faults),
        stats.cow_copies,
        stats.context_switches,
    )
    return result.status, result.stdout, counted, stats.syscalls, stats.frames_peak


PROGRAMS = [
    Case(ASM / "cow.s", "dynamic"),
    Case(ASM / "pipeline.s", "static"),
    Case(ASM / "isolation.s", "static"),
]
PROGRAMS += [
    Case(GUEST / f"{name}.s", "static")
    for name in ("atomics", "misaligned", "selfmod", "signals", "mappings")
]


@pytest.mark.parametrize("case", PROGRAMS, ids=str)
def test_counts_are_the_same(case: Case, eager: None) -> None:
    llvm, reference = (run_case(case, replace(OPTIONS, engine=engine)) for engine in ("llvm", "reference"))
    check_case(case, llvm)
    assert facts(llvm) == facts(reference)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["sha256", "sort", "cow", "interpreter", "hash"])
def test_compiled_programs(name: str, eager: None, tmp_path: Path) -> None:
    """Integer C made by gcc, long enough that most of it runs as native code."""
    require_oracle(GCC)
    source = tmp_path / f"{name}.s"
    source.write_text(compiled(C / f"{name}.c", "O2"))
    program = build_program([source], linkage="static")
    llvm, reference = (
        run(program, [name], replace(OPTIONS, engine=engine), stdin=b"", capture=True)
        for engine in ("llvm", "reference")
    )
    assert llvm.stdout == expected_output(C / f"{name}.c", "static")
    assert facts(llvm) == facts(reference)


@pytest.mark.parametrize("case", [PROGRAMS[0], *PROGRAMS[3:]], ids=str)
def test_lockstep(case: Case) -> None:
    """Memory too, after pieces of random length."""
    result = run_case(case, replace(OPTIONS, engine="lockstep", memory=4 << 20))
    check_case(case, result)


def test_lockstep_finds_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: LockstepEngine, hart: object, budget: int) -> None:
        hart.x[5] ^= 1  # type: ignore[attr-defined]
        return original(self, hart, budget)  # type: ignore[arg-type, return-value]

    original = LlvmEngine.run
    monkeypatch.setattr(LlvmEngine, "run", wrong)
    with pytest.raises(LockstepError, match=r"\* t0 +llvm 0x1 +reference 0x0"):
        run_case(Case(ASM / "hello.s", "static"), replace(OPTIONS, engine="lockstep", memory=4 << 20))


def test_without_llvm_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("toyvm.engines.llvm_translate.unavailable", lambda: "llvmlite is not installed")
    case = Case(ASM / "cow.s", "static")
    monkeypatch.setattr(LlvmEngine.__init__, "__defaults__", (None, None, EAGER, True))
    check_case(case, run_case(case, replace(OPTIONS, engine="auto")))
    assert (
        capsys.readouterr().err
        == "toyvm: hot code stays in Python, which is slow: llvmlite is not installed\n"
    )
    with pytest.raises(UsageError, match="--engine llvm: llvmlite is not installed"):
        run_case(case, replace(OPTIONS, engine="llvm"))


def test_the_cache_command_shows_and_clears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    TranslationCache(default_folder(), b"version").put(4096, b"text", ([], 0, bytes(1000)))
    for arguments, text in (
        (["show"], "1 translations"),
        (["clear"], "removed 1 translations"),
        ([], " 0 translations, 0 bytes"),
    ):
        assert cache.main(arguments) == 0
        assert text in capsys.readouterr().out
