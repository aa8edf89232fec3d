"""Programs run where there is no native code: without llvmlite, on another processor, without a cache."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.harness import ROOT

SAMPLE = ROOT / "asm" / "shm_talk.s"
SAID = "child: 123123113\nparent: 321321331\n"
ON_ARM = """
import os, sys
names = os.uname()
os.uname = lambda: os.uname_result((*names[:4], "aarch64"))
from toyvm.cli import run_process
run_process()
"""
HOT = """
        .globl  _start
_start: li      s0, 300000
again:  addi    s0, s0, -1
        bnez    s0, again
        li      a0, 7
        li      a7, 94
        ecall
"""


def _without_llvmlite(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Python with all installed packages but llvmlite."""
    site = folder / "site"
    site.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if not path.name.startswith("llvmlite") and path.suffix != ".pth":
            (site / path.name).symlink_to(path)
    return [sys.executable, "-S", "-P", "-m", "toyvm", "run"], {"PYTHONPATH": f"{ROOT}:{site}"}


def _on_arm(folder: Path) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-c", ON_ARM, "run"], {"PYTHONPATH": str(ROOT)}


def _without_cache(folder: Path) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "toyvm", "run", "--no-cache"], {}


def _run(
    way: Callable[[Path], tuple[list[str], dict[str, str]]], folder: Path, *words: str
) -> tuple[int, str, str]:
    command, variables = way(folder)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), **variables}
    done = subprocess.run([*command, *words], env=environment, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("linkage", ["--static", "--dynamic"])
@pytest.mark.parametrize("way", [_without_llvmlite, _on_arm, _without_cache])
def test_processes_talk(
    way: Callable[[Path], tuple[list[str], dict[str, str]]], linkage: str, tmp_path: Path
) -> None:
    assert _run(way, tmp_path, linkage, str(SAMPLE)) == (0, SAID, "")


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (_without_llvmlite, "llvmlite is not installed"),
        (_on_arm, "native code is made for Linux on x86-64 only"),
        pytest.param(
            _without_cache,
            "",
            marks=pytest.mark.skipif(platform.machine() != "x86_64", reason="no native code"),
        ),
    ],
)
def test_hot_code_runs_and_says_what_slows_it_down(
    way: Callable[[Path], tuple[list[str], dict[str, str]]], reason: str, tmp_path: Path
) -> None:
    program = tmp_path / "hot.s"
    program.write_text(HOT)
    message = f"toyvm: hot code stays in Python, which is slow: {reason}\n" if reason else ""
    assert _run(way, tmp_path, str(program)) == (7, "", message)
