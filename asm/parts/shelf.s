# shelf: a library that is used completely: 64 functions, each on a page of its own.
#
#   long shelf_sum(void)        calls each of them, and returns 0 + 1 + ... + 63 = 2016

        .equ    FUNCTIONS, 64
        .equ    PAGE, 4096

        .text
        .globl  shelf_sum
        .type   shelf_sum, @function
shelf_sum:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)
        lla     s0, functions
        li      s1, FUNCTIONS
        li      s2, 0
1:      jalr    s0
        add     s2, s2, a0
        li      t0, PAGE
        add     s0, s0, t0
        addi    s1, s1, -1
        bnez    s1, 1b
        mv      a0, s2
        ld      s2, 0(sp)
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .balign PAGE
functions:
        .set    number, 0
        .rept   FUNCTIONS
        .balign PAGE
        li      a0, number
        ret
        .set    number, number + 1
        .endr
