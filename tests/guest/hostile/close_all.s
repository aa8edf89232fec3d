# Closes every descriptor, and finds that nobody hears it; it can still say so by its status.
        .text
        .globl  main
main:   li      s0, 0
1:      mv      a0, s0
        li      a7, 57
        ecall
        addi    s0, s0, 1
        li      t0, 2000
        bne     s0, t0, 1b
        li      a0, 1
        la      a1, text
        li      a2, 4
        li      a7, 64
        ecall
        neg     a0, a0                  # EBADF
        li      a7, 94
        ecall
        .section .rodata
text:   .string "lost"
