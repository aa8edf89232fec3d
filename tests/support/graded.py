"""An assignment of 20 tests and generated submissions whose verdicts are known by construction.

A submission is one program. Its table says for each test whether it does what is asked, or what
else it does: KINDS has the things that it may do, and the state that follows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

# What a program does instead of what a test asks -> the state of the test.
KINDS = {
    "wrong": "failed",
    "crash": "signal",
    "loop": "limit",
    "forks": "limit",
    "disk": "failed",
    "spam": "limit",
    "waits": "limit",
}
UNBUILT = "unbuilt"

ASSIGNMENT = r"""
title = "Twenty <tests> & more"
[build]
points = 1
include = ["numbers.inc"]
[limits]
instructions = 200_000
syscalls = 2_000
output = "4K"
files = "256K"
processes = 8
memory = "8M"
[[test]]
name = "exact"
args = ["1"]
expect.stdout = "one\n"
[[test]]
name = "lines"
args = ["2"]
expect.stdout = { lines = "one\ntwo  \n\n" }
[[test]]
name = "pattern"
args = ["3"]
expect.stdout = { pattern = '^tw[aeiou]$' }
[[test]]
name = "input"
args = ["4"]
stdin = "from the input\n"
expect.stdout = "from the input\n"
[[test]]
name = "status"
args = ["5"]
expect.status = 7
[[test]]
name = "signal"
args = ["6"]
expect.signal = "SIGSEGV"
[[test]]
name = "writes a file"
args = ["7"]
expect.files = { "/tmp/out" = "one\n" }
[[test]]
name = "reads a file"
args = ["8"]
files = { "/tmp/in" = "from a file\n" }
expect.stdout = "from a file\n"
[[test]]
name = "forks"
args = ["9"]
expect = { stdout = "one\n", uses = ["fork", "wait4"], at_least = { copies = 1, processes = 2 } }
[[test]]
name = "no leak"
args = ["10"]
expect.no_leak = true
[[test]]
name = "dynamic"
linkage = "dynamic"
args = ["11"]
expect = { stdout = "one\n", dynamic = true, loads = ["libc.so"] }
[[test]]
name = "quick"
args = ["12"]
expect = { stdout = "one\n", at_most = { instructions = 5_000, faults = 40, frames = 64 } }
[[test]]
name = "standard error"
args = ["13"]
expect.stderr = "one\n"
[[test]]
name = "environment"
args = ["14"]
env = { WORD = "word" }
expect.stdout = { lines = "word" }
[[test]]
name = "forbids"
args = ["15"]
expect = { stdout = "one\n", forbids = ["openat", "clone"] }
[[test]]
name = "uses"
args = ["16"]
expect.uses = ["mmap"]
expect.stdout = "two\n"
[[test]]
name = "contains"
args = ["17"]
expect.stdout = { contains = "ne\ntw" }
[[test]]
name = "hidden"
hidden = true
points = 2
args = ["18"]
expect.stdout = "two\n"
[[test]]
name = "partial"
partial = true
points = 3
args = ["19"]
expect = { stdout = "one\n", stderr = "two\n" }
[[test]]
name = "both"
linkage = "both"
hint = "once each way"
args = ["20"]
expect.stdout = "two\n"
"""
TESTS = 20
PARTIAL, SIGNAL = 19, 6  # the tests that a program can half do, and that ask for a crash

PROGRAM = r"""
        .include "numbers.inc"
        .macro  say stream, text, size
        li      a0, \stream
        la      a1, \text
        li      a2, \size
        li      a7, WRITE
        ecall
        .endm
        .macro  open path, flags
        li      a0, -100
        la      a1, \path
        li      a2, \flags
        li      a3, 0x1b4
        li      a7, 56
        ecall
        .endm
        .macro  fork
        li      a0, 17
        li      a1, 0
        li      a7, 220
        ecall
        .endm

        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        ld      a0, 8(a1)
        call    atol
        la      t0, table
        slli    a0, a0, 3
        add     t0, t0, a0
        ld      t0, -8(t0)
        jalr    t0
        li      a0, 0
good:   ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

two_lines:
        say     1, one, 4
print_two:
        say     1, two, 4
        ret
print_one:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, puts_one
        call    puts
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
copy_input:
        li      a0, 0
copy:   la      a1, buffer
        li      a2, 64
        li      a7, 63
        ecall
        mv      a2, a0
        li      a0, 1
        la      a1, buffer
        li      a7, WRITE
        ecall
        ret
status: li      a0, 7
        j       good
write_file:
        open    out_path, 0x41
        la      a1, one
        li      a2, 4
        li      a7, WRITE
        ecall
        ret
read_file:
        open    in_path, 0
        j       copy
forking:
        fork
        bnez    a0, 1f
        la      t0, one
        sb      zero, 0(t0)             # the child's own copy
        li      a7, 93
        ecall
1:      li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a7, 260
        ecall
        say     1, one, 4
        ret
variable:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, word
        call    getenv
        call    puts
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
error_one:
        say     2, one, 4
        ret
mapping:
        li      a0, 0
        li      a1, 4096
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        li      a7, 222
        ecall
        j       print_two
both_streams:
        say     2, two, 4
        say     1, one, 4
        ret
nothing:
        ret

half:   say     1, one, 4
        ret
wrong:  say     1, wrong_text, 6
        li      a0, 3
        j       good
crash:  sd      zero, 0(zero)
loop:   j       loop
forks:  fork
        j       forks
spam:   say     1, one, 4
        j       spam
disk:   open    out_path, 0x41
        mv      s0, a0
1:      mv      a0, s0
        la      a1, buffer
        li      a2, 16384
        li      a7, WRITE
        ecall
        bgez    a0, 1b
        li      a0, 4
        j       good
waits:  la      a0, buffer
        li      a1, 8
        li      a7, 133                 # rt_sigsuspend
        ecall
        j       waits

        .data
table:  .dword  TABLE
one:    .ascii  "one\n"
two:    .ascii  "two\n"
puts_one: .string "one"
wrong_text: .ascii "wrong\n"
out_path: .string "/tmp/out"
in_path: .string "/tmp/in"
word:   .string "WORD"
        .bss
        .balign 8
buffer: .zero   16384
"""

# What each test asks for, by its label in the program.
RIGHT = (
    *("print_one", "two_lines", "print_two", "copy_input", "status"),
    *("crash", "write_file", "read_file", "forking", "nothing"),
    *("print_one", "print_one", "error_one", "variable", "print_one"),
    *("mapping", "two_lines", "print_two", "both_streams", "print_two"),
)


def write_assignment(folder: Path) -> Path:
    """The assignment and its file; returns its path."""
    (folder / "numbers.inc").write_text(".equ WRITE, 64\n")
    path = folder / "twenty.toml"
    path.write_text(ASSIGNMENT)
    return path


def write_submissions(folder: Path, count: int, seed: int = 1) -> dict[str, list[str]]:
    """Generated submissions in `folder`. Returns the state of each test of each, by name."""
    rng = random.Random(seed)
    kinds = ["right", *KINDS, UNBUILT]
    expected: dict[str, list[str]] = {}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name = f"{kind}{number:02}"
        labels, states = _behaviour(kind, rng)
        text = PROGRAM.replace("TABLE", ", ".join(labels))
        if kind == UNBUILT:
            text = text.replace("li      a0, 7", "lli     a0, 7")
            states = [UNBUILT] * TESTS
        (folder / f"{name}.s").write_text(text)
        expected[name] = states
    return expected


def _behaviour(kind: str, rng: random.Random) -> tuple[list[str], list[str]]:
    """The labels of a program that does `kind` in some tests, and the states that follow."""
    labels, states = list(RIGHT), ["passed"] * TESTS
    if kind in KINDS:
        for test in sorted(rng.sample(range(1, TESTS + 1), rng.randint(1, TESTS))):
            label = "wrong" if (kind, test) == ("crash", SIGNAL) else kind
            if test == PARTIAL and kind == "wrong":
                labels[test - 1], states[test - 1] = "half", "partly"
            else:
                labels[test - 1], states[test - 1] = label, KINDS[label]
    return labels, states


def states_of_cases(states: Sequence[str]) -> list[str]:
    """The states as grades have them: that of the build first, the last test once for each linkage."""
    build = UNBUILT if states[0] == UNBUILT else "passed"
    return [build, *states, states[-1]]
