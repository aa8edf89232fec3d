"""The numbers of system calls that the loader and libc write themselves are those of the kernel's table."""

from __future__ import annotations

import re
from pathlib import Path

from toyvm.kernel.syscalls.table import PRIVATE, SYSTEM_CALLS
from toyvm.loader import stub

ROOT = Path(__file__).parents[3]
NUMBERS = {row[0]: number for number, row in SYSTEM_CALLS.items()}
PRIVATE_CALLS = {name: number for name, number in NUMBERS.items() if PRIVATE in SYSTEM_CALLS[number][3:]}


def test_the_loader_serves_the_private_calls_of_the_table() -> None:
    calls = {name.lower(): number for name, number in vars(stub).items() if name.startswith("DL_")}
    assert calls == PRIVATE_CALLS


def test_the_stub_makes_calls_of_the_table() -> None:
    made = {name.removeprefix("SYS_").lower(): number for name, number in stub._CONSTANTS}
    calls = {name: number for name, number in made.items() if name in NUMBERS}
    assert calls == {name: NUMBERS[name] for name in calls}
    assert calls.keys() == {"dl_resolve", "dl_next_init", "dl_next_fini", "dl_fini", "exit_group"}


def test_libc_makes_calls_of_the_table() -> None:
    text = (ROOT / "libs/libc/defs.inc").read_text()
    calls = {
        name.lower(): int(number)
        for name, number in re.findall(r"^\s*\.equ\s+SYS_(\w+),\s*(\d+)", text, re.MULTILINE)
    }
    assert len(calls) > 50
    assert calls == {name: NUMBERS.get(name) for name in calls}
