"""A run of a short program is mostly start-up: what it may not import, once its caches are warm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.base.resources import write_atomically
from toyvm.build import build_program

# Each of these costs milliseconds, many of them tens.
HEAVY = {
    "argparse",
    "hashlib",
    "capstone",
    "dataclasses",
    "elftools",
    "inspect",
    "json",
    "lark",
    "llvmlite",
    "numpy",
    "pathlib",
    "re",
    "rich",
    "typing",
    "toyvm.assembler",
    "toyvm.build",
    "toyvm.isa.table",
    "toyvm.linker",
}
SCRIPT = """
import sys
from toyvm.cli import main
status = main(sys.argv[1:])
print("\\n".join(sys.modules))
sys.exit(status)
"""


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_a_warm_run_imports_nothing_heavy(tmp_path: Path, linkage: str) -> None:
    image = tmp_path / "hello"
    write_atomically(image, build_program([ROOT / "asm" / "hello.s"], linkage=linkage).image, 0o755)
    command = [sys.executable, "-c", SCRIPT, "run", str(image)]
    own = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}  # that no other process clears
    subprocess.run(command, check=True, capture_output=True, env=own)  # fills the caches
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=own).stdout.split()
    assert told[:2] == ["hello,", "world"]
    assert not HEAVY & set(told)
