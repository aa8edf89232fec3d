"""A task for tests of the pool: does what its work says."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any


def prepare() -> None:
    """Nothing: the task imports little."""


def perform(work: Any) -> Any:
    """`work` is the name of a deed and its argument."""
    deed, argument = work
    return globals()[f"_{deed}"](argument)


def _double(number: int) -> int:
    return 2 * number


def _note(path: str) -> str:
    """Add a byte to a file of the host, which counts how often the job was done."""
    with open(path, "ab") as file:
        file.write(b".")
    return path


def _slow_note(path: str) -> str:
    _note(path)
    time.sleep(0.05)
    return path


def _hang(_: None) -> None:
    while True:
        time.sleep(10)


def _raise(text: str) -> None:
    raise ValueError(text)


def _kill_itself(_: None) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _kill_worker(flag: str) -> str:
    """Kill the worker, once if `flag` is a path: the file tells that it happened. Always without."""
    if not flag or not Path(flag).exists():
        if flag:
            Path(flag).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(10)
    return "survived"


def _hoard(size: int) -> int:
    return len(bytearray(size))


def _chatter(size: int) -> str:
    return "x" * size


def _litter(_: None) -> list[str]:
    """What is in the current folder, in which a file is then left."""
    found = os.listdir()
    Path("litter").write_text("x")
    return found


def _leave_early(_: None) -> None:
    os._exit(7)
