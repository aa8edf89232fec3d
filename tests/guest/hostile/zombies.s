# Children that end at once and that nobody waits for, until there is no room for one more.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        li      s0, 0
1:      li      a0, 17
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220
        beqz    a0, 3f
        bltz    a0, 2f
        addi    s0, s0, 1
        li      t0, 3000
        bne     s0, t0, 1b
        leave   7
2:      mv      s1, a0
        li      s2, 0
4:      li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260
        bltz    a0, 5f
        addi    s2, s2, 1
        j       4b
5:      sub     a0, s2, s0
        show    "reaped as many as were made: %ld\n"
        mv      a0, s1
        show    "and then: %ld\n"
        leave
3:      sys     94
