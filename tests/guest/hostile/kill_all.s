# A child that kills everybody it may.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        call    fork
        beqz    a0, 1f
        li      a0, 100
        call    sleep
        leave
1:      li      a0, -1
        li      a1, 9
        sys     129
        li      a0, 0
        sys     94
