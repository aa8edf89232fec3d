# Replaces itself by itself, forever.
        .text
        .globl  _start
_start: la      a0, myself
        li      a1, 0
        li      a2, 0
        li      a7, 221
        ecall
        li      a0, 1
        li      a7, 93
        ecall
        .section .rodata
myself: .string "/proc/self/exe"
