"""Random programs for timelines: loops, faults, forks, signals, threads and system calls in any order."""

from __future__ import annotations

import random

_HEAD = """
    .globl _start
_start:
    la s0, area
    li s1, {seed}
    la a1, action
    la t0, handler
    sd t0, 0(a1)
    li a0, 10
    li a2, 0
    li a3, 8
    li a7, 134
    ecall
"""
_TAIL = """
    li a0, 0
    li a7, 94
    ecall
handler:
    la t0, count
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    ret
    .data
    .balign 8
action: .dword 0, 0, 0
count: .dword 0
text: .ascii "0123456789\\n"
    .bss
    .balign 4096
area: .zero {size}
stacks: .zero 65536
"""
AREA = 96 << 12


def random_program(seed: int, length: int = 12) -> str:
    """The source of a program that ends with status 0."""
    dice = random.Random(seed)
    lines = [_HEAD.format(seed=dice.getrandbits(31))]
    for number in range(1000, 1000 + length):
        lines.append(dice.choice(_KINDS)(dice, number))
    return "".join(lines) + _TAIL.format(size=AREA)


def _loop(dice: random.Random, n: int) -> str:
    """Stores in a few pages, some misaligned."""
    start, step = dice.randrange(0, AREA // 2, 4), dice.choice((8, 64, 4096 - 4, 3))
    rounds = min(dice.choice((5, 60, 3000)), (AREA - start - 16) // step)
    return f"""
    li t0, {start}
    add t0, t0, s0
    li t1, {rounds}
loop{n}:
    ld t2, 0(t0)
    add s1, s1, t2
    slli t3, s1, 7
    xor s1, s1, t3
    sd s1, 0(t0)
    addi t0, t0, {step if step < 2048 else 2000}
    addi t1, t1, -1
    bnez t1, loop{n}
"""


def _fork(dice: random.Random, n: int) -> str:
    """A child writes to shared pages and exits; the parent may write before it waits."""
    return f"""
    li a0, 17
    li a1, 0
    li a2, 0
    li a3, 0
    li a4, 0
    li a7, 220
    ecall
    bnez a0, parent{n}
    {_loop(dice, n * 100 + 1)}
    li a0, {n}
    li a7, 94
    ecall
parent{n}:
    {_loop(dice, n * 100 + 2) if dice.random() < 0.5 else ""}
    li a0, -1
    li a1, 0
    li a2, 0
    li a3, 0
    li a7, 260
    ecall
"""


def _signal(dice: random.Random, n: int) -> str:
    """SIGUSR1 to itself."""
    return """
    li a7, 172
    ecall
    li a1, 10
    li a7, 129
    ecall
"""


def _thread(dice: random.Random, n: int) -> str:
    """A thread that shares memory, runs a loop and ends; the other does not wait for it."""
    top = 4096 * (n % 15 + 1)
    return f"""
    li a0, 0x10f00
    la a1, stacks
    li t0, {top}
    add a1, a1, t0
    li a2, 0
    li a3, 0
    li a4, 0
    li a7, 220
    ecall
    bnez a0, creator{n}
    {_loop(dice, n * 100 + 3)}
    li a0, 0
    li a7, 93
    ecall
creator{n}:
"""


def _write(dice: random.Random, n: int) -> str:
    return f"""
    li a0, {dice.choice((1, 2))}
    la a1, text
    li a2, {dice.randrange(1, 12)}
    li a7, 64
    ecall
"""


def _yield(dice: random.Random, n: int) -> str:
    return """
    li a7, 124
    ecall
"""


def _map(dice: random.Random, n: int) -> str:
    """mmap, a store, munmap."""
    return f"""
    li a0, 0
    li a1, {dice.choice((4096, 40960))}
    li a2, 3
    li a3, {dice.choice((0x21, 0x22))}
    li a4, -1
    li a5, 0
    li a7, 222
    ecall
    sd s1, 16(a0)
    li a1, 4096
    li a7, {dice.choice((215, 124))}
    ecall
"""


_KINDS = (_loop, _loop, _loop, _fork, _signal, _thread, _write, _yield, _map)
