"""Fetches what a suite needs: the guest's root, the sources, and qemu for the host."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.suites.suite import Suite
from tests.support.harness import ROOT

SCRIPT = ROOT / ".ci" / "riscv64-root"
CROSS_GCC = "riscv64-linux-gnu-gcc"


def fetch(suite: Suite, folder: Path) -> tuple[Path, Path, Path]:
    """The guest's root, the suite's folder of tests, and qemu, all under `folder`; what is there already is kept.

    Raises CalledProcessError if a package cannot be fetched.
    """
    root, source, qemu = folder / f"root-{suite.name}", folder / f"source-{suite.name}", folder / "qemu"
    if not qemu.exists():
        _make(qemu, "--qemu")
    if not root.exists():
        _make(root, None, *suite.packages)
        for name in ("passwd", "group"):  # what maintainer scripts make
            shutil.copy(root / "usr/share/base-passwd" / f"{name}.master", root / "etc" / name)
        (root / "usr/bin/awk").symlink_to("gawk")
    if not source.exists():
        if suite.source is None:
            source.mkdir()
        else:
            _make(source, "--source", suite.source)
        if suite.prepare is not None:
            try:
                suite.prepare(source, root)
            except BaseException:
                shutil.rmtree(source)
                raise
    tests = next(iter(sorted(source.glob(suite.folder))))
    return root, tests, qemu / "usr" / "bin" / "qemu-riscv64"


def _make(folder: Path, mode: str | None, *packages: str) -> None:
    """Call the script for a folder, which appears only when it is complete."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    subprocess.run([str(SCRIPT), *([mode] if mode else []), str(part), *packages], check=True)
    part.rename(folder)


def build(program: Path, source: Path, *flags: str) -> None:
    """Compile a small C program for the guest, statically. Raises CalledProcessError."""
    subprocess.run([CROSS_GCC, "-w", "-O1", "-static", *flags, "-o", str(program), str(source)], check=True)
