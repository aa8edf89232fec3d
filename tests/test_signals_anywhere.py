"""A signal may interrupt a hot loop at each of its instructions; no engine loses or repeats one.

A child sends signals all the time. The handler notes at which instruction of the loop it was called. A time slice has so
few instructions, and their numbers are such, that after a few thousand rounds each instruction was the next one once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import OPTIONS
from tests.support.ways import check_every_way
from toyvm.base.record import replace
from toyvm.build import build_program
from toyvm.engines.llvm.translator import unavailable
from toyvm.result import RunResult
from toyvm.system import run

ROUNDS = 3000
PROGRAM = f"""
        .equ    SIGKILL, 9
        .equ    SIGUSR1, 10
        .equ    SIGCHLD, 17
        .equ    SA_SIGINFO, 4
        .equ    PC, 176                 # in a ucontext: where the thread was interrupted
        .macro  sys number
        li      a7, \\number
        ecall
        .endm
        .data
        .balign 8
rounds: .dword  {ROUNDS}
action: .dword  handler, SA_SIGINFO, 0
cell:   .dword  0
marks:  .zero   64
        .text
handler:
        ld      a1, PC(a2)
        la      a0, body
        sub     a1, a1, a0
        li      a0, 40                  # bytes of the loop
        bgeu    a1, a0, 1f              # outside
        la      a0, marks
        add     a0, a0, a1
        li      a1, 1
        sb      a1, 0(a0)
1:      ret

        .globl  main
main:   mv      s8, ra
        li      a0, SIGUSR1
        la      a1, action
        li      a2, 0
        li      a3, 8
        sys     134                     # rt_sigaction
        sys     172                     # getpid
        mv      s1, a0
        li      a0, SIGCHLD
        li      a1, 0
        sys     220                     # clone
        bnez    a0, parent
send:   mv      a0, s1
        li      a1, SIGUSR1
        sys     129                     # kill
        j       send
parent: mv      s7, a0
        la      t0, rounds
        ld      s0, 0(t0)
        la      s2, cell
        li      s3, 0x9E3779B97F4A7C15
        li      s4, 1
body:   ld      t0, 0(s2)
        add     t0, t0, s4
        mul     t0, t0, s3
        c.mv    t1, t0
        srli    t1, t1, 29
        xor     t0, t0, t1
        sd      t0, 0(s2)
        andi    t1, t0, 1
        beqz    t1, even
        addi    s4, s4, 3
even:   c.addi  s4, 1
        c.addi  s0, -1
        bnez    s0, body
        mv      a0, s7
        li      a1, SIGKILL
        sys     129
        mv      a0, s7
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
        li      a0, 1
        la      a1, cell
        li      a2, 72
        sys     64                      # write
        li      a0, 0
        jr      s8
"""
# The distances of the instructions from `body`: some are compressed.
BOUNDARIES = [0, 4, 6, 10, 12, 16, 20, 24, 28, 32, 34, 36, 38]


def sum_of_the_loop() -> int:
    """What the loop leaves in `cell`, uninterrupted."""
    cell, step = 0, 1
    for _ in range(ROUNDS):
        cell = (cell + step) * 0x9E3779B97F4A7C15 % (1 << 64)
        cell ^= cell >> 29
        step += 4 if cell & 1 else 1
    return cell


@pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")
@pytest.mark.parametrize("quantum", [61, 97, 1009])
def test_a_signal_at_each_instruction_of_a_hot_loop(quantum: int, tmp_path: Path) -> None:
    source = tmp_path / "signals.s"
    source.write_text(PROGRAM)
    program = build_program([source], linkage="static")

    def check(result: RunResult) -> None:
        assert (result.status, result.stderr) == (0, b"")
        assert int.from_bytes(result.stdout[:8], "little") == sum_of_the_loop()
        marked = [at for at, mark in enumerate(result.stdout[8:]) if mark]
        assert set(marked) <= set(BOUNDARIES)
        if quantum < 1000:
            assert marked == BOUNDARIES

    check_every_way(
        lambda options: run(program, ["signals"], replace(options, quantum=quantum), capture=True),
        check,
        OPTIONS,
    )
