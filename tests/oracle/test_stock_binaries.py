"""Programs that gcc and glibc made: static, RV64GC, nothing of them ours. They run as in qemu-riscv64."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.oracles import GCC, QEMU, require_oracle
from tests.support.ways import check_every_way
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.result import RunResult
from toyvm.system import run

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


def test_our_linker_makes_one_of_glibcs_archives(tmp_path: Path) -> None:
    """crt1.o, libc.a, libgcc and libgcc_eh: compressed code, relaxation, IFUNCs, TLS, exception tables."""
    require_oracle(GCC, QEMU)
    source = ROOT / "tests/oracle/stock/doubles.c"
    subprocess.run(
        [GCC, "-O2", "-w", "-fno-builtin", "-c", str(source), "-o", str(tmp_path / "a.o")], check=True
    )

    def found(name: str) -> Path:
        command = [GCC, f"-print-file-name={name}"]
        return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())

    start, end = (
        [found("crt1.o"), found("crti.o"), found("crtbeginT.o")],
        [found("crtend.o"), found("crtn.o")],
    )
    libraries = [found(name) for name in ("libm.a", "libgcc.a", "libgcc_eh.a", "libc.a")]
    inputs = [Input(path=str(path), data=path.read_bytes()) for path in [*start, tmp_path / "a.o"]]
    inputs += [Input(path=str(path), data=path.read_bytes(), group=1) for path in libraries]
    inputs += [Input(path=str(path), data=path.read_bytes()) for path in end]
    program = tmp_path / "program"
    program.write_bytes(link(inputs, LinkOptions(static=True)).image)
    program.chmod(0o755)
    ours = subprocess.run([QEMU, str(program)], capture_output=True, timeout=60)
    theirs = subprocess.run([QEMU, str(build(source, tmp_path))], capture_output=True, timeout=60)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_runs_as_in_qemu(source: Path, tmp_path: Path) -> None:
    program = build(source, tmp_path)
    environment = {**os.environ, "STOCK": "value"}
    expected = subprocess.run([QEMU, str(program)], capture_output=True, timeout=60, env=environment)
    command = [sys.executable, "-m", "toyvm", "run", "-E", "STOCK=value", str(program)]
    environment["PYTHONPATH"] = str(ROOT)
    found = subprocess.run(command, capture_output=True, timeout=240, env=environment, cwd=tmp_path)
    assert found.stdout.decode() == expected.stdout.decode(), found.stderr.decode()
    assert found.returncode == expected.returncode


@pytest.mark.parametrize("name", ["doubles", "floats"])
def test_every_engine_counts_the_same(name: str, tmp_path: Path) -> None:
    """Floating point of a whole program: results, flags, rounding modes and instructions, native code and not."""
    program = build(ROOT / f"tests/oracle/stock/{name}.c", tmp_path)
    expected = subprocess.run([QEMU, str(program)], capture_output=True, timeout=60)

    def check(result: RunResult) -> None:
        assert (result.stdout.decode(), result.status) == (expected.stdout.decode(), expected.returncode)

    check_every_way(lambda options: run(str(program), [str(program)], options, capture=True), check)
