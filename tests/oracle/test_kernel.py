"""One static program under toyvm's kernel and under Linux (by qemu-riscv64): the same output and status."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import GCC, QEMU, require_oracle
from toyvm.engines.python.reference_engine import ReferenceEngine
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.run_options import Limits

pytestmark = pytest.mark.oracle
SOURCE = Path(__file__).with_name("kernel_calls.c")
FLAGS = [
    "-O1",
    "-march=rv64ima",
    "-mabi=lp64",
    "-nostdlib",
    "-static",
    "-fno-stack-protector",
    "-fno-builtin",
    "-w",
    "-Wl,--no-relax",
]


def test_the_same_answers_as_linux(tmp_path: Path) -> None:
    require_oracle(GCC, QEMU)
    program = tmp_path / "calls"
    subprocess.run([GCC, *FLAGS, "-o", program, SOURCE], check=True)
    expected = subprocess.run([QEMU, program, "argument"], capture_output=True, timeout=60)
    out, err = io.BytesIO(), io.BytesIO()
    vfs = Vfs.sandbox(None)
    vfs.add_host_file("/bin/calls", str(program))
    limits = Limits(max_instructions=50_000_000)
    kernel = Kernel(64 << 20, ReferenceEngine, vfs, limits=limits, stdout=out, stderr=err)
    kernel.spawn("/bin/calls", [str(program), "argument"])
    status = kernel.run()
    assert out.getvalue().decode() == expected.stdout.decode()
    assert status == expected.returncode == 7
    kernel.system.cache.drop()
    assert kernel.frames.used == 0
