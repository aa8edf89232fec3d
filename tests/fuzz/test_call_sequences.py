"""Random sequences of system calls by several processes: no exception of the host's, nothing left, nothing outside the root.

`TOYVM_CALL_SEQUENCES=100000` makes as many; the first number is TOYVM_CALL_SEQUENCES_FROM.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.call_makers import MAKERS
from tests.support.call_sequences import Sequence
from toyvm.kernel.syscalls.table import SYSTEM_CALLS

SEQUENCES = int(os.environ.get("TOYVM_CALL_SEQUENCES", "400"))
FIRST = int(os.environ.get("TOYVM_CALL_SEQUENCES_FROM", "0"))
PARTS = 8
CALLS = 40  # of one sequence
SECRET = b"what is not in the sandbox"
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.system",
    "os.spawn",
    "shutil.",
)

_watched: list[str] = []  # events of the interpreter that no guest may cause; empty while nobody looks
_watching = False


def _audit(event: str, _arguments: tuple[object, ...]) -> None:
    if _watching and event.startswith(_FORBIDDEN):
        _watched.append(event)


sys.addaudithook(_audit)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder for the guest, with links that lead out of it, and a secret beside it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "kept").write_bytes(b"kept" * 1000)
    (root / "sub" / "inner").write_bytes(b"inner")
    (root / "out").symlink_to(tmp_path)
    (root / "up").symlink_to("../..")
    (root / "loop").symlink_to("loop")
    (tmp_path / "secret").write_bytes(SECRET)
    before = {path: path.lstat().st_mtime_ns for path in (tmp_path, tmp_path / "secret")}
    global _watching
    _watching = True
    yield root
    _watching = False
    assert not _watched
    assert {path: path.lstat().st_mtime_ns for path in before} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root", "secret"]
    assert (tmp_path / "secret").read_bytes() == SECRET


def _descriptors() -> int:
    gc.collect()  # the folder of a machine that is gone
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("part", range(PARTS))
def test_no_sequence_leaves_the_kernel(place: Path, part: int) -> None:
    descriptors = _descriptors()
    for seed in range(FIRST + part, FIRST + SEQUENCES, PARTS):
        sequence = Sequence(seed, str(place), writable=seed % 3 == 0)
        try:
            for _ in range(CALLS):
                if not sequence.step():
                    break
            assert bytes(sequence.kernel.memory.u8).find(SECRET) < 0
            sequence.end()
        except BaseException as failure:
            failure.add_note(f"sequence {seed}, {sequence.last[0]}{tuple(map(hex, sequence.last[1]))}")
            raise
    del sequence
    assert _descriptors() == descriptors


def test_most_calls_succeed_sometimes() -> None:
    """The arguments are good enough: nearly every call that is tried has its way in some sequence."""
    good: set[str] = set()
    for seed in range(200):
        sequence = Sequence(seed)
        for _ in range(CALLS):
            if not sequence.step():
                break
        good.update(name for name, result in sequence.results if result is not None and result < 1 << 63)
    never = set(MAKERS) - good
    assert len(never) < 20, sorted(never)
    assert set(MAKERS) <= {row[0] for row in SYSTEM_CALLS.values()}
