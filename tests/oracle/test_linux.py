"""C programs under toyvm's kernel and under the host's own Linux, each compiled for its machine: the same output.

What is here qemu-riscv64 cannot answer for: it keeps a table of mappings of its own, so that MAP_FIXED_NOREPLACE, MAP_POPULATE, mremap of
length 0 and mprotect across a hole are not Linux's there, and process_vm_readv is missing.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS, C
from tests.support.oracles import GCC, HOST_GCC, do_without, require_oracle
from tests.support.ways import check_every_way
from toyvm.base.record import replace
from toyvm.result import RunResult
from toyvm.system import run

pytestmark = pytest.mark.oracle
SOURCES = [*sorted(Path(__file__).with_name("linux").glob("*.c")), *sorted((C / "thp").glob("*.c"))]
LONG = ("cpu_limit",)  # thousands of millions of instructions: an hour on the reference engine
NATIVE_WAYS = ("llvm", "eager")
WAYS = ("reference", "llvm", "quick")
NEWER = {"urgent_bytes": (6, 12), "vectors": (6, 4)}  # the Linux whose behaviour a program shows
HIDDEN = 77  # the status of a program that may not see what it asks the host
THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_as_on_the_hosts_linux(source: Path, tmp_path: Path) -> None:
    require_oracle(GCC, HOST_GCC)
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "riscv64"):
        do_without(
            "the host is not a Linux with pages of 4096 bytes and signals numbered as riscv64 has them"
        )
    if tuple(map(int, platform.release().split(".")[:2])) < NEWER.get(source.stem, (6, 1)):
        do_without("the host's Linux is older than the one whose calls toyvm has")
    thp = THP.read_text().partition("[")[2].partition("]")[0] if THP.exists() else "never"
    if source.stem.startswith("megapages") and thp != "madvise":
        do_without("the host gives huge pages in another way: transparent_hugepage/enabled is not madvise")
    here, there = tmp_path / "here", tmp_path / "there"
    subprocess.run([HOST_GCC, "-O2", "-w", "-o", here, source], check=True)
    subprocess.run([GCC, "-O2", "-w", "-static", "-o", there, source], check=True)
    # Its own session, as the guest's: getsid(2) is 0 for a session that began outside the host's PID namespace.
    expected = subprocess.run([here], capture_output=True, timeout=60, start_new_session=True)
    if expected.returncode == HIDDEN:
        do_without("the host shows its frames only to who has CAP_SYS_ADMIN")
    options = replace(
        OPTIONS,
        overcommit=int(Path("/proc/sys/vm/overcommit_memory").read_text()),  # promises as the host makes them
        thp=thp,
        max_instructions=None if source.stem in LONG else OPTIONS.max_instructions,
        ksm=1000 if source.stem == "merging" else 0,
    )

    def check(result: RunResult) -> None:
        assert result.stdout.decode() == expected.stdout.decode(), result.stderr.decode()
        assert result.status == expected.returncode
        assert (result.frames_leaked, result.slots_leaked) == (0, 0)
        assert not options.ksm or result.stats.pages_merged > 0

    check_every_way(
        lambda options: run(there, [str(there)], options, stdin=b"", capture=True),
        check,
        options,
        NATIVE_WAYS if source.stem in LONG else WAYS,
    )
