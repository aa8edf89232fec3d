"""The other people's tools that tell us the truth: GNU binutils, gcc and qemu for RISC-V.

Where one is absent its tests are skipped with a plain reason; with TOYVM_REQUIRE_ORACLES=1 (CI) they fail instead.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

GNU_AS = "riscv64-linux-gnu-as"
GNU_LD = "riscv64-linux-gnu-ld"
GNU_AR = "riscv64-linux-gnu-ar"
GCC = "riscv64-linux-gnu-gcc"
GXX = "riscv64-linux-gnu-g++"
READELF = "riscv64-linux-gnu-readelf"
OBJDUMP = "riscv64-linux-gnu-objdump"
NM = "riscv64-linux-gnu-nm"
QEMU = "qemu-riscv64"
HOST_GCC = "gcc"
GO = "go"


def require_oracle(*tools: str) -> None:
    """`do_without` the oracle when one of `tools` is not installed."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        do_without(f"not installed: {', '.join(missing)}")


def do_without(reason: str) -> NoReturn:
    """Skip the running test, which has nothing to compare with here; fail it where oracles are required."""
    if os.environ.get("TOYVM_REQUIRE_ORACLES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
