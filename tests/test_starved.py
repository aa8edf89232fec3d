"""The host runs out of memory or disk, for real: one guest ends, or the run with a message; never a traceback, never a signal."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.harness import GUEST, ROOT, expected_output
from toyvm.build import build_program
from toyvm.engines.llvm.translator import unavailable

KIB, MIB = 1 << 10, 1 << 20
STARVED, HOSTILE = GUEST / "starved", GUEST / "hostile"
SPARE = 24 * MIB  # beyond 8 MiB of the machine's: enough for the kernel, and not for what the guests do

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")


@cache
def _image(source: Path) -> bytes:
    return build_program([source], linkage="static").image


def starved(
    limit: str, size: int, source: Path, folder: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """A program, built before, run by a host that has `size` bytes of `limit`: see `tests.support.starved`."""
    program = folder / source.stem
    program.write_bytes(_image(source))
    program.chmod(0o755)
    command = [sys.executable, "-m", "tests.support.starved", limit, str(size), "run", *options, str(program)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, timeout=120)
    assert done.returncode >= 0 and "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_the_guest_whose_code_does_not_fit_ends_and_its_parent_goes_on(engine: str, tmp_path: Path) -> None:
    source = STARVED / "long_code.s"
    done = starved("AS", SPARE, source, tmp_path, "--memory", "8M", "--engine", engine)
    assert (done.returncode, done.stdout) == (0, "wait status 9\n"), done.stderr
    assert "toyvm: the host has no memory left: killed process 101 (long_code)" in done.stderr


def test_a_file_in_memory_that_does_not_fit(tmp_path: Path) -> None:
    source = STARVED / "big_file.s"
    done = starved("AS", SPARE, source, tmp_path, "--memory", "8M", "--engine", "reference")
    assert (done.returncode, done.stdout) == (0, "the last write: -12\ninto a new file: 100\n"), done.stderr


@pytest.mark.parametrize("spare", [9, 11, 13, 16])
@pytest.mark.parametrize("name", ["zombies", "map_storm", "children_touch_all", "full_pipe"])
def test_whatever_does_not_fit_is_said(name: str, spare: int, tmp_path: Path) -> None:
    """The machine itself, its kernel, or what the guest asks for: that depends on the host's Python."""
    options = ["--memory", "8M", "--max-instructions", "1000000", "--engine", "reference"]
    done = starved("AS", spare * MIB, HOSTILE / f"{name}.s", tmp_path, *options)
    if done.returncode in (1, 2, 137):
        assert "the host has no memory left" in done.stderr or "the host cannot give" in done.stderr
    else:
        assert done.returncode in (0, 124)


def test_a_machine_larger_than_the_host(tmp_path: Path) -> None:
    done = starved("AS", SPARE, HOSTILE / "zombies.s", tmp_path, "--memory", "64M")
    assert done.returncode == 2 and "the host cannot give 67108864 bytes of memory" in done.stderr


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@pytest.mark.parametrize("spare", [100, 300, 1000, 3000])
def test_hot_code_stays_in_python_where_native_code_does_not_fit(spare: int, tmp_path: Path) -> None:
    """LLVM does not fit, nor the memory for its code, nor the tables beside each address space."""
    source = GUEST / "hotcode.s"
    done = starved("AS", spare * MIB, source, tmp_path, "--memory", "8M", "--no-cache", "--engine", "llvm")
    assert (done.returncode, done.stdout) == (0, expected_output(source, "static").decode()), done.stderr


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_a_disk_that_takes_no_more_pages_is_the_end_of_one_guest(engine: str, tmp_path: Path) -> None:
    """Children that take all memory there is are killed one after the other; their parent tells so."""
    source = HOSTILE / "children_touch_all.s"
    options = ["--memory", "1M", "--swap", "16M", "--engine", engine]
    done = starved("FSIZE", 256 * KIB, source, tmp_path, *options)
    assert (done.returncode, done.stdout) == (0, expected_output(source, "static").decode()), done.stderr
    assert "toyvm: write error on the swap area: [Errno 27] File too large" in done.stderr
    assert done.stderr.count("Out of memory: Killed process") == 3


def test_a_full_swap_area_is_the_end_of_one_guest(tmp_path: Path) -> None:
    source = HOSTILE / "children_touch_all.s"
    done = starved("FSIZE", 16 * MIB, source, tmp_path, "--memory", "1M", "--swap", "256K")
    assert (done.returncode, done.stdout) == (0, expected_output(source, "static").decode()), done.stderr
    assert "write error" not in done.stderr and "Free swap  = 0kB" in done.stderr
