# Maps more than there is, which is allowed, and touches it, which is not.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, 1 << 30
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 2f
        li      t0, 1 << 30
        add     t0, a0, t0
        li      t1, 4096
1:      sd      t0, 0(a0)
        add     a0, a0, t1
        bltu    a0, t0, 1b
2:      leave   5
