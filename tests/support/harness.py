"""What tests of whole programs share: a program's directives and expected output, building it, running it in toyvm.

A *case* is a source with `NAME.out` (or `NAME.static.out` and `NAME.dynamic.out`) beside it. Its directives
(asm/README.md) say how it is built, so that a new sample or guest test is one new file and its output.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toyvm.base.record import replace
from toyvm.base.sample_directives import Directives
from toyvm.build import build_program, directives_of
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import Watcher, run

ROOT = Path(__file__).resolve().parents[2]
ASM = ROOT / "asm"
GUEST = ROOT / "tests" / "guest"
C = ROOT / "tests" / "c"

# No case needs more; a guest that runs away ends with 124 instead of holding up the suite.
OPTIONS = RunOptions(max_instructions=50_000_000, root=GUEST, memory=64 << 20)


@dataclass(frozen=True)
class Case:
    """One program to be built one way."""

    path: Path
    linkage: str

    def __str__(self) -> str:
        return f"{self.path.stem}-{self.linkage}"

    @property
    def directives(self) -> Directives:
        return directives_of(self.path)

    @property
    def expected(self) -> bytes:
        """The standard output that the file beside the source says."""
        return expected_output(self.path, self.linkage)


def expected_output(path: Path, linkage: str) -> bytes:
    """NAME.LINKAGE.out, else NAME.out."""
    for suffix in (f".{linkage}.out", ".out"):
        out = path.with_suffix(suffix)
        if out.exists():
            return out.read_bytes()
    raise FileNotFoundError(f"{path}: no expected output beside it")


def cases(folder: Path) -> list[Case]:
    """Every program in `folder`, in each linkage that its directives allow."""
    return [
        Case(path, linkage) for path in sorted(folder.glob("*.s")) for linkage in directives_of(path).linkages
    ]


def run_case(case: Case, options: RunOptions = OPTIONS, watchers: Sequence[Watcher] = ()) -> RunResult:
    """Build and run a case in toyvm as its directives ask, its output captured."""
    program = build_program([case.path], linkage=case.linkage)
    directives = case.directives
    return run(
        program,
        [case.path.stem, *directives.args],
        options,
        watchers=watchers,
        stdin=directives.stdin.encode(),
        capture=True,
    )


def check_case(case: Case, result: RunResult) -> None:
    """Output and exit status are what the case says, and no frame is lost."""
    told = result.stderr.decode("utf-8", "replace")
    assert result.stdout.decode() == case.expected.decode(), told
    assert result.status == case.directives.exit, told
    assert result.frames_leaked == 0


def toyvm(
    *args: str | Path, stdin: bytes = b"", cwd: Path = ROOT, timeout: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "toyvm", *map(str, args)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=env,
        timeout=timeout,
    )


@cache
def compiled(source: Path, level: str, *flags: str) -> str:
    """The assembly text gcc makes of a C program."""
    from tests.support.oracles import GCC

    command = [GCC, f"-{level}", *flags, "-S", "-w", "-o", "-", str(source)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def with_memory(size: int, options: RunOptions = OPTIONS) -> RunOptions:
    """The same options with `size` bytes of physical memory."""
    return replace(options, memory=size)


def shell(command: Sequence[str | Path], **kwargs: object) -> subprocess.CompletedProcess[bytes]:
    """Run another program; what it says on failure is in the exception."""
    done = subprocess.run([str(word) for word in command], capture_output=True, **kwargs)  # type: ignore[call-overload]  # of any of its forms
    if done.returncode:
        raise AssertionError(
            f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr.decode(errors='replace')}"
        )
    return done
