"""Whole programs on every engine: what must be the same, and an engine that makes short programs native too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.support.harness import OPTIONS
from toyvm.base.record import replace
from toyvm.engines import engine_choice
from toyvm.engines.checking.lockstep_engine import LockstepEngine
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.tiers import EAGER
from toyvm.engines.llvm.translator import Translator
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.result import RunResult
from toyvm.run_options import RunOptions

# How each way of `WAYS` executes. "eager" is the LLVM engine that translates early and at once, so that a program of a few
# thousand instructions is native code; "llvm" is it with its usual thresholds. "quick" is "eager" with code that LLVM optimises less,
# for the many programs of glibc, where most of the time would be LLVM's. "interpreter" is "eager" with the native
# interpreter from the first instruction on.
WAYS = ("reference", "llvm", "eager", "interpreter")
LONG = 6000  # instructions from which on some code of every program repeats
_ENGINES_OWN = ("tlb_misses",)  # native code looks into other tables first


def translator(level: int = 2) -> Translator:
    """With a cache of translations for the whole session, and answering at once."""
    return Translator(str(Path(os.environ["TOYVM_TEST_SCRATCH"]) / f"native{level}"), level)


@contextmanager
def engines_made(way: str) -> Iterator[list[Engine]]:
    """Runs inside have engines of this way (one of WAYS, or "quick", "walk" or "lockstep"); they are in the list."""
    made: list[Engine] = []
    original = engine_choice.make_engine

    def make(name: str, memory: PhysicalMemory, on_trace: object = None, **options: object) -> Engine:
        if way in ("eager", "quick"):
            level = 2 if way == "eager" else 0
            made.append(LlvmEngine(memory, translator=translator(level), thresholds=EAGER))
        elif way == "interpreter":
            made.append(InterpretingEngine(memory, translator=translator(2), thresholds=EAGER, first=0))
        elif way == "lockstep":
            seed = options.get("seed", 0)
            assert isinstance(seed, int)
            made.append(LockstepEngine(memory, seed, translator()))
        elif way == "walk":
            made.append(WalkEngine(memory))
        else:
            made.append(original(way, memory))
        return made[-1]

    with patch.object(engine_choice, "make_engine", make):
        yield made


def native_entries(engine: Engine) -> int:
    """How often an engine entered native code."""
    count = getattr(engine, "native_entries", 0) + getattr(engine, "interpreted", 0)
    assert isinstance(count, int)
    return count


def facts(result: RunResult) -> dict[str, object]:
    """What must be the same on every engine: outputs, and all counts and maps of the run."""
    told = result.to_json()
    for name in _ENGINES_OWN:
        del told[name]
    return {"stdout": result.stdout, "stderr": result.stderr, **told}


def check_every_way(
    run: Callable[[RunOptions], RunResult],
    check: Callable[[RunResult], None],
    options: RunOptions = OPTIONS,
    ways: tuple[str, ...] = WAYS,
) -> None:
    """Run a program in each way; `check` each result; all must be the same, and eager native code is not idle."""
    expected: dict[str, object] | None = None
    for way in ways:
        with engines_made(way) as made:
            result = run(replace(options, views=frozenset({"maps"})))
        check(result)
        if expected is None:
            expected = facts(result)
        assert facts(result) == expected, f"{way} is not as {ways[0]}"
        if way in ("eager", "quick", "interpreter") and result.stats.instructions >= LONG:
            assert native_entries(made[0]) > 0
