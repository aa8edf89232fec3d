"""Adding an instruction or a relocation type touches one place: the rows of docs/design/extending.md are put into a copy of the sources.

The instruction is assembled, disassembled and executed on every engine, and the tests that go through the table include it. The
relocation type has an operator in assembly text, is shown by readelf, applied by the linker, refused by the loader, and is on the reference
page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from tests.support.oracles import do_without
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
    with (folder / "toyvm/isa/rows/rv64i.py").open("a") as rows:
        rows.write("\n\n" + row)
    (row,) = [block for block in blocks(ROOT / "docs/design/extending.md", "python") if "_row(" in block]
    table = folder / "toyvm/relocations.py"
    text, last = table.read_text(), "    # fmt: on\n"
    assert text.count(last) == 1
    table.write_text(text.replace(last, f"    {row}{last}"))
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
        do_without(reason)
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


RELOCATED = """
        .globl  _start
_start: lui     a1, %image_hi(datum)    # how far the datum is from here, above its 12 low bits
        ret
        .data
        .balign 0x1000
datum:  .word   1
"""


def test_a_relocation_type_is_assembled_linked_and_shown(copy: Path) -> None:
    (copy / "r.s").write_text(RELOCATED)
    for words in ("as -o r.o r.s", "ld -Ttext=0x10000 -Tdata=0x345000 -o r r.o"):
        done = python(copy, "-m", "toyvm", *words.split())
        assert done.returncode == 0, done.stderr
    shown = python(copy, "-m", "toyvm", "readelf", "-rW", "r.o").stdout
    assert re.search(r"^0{16} +[0-9a-f]{16} R_RISCV_IMAGE_HI20 .*datum \+ 0$", shown, re.MULTILINE), shown
    code = python(copy, "-m", "toyvm", "objdump", "-d", "r").stdout
    assert re.search(r"lui\s+a1,0x335$", code, re.MULTILINE), code
    page = python(copy, "-m", "toyvm.observe.relocations_page").stdout
    assert "| 192 | R_RISCV_IMAGE_HI20 | `S + A - P` | U-type |" in page
    assert "| `%image_hi` | imm20 | R_RISCV_IMAGE_HI20 |" in page


def test_a_relocation_type_is_linked_in_columns_and_refused_at_load(copy: Path) -> None:
    script = """
from toyvm.linker.type_arrays import APPLIED, DIRECT, PC_RELATIVE
from toyvm.loader.load_relocation import _APPLIED
from toyvm.relocations import R
print(APPLIED[192], DIRECT[192], PC_RELATIVE[192], R.IMAGE_HI20 in _APPLIED)
"""
    assert python(copy, "-c", script).stdout == "True True True False\n"
