"""Selects inputs for the tree from what `make fuzz` has found: `python -m tests.fuzz.guided.shrink [FOLDER] [TARGET...]`.

The small inputs that execute lines of toyvm that no seed and no input before them does, up to a few kilobytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from .targets import CORPORA, TARGETS, Target

ROOM = 8 << 10  # bytes for each target
LARGEST = 1500  # bytes of an input
SECONDS = 25.0  # for each target


def lines_of(run: Callable[[], None]) -> set[tuple[str, int]]:
    """The lines of toyvm that a call executes."""
    found: set[tuple[str, int]] = set()

    def local(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        return local if "/toyvm/" in frame.f_code.co_filename and event == "call" else None

    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(None)
    return found


def select(target: Target, inputs: list[bytes]) -> list[bytes]:
    """Those of `inputs` that add lines to the seeds', the smallest first."""
    known: set[tuple[str, int]] = set()
    for data in target.seeds():
        known |= lines_of(lambda data=data: target.run(data))  # type: ignore[misc]  # the input of this round
    kept: list[bytes] = []
    end = time.monotonic() + SECONDS
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        if len(data) > LARGEST or time.monotonic() > end:
            break
        new = lines_of(lambda data=data: target.run(data)) - known  # type: ignore[misc]  # the input of this round
        if len(new) > 1 and sum(map(len, kept)) + len(data) <= ROOM:
            kept.append(data)
            known |= new
    return kept


def main() -> None:
    folder, *names = sys.argv[1:] or ["build/fuzz"]
    for name in names or TARGETS:
        target = TARGETS[name]
        found = [path.read_bytes() for path in Path(folder, "corpus", name).glob("*")]
        with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
            kept = select(target, found + target.corpus())
        place = CORPORA / name
        for path in place.glob("*"):
            path.unlink()
        for data in kept:
            place.mkdir(parents=True, exist_ok=True)
            (place / hashlib.sha1(data).hexdigest()[:12]).write_bytes(data)
        print(f"{name:<16} {len(found)} inputs, {len(kept)} kept, {sum(map(len, kept))} bytes", flush=True)


if __name__ == "__main__":
    main()
