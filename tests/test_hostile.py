"""Guests that misbehave: each ends with the right status and a clear message; never a traceback, never a hang.

The programs are in tests/guest/hostile; what they print, where they print, is in the .out file beside them. Each row
says the status, a pattern that standard error must have, and the machine's limits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.harness import GUEST, OPTIONS, cases, expected_output, toyvm
from toyvm.base.errors import NotExecutableError
from toyvm.base.record import replace
from toyvm.build import build_program
from toyvm.result import RunResult
from toyvm.system import run

HOSTILE = GUEST / "hostile"
MIB = 1 << 20

# name: (status, pattern in standard error, memory in bytes, most instructions)
ENDINGS: dict[str, tuple[int, str, int, int]] = {
    "asks_too_much": (0, "", 64 * MIB, 10**6),
    "breakpoint": (133, "Trace/breakpoint trap", 64 * MIB, 10**6),
    "children_touch_all": (0, "", 8 * MIB, 10**8),
    "close_all": (9, "", 64 * MIB, 10**6),
    "endless": (124, "instruction", 64 * MIB, 10**6),
    "exec_forever": (124, "instruction", 64 * MIB, 2_000),
    "exec_garbage": (0, "", 64 * MIB, 10**6),
    "fork_bomb": (3, "", 64 * MIB, 10**8),
    "fork_forever": (124, "instruction", 16 * MIB, 20_000),
    "full_pipe": (124, "wait|deadlock", 64 * MIB, 10**8),
    "futex_storm": (124, "instruction", 64 * MIB, 10**6),
    "illegal": (132, "Illegal instruction", 64 * MIB, 10**6),
    "jumps": (0, "Segmentation fault", 64 * MIB, 10**6),
    "kill_all": (137, "Killed", 64 * MIB, 10**6),
    "map_storm": (0, "", 64 * MIB, 10**6),
    "pipe_deadlock": (124, "wait|deadlock", 64 * MIB, 10**6),
    "privileged": (0, "Illegal instruction", 64 * MIB, 10**6),
    "recursion": (139, "Segmentation fault.*stack", 64 * MIB, 10**8),
    "stack_to_nowhere": (139, "Segmentation fault", 64 * MIB, 10**6),
    "thread_deadlock": (
        124,
        r"deadlock: every thread waits for ever\n"
        r"  thread 100 of process 100 \(thread_deadlock\) waits in futex at tid\n"
        r"    #0  0x\w+ main\+0x\w+ \(guest.inc:\d+\)\n    #1  0x\w+ __libc_start_main.*\n(    .*\n)*"
        r"  thread 101 of process 100 \(thread_deadlock\) waits in futex at never\n"
        r"    #0  0x\w+ main",
        64 * MIB,
        10**6,
    ),
    "threads_forever": (5, "", 64 * MIB, 10**8),
    "touch_all": (137, "(?i)out of memory", 4 * MIB, 10**8),
    "unmaps": (0, "Segmentation fault", 64 * MIB, 10**6),
    "wild_syscalls": (0, "", 64 * MIB, 10**8),
    "write_text": (139, "Segmentation fault.*write", 64 * MIB, 10**6),
    "zombies": (0, "", 64 * MIB, 10**8),
}


def test_every_hostile_program_has_an_ending() -> None:
    assert {path.stem for path in HOSTILE.glob("*.s")} == set(ENDINGS)


def run_hostile(name: str, memory: int, instructions: int) -> RunResult:
    program = build_program([HOSTILE / f"{name}.s"], linkage="static")
    options = replace(OPTIONS, memory=memory, max_instructions=instructions)
    return run(program, [name], options, stdin=b"", capture=True)


@pytest.mark.parametrize("name", ENDINGS)
def test_hostile_program(name: str) -> None:
    status, pattern, memory, instructions = ENDINGS[name]
    result = run_hostile(name, memory, instructions)
    told = result.stderr.decode("utf-8", "replace")
    assert result.status == status, told
    assert re.search(pattern, told, re.S), told
    assert "Traceback (most recent call last)" not in told
    if (HOSTILE / f"{name}.out").exists():
        assert result.stdout.decode() == expected_output(HOSTILE / f"{name}.s", "static").decode(), told
    assert result.frames_leaked == 0


@pytest.mark.parametrize("memory", [256 << 10, MIB, 4 * MIB])
def test_fork_bomb_in_a_small_memory(memory: int) -> None:
    """Memory goes before process numbers do: processes are killed one after another, and the machine stays whole."""
    result = run_hostile("fork_bomb", memory, 30_000)
    assert result.status in (3, 124, 137)
    assert b"out of memory" in result.stderr
    assert result.frames_leaked == 0


@pytest.mark.parametrize("name", ["illegal", "endless", "write_text"])
def test_hostile_program_from_the_command_line(name: str) -> None:
    """The status is the command's own, the message is on standard error, and there is no traceback."""
    status, pattern, _, instructions = ENDINGS[name]
    done = toyvm("run", "--max-instructions", str(instructions), HOSTILE / f"{name}.s")
    told = done.stderr.decode()
    assert done.returncode == status, told
    assert re.search(pattern, told, re.S), told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "damage",
    [
        lambda image: image[:40],
        lambda image: image[:100],
        lambda image: b"",
        lambda image: b"just words\n",
        lambda image: image[:18] + b"\x3e\x00" + image[20:],  # x86-64
        lambda image: image[:54] + b"\xff\xff" + image[56:],  # e_phentsize
        lambda image: image[:56] + b"\xff\xff" + image[58:],  # e_phnum
        lambda image: image[:32] + b"\xff" * 8 + image[40:],  # e_phoff
    ],
    ids=["40-bytes", "100-bytes", "empty", "words", "machine", "phentsize", "phnum", "phoff"],
)
def test_damaged_program(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """What is not a program is refused before it starts, with one message."""
    image = build_program([cases(HOSTILE.parent)[0].path], linkage="static").image
    path = tmp_path / "damaged"
    path.write_bytes(damage(image))
    path.chmod(0o755)
    with pytest.raises(NotExecutableError) as refused:
        run(path, ["damaged"], OPTIONS, stdin=b"", capture=True)
    assert "damaged" in str(refused.value)
    assert refused.value.exit_code == 126
