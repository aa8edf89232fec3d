# Reads from a pipe whose only writer is itself: nobody will ever write.
        .text
        .globl  main
main:   addi    sp, sp, -16
        mv      a0, sp
        li      a1, 0
        li      a7, 59
        ecall
        lw      a0, 0(sp)
        mv      a1, sp
        li      a2, 1
        li      a7, 63
        ecall
        li      a0, 0
        li      a7, 94
        ecall
