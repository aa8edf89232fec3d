"""Where figures were taken: a benchmark without its machine says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from tests.bench.images import NATIVE_GCC
from tests.support.oracles import GCC, QEMU


def describe() -> dict[str, str | int]:
    """The machine's processor and load (a benchmark alone makes 1), and the versions of everything that is compared."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "processors": os.cpu_count() or 1,
        "load": f"{os.getloadavg()[1]:.1f}",
        "python": platform.python_version(),
        "qemu": _first_line(QEMU),
        "gcc": _first_line(GCC),
        "native gcc": _first_line(NATIVE_GCC),
    }


def _first_line(tool: str) -> str:
    told = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]
