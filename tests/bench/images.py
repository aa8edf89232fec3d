"""The C programs of `programs/` as static executables: stock gcc -O2 for RV64GC and for the host."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.oracles import GCC

PROGRAMS = Path(__file__).parent / "programs"
NATIVE_GCC = "gcc"
FLAGS = ["-O2", "-static"]


def build(name: str, folder: Path, *, native: bool = False, flags: tuple[str, ...] = ()) -> Path:
    """Compile `programs/NAME.c` into `folder`. Raises `subprocess.CalledProcessError` if the compiler refuses it."""
    out = folder / (f"{name}.native" if native else name)
    compiler = NATIVE_GCC if native else GCC
    subprocess.run([compiler, *FLAGS, *flags, "-o", str(out), str(PROGRAMS / f"{name}.c"), "-lm"], check=True)
    return out
