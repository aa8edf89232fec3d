"""The functions in `.ll` files: LLVM's verifier accepts them, each name has its constant, and nothing reads them without need."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toyvm.base.resources import PACKAGE
from toyvm.engines.llvm import translator
from toyvm.engines.llvm.emit.fcsr_text import ModeText
from toyvm.engines.llvm.emit.function_text import METADATA
from toyvm.engines.llvm.interp import handler_table
from toyvm.engines.llvm.runtime import runtime_module
from toyvm.engines.llvm.runtime.ir_files import render
from toyvm.engines.llvm.translator import unavailable
from toyvm.kernel.mm.faults import native_policy

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

POLICIES = (None, native_policy.native_policy)


def test_every_file_is_part_of_a_module() -> None:
    found = {path.relative_to(PACKAGE) for path in Path(PACKAGE).rglob("*.ll")}
    named = {
        Path(folder).relative_to(PACKAGE) / name
        for folder, files in (
            (runtime_module.FOLDER, runtime_module.FILES + runtime_module.WITHOUT_POLICY),
            (native_policy.FOLDER, native_policy.FILES),
            (handler_table.FOLDER, handler_table.FILES),
        )
        for name in files
    }
    assert found == named


@pytest.mark.parametrize("policy", POLICIES)
def test_the_verifier_accepts_the_module(policy: object) -> None:
    import llvmlite.binding as binding

    text = runtime_module.runtime(policy() if callable(policy) else None)
    module = binding.parse_assembly(text)
    module.verify()
    defined = {function.name for function in module.functions if not function.is_declaration}
    assert {"enter", "leave", "outside", "refill", "resolve", "walk", "forget"} <= defined
    declared = {function.name for function in module.functions} - defined
    assert all(name.startswith("llvm.") for name in declared)


def test_a_name_without_a_constant_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.ll").write_text("ret i64 {ONE} ; {i64, i64} {x}")
    assert render(str(tmp_path), ["a.ll"], {"ONE": 1}) == "ret i64 1 ; {i64, i64} {x}"
    with pytest.raises(ValueError, match="without a constant: \\['ONE'\\]"):
        render(str(tmp_path), ["a.ll"], {})


def test_a_constant_without_a_use_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.ll").write_text("ret i64 0")
    with pytest.raises(ValueError, match="without a use: \\['ONE'\\]"):
        render(str(tmp_path), ["a.ll"], {"ONE": 1})


def test_regions_and_the_way_in_convert_fcsr_alike() -> None:
    """`enter.ll` has the two conversions as functions; `ModeText` prints them into regions."""
    from toyvm.engines.llvm.compiler import Compiler
    from toyvm.engines.llvm.native_code import CodeArena

    def printed(name: str, parameter: str, result: str, method: str) -> str:
        text = ModeText()
        value = getattr(text, method)("%given")
        lines = [
            f"define {result} @{name}({parameter} %given) {{",
            *text._lines,
            f"  ret {result} {value}",
            "}",
        ]
        return "\n".join(lines)

    module = [
        (Path(runtime_module.FOLDER) / "enter.ll").read_text().replace("define internal", "define"),
        printed("mode_in_region", "i64", "i32", "_mxcsr_for"),
        printed("flags_in_region", "i32", "i64", "_raised"),
        METADATA,
    ]
    constants = runtime_module.constants()
    text = "\n".join(module)
    for name, value in constants.items():
        text = text.replace(f"{{{name}}}", str(value))
    arena = CodeArena(1 << 16)  # as long as its functions are called
    symbols = arena.load(Compiler().compile(text))
    assert symbols is not None
    word, half = ctypes.c_uint64, ctypes.c_uint32
    modes = [ctypes.CFUNCTYPE(half, word)(symbols[name]) for name in ("mxcsr_of_fcsr", "mode_in_region")]
    flags = [ctypes.CFUNCTYPE(word, half)(symbols[name]) for name in ("fflags_of_mxcsr", "flags_in_region")]
    for fcsr in range(4 << 5):
        assert modes[0](fcsr) == modes[1](fcsr) == 0x1F80 | (0, 3, 1, 2)[fcsr >> 5] << 13
    for raised in range(64):
        assert flags[0](0x1F80 | raised) == flags[1](0x1F80 | raised)


def test_translations_are_of_another_version_when_the_policy_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resolve.ll").write_text("; one")
    monkeypatch.setattr(translator, "POLICY", (str(tmp_path),))
    before = translator.version()
    (tmp_path / "resolve.ll").write_text("; another")
    assert translator.version() != before


def test_a_run_without_translation_reads_no_ll_file(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        "from toyvm.cli import main\n"
        "main(['run', sys.argv[1]])\n"
        "print([name for name in opened if name.endswith('.ll')])\n"
    )
    sample = Path(__file__).parents[4] / "asm" / "hello.s"
    done = subprocess.run(
        [sys.executable, "-c", script, str(sample)],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
