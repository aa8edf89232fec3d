"""Programs that gcc and glibc made: static, RV64GC, nothing of them ours. They run as in qemu-riscv64."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracles import GCC, QEMU, require_oracle

pytestmark = pytest.mark.oracle
ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "tests/oracle/stock").iterdir())


def build(source: Path, folder: Path) -> Path:
    """The static binary of a C source."""
    require_oracle(GCC, QEMU)
    program = folder / source.stem
    command = [GCC, "-O2", "-static", "-w", "-fno-builtin", "-o", str(program), str(source), "-lm"]
    subprocess.run(command, check=True)
    return program


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_runs_as_in_qemu(source: Path, tmp_path: Path) -> None:
    program = build(source, tmp_path)
    environment = {**os.environ, "STOCK": "value"}
    expected = subprocess.run([QEMU, str(program)], capture_output=True, timeout=60, env=environment)
    command = [
        sys.executable,
        "-m",
        "toyvm",
        "run",
        "--engine",
        "reference",
        "-E",
        "STOCK=value",
        str(program),
    ]
    environment["PYTHONPATH"] = str(ROOT)
    found = subprocess.run(command, capture_output=True, timeout=240, env=environment, cwd=tmp_path)
    assert found.stdout.decode() == expected.stdout.decode(), found.stderr.decode()
    assert found.returncode == expected.returncode
