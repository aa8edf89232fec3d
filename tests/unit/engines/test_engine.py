"""What is said of engines in general holds: the methods that the page about new engines names, and who imports LLVM."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from toyvm.base.resources import PACKAGE
from toyvm.engines.checking.lockstep_engine import LockstepEngine
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.engine import Engine
from toyvm.engines.llvm.interp.interpreting_engine import InterpretingEngine
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.engines.watching.recording_engine import RecordingEngine
from toyvm.engines.watching.sliced_engine import SlicedEngine
from toyvm.machine.physical_memory import PhysicalMemory

METHODS = {name for name, _ in inspect.getmembers(Engine, inspect.isfunction) if not name.startswith("_")}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def test_the_page_about_new_engines_names_each_method() -> None:
    page = (Path(PACKAGE).parent / "docs/design/extending.md").read_text()
    (found,) = re.findall(r"An engine has (\w+) methods \(`engines/engine.py`\): (.*?)\.\s", page, re.S)
    assert found[0] == NUMBERS[len(METHODS)]
    assert set(re.findall(r"`(\w+)`", found[1])) == METHODS


@pytest.mark.parametrize(
    "engine",
    [
        InterpretingEngine,
        LlvmEngine,
        LockstepEngine,
        RecordingEngine,
        ReferenceEngine,
        SlicedEngine,
        WalkEngine,
    ],
)
def test_an_engine_has_each_method_with_the_same_parameters(engine: type) -> None:
    for name in METHODS:
        wanted, got = inspect.signature(getattr(Engine, name)), inspect.signature(getattr(engine, name))
        assert list(got.parameters) == list(wanted.parameters), name


class _Noting(WalkEngine):
    """Notes the calls that end or shrink it."""

    def __init__(self, memory: PhysicalMemory):
        super().__init__(memory)
        self.calls: list[str] = []

    def drop_caches(self) -> None:
        self.calls.append("drop_caches")

    def close(self) -> None:
        self.calls.append("close")


def test_a_sliced_engine_passes_the_end_of_a_run_on() -> None:
    inner = _Noting(PhysicalMemory(1 << 12))
    engine: Engine = SlicedEngine(inner, lambda engine: None, 100)
    engine.drop_caches()
    engine.close()
    assert inner.calls == ["drop_caches", "close"]


def test_llvmlite_is_imported_by_the_compiler_alone() -> None:
    importers = set()
    for path in Path(PACKAGE).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == "llvmlite" for name in names):
                importers.add(path.relative_to(PACKAGE).as_posix())
    assert importers == {"engines/llvm/compiler.py"}
