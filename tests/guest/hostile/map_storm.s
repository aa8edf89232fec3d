# Thousands of small mappings, every other one with other rights, so that they cannot be joined; then all taken away.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        li      s0, 2000
        li      s1, 0x20000000
        mv      s2, s1
1:      mv      a0, s2
        li      a1, 4096
        andi    a2, s0, 1
        addi    a2, a2, 1
        li      a3, 0x32
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 2f
        li      t0, 4096
        add     s2, s2, t0
        addi    s0, s0, -1
        bnez    s0, 1b
2:      mv      a0, s0
        show    "not mapped: %ld\n"
        li      t0, 500 * 4096
        add     t0, s1, t0
        lbu     a0, 0(t0)
        show    "in the middle: %ld\n"
        mv      a0, s1
        sub     a1, s2, s1
        sys     215
        show    "all taken away: %ld\n"
        leave
