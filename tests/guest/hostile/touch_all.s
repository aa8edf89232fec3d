# Takes memory, a piece at a time, and touches it, until there is no more.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
1:      li      a0, 0
        li      a1, 1 << 20
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 3f
        li      t0, 1 << 20
        add     t0, a0, t0
        li      t1, 4096
2:      sd      t0, 0(a0)
        add     a0, a0, t1
        bltu    a0, t0, 2b
        j       1b
3:      leave   5
