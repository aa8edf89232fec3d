"""Adding an instruction touches one place: the row of docs/design/extending.md, put into a copy of the sources, is assembled,
disassembled and executed on every engine, and the tests that go through the table have it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from tests.test_docs import blocks
from toyvm.engines.llvm.translator import unavailable
from toyvm.run_options import ENGINES

PROGRAM = """
        .globl  _start
_start: li      a0, 0
        li      a1, -16             # the highest numbers: the sum has a carry
        li      t0, 3000
1:      avgu    a2, a1, a1
        avgu    a0, a0, a2
        addi    t0, t0, -1
        bnez    t0, 1b
        andi    a0, a0, 0xff        # closer by half each time, to what is one below
        li      a7, 93
        ecall
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, with one row more."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "toyvm", folder / "toyvm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "conftest.py", "support", "unit/__init__.py", "unit/engines", "unit/isa"):
        source, target = ROOT / "tests" / name, folder / "tests" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(ROOT / "libs", folder / "libs")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (row,) = [block for block in blocks(ROOT / "docs/design/extending.md", "python") if "@insn" in block]
    with (folder / "toyvm/isa/rows_i.py").open("a") as rows:
        rows.write("\n\n" + row)
    return folder


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the copy, with caches of its own."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def image(copy: Path) -> Path:
    """The program, assembled and linked by the copy."""
    (copy / "a.s").write_text(PROGRAM)
    for words in ("as -o a.o a.s", "ld -o a a.o"):
        done = python(copy, "-m", "toyvm", *words.split())
        assert done.returncode == 0, done.stderr
    return copy / "a"


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_executed(copy: Path, image: Path, engine: str) -> None:
    if engine in ("llvm", "lockstep") and (reason := unavailable()):
        pytest.skip(reason)
    done = python(copy, "-m", "toyvm", "run", "--engine", engine, str(image))
    assert (done.returncode, done.stderr) == (0xEF, "")


def test_it_is_disassembled_and_traced(copy: Path, image: Path) -> None:
    listing = python(copy, "-m", "toyvm", "objdump", "-d", str(image)).stdout
    assert re.search(r"avgu\s+a0,a0,a2", listing), listing
    trace = python(copy, "-m", "toyvm", "run", "--trace=insn", str(image)).stderr
    assert re.search(r"avgu\s+a0, ?a0, ?a2", trace), trace[:1000]


def test_the_tests_have_it(copy: Path) -> None:
    """Encoding, decoding, the tree, and all engines on random states."""
    chosen = ("-k", "avgu and not capstone", "-p", "no:cacheprovider", "-vv")
    done = python(copy, "-m", "pytest", *chosen, "tests/unit/isa/test_table.py", "tests/unit/engines")
    assert done.returncode == 0, done.stdout
    for test in ("test_every_engine_does_the_same[avgu]", "test_each_row[avgu]", "test_table.py"):
        assert re.search(re.escape(test) + ".*PASSED", done.stdout), done.stdout
