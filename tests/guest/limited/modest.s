# Forty pages, written two hundred times over; the status is 42 if each holds what it should in the end.
        .include "../guest.inc"
        .equ    PAGE, 4096
        .equ    COUNT, 40
        .equ    ROUNDS, 200
        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, COUNT * PAGE
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        mv      s0, a0
        li      s1, ROUNDS
        li      t3, PAGE
1:      mv      t0, s0
        li      t1, COUNT
2:      ld      t2, 0(t0)
        add     t2, t2, t1
        sd      t2, 0(t0)
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 2b
        addi    s1, s1, -1
        bnez    s1, 1b

        mv      t0, s0
        li      t1, COUNT
        li      t4, ROUNDS
        li      s2, 42
3:      ld      t2, 0(t0)
        mul     t5, t1, t4
        beq     t2, t5, 4f
        li      s2, 1
4:      add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 3b
        mv      a0, s2
        call    exit
