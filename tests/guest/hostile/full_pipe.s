# Two processes that each fill a pipe before they read the other's: both wait forever.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        la      a0, one
        li      a1, 0
        sys     59
        la      a0, other
        li      a1, 0
        sys     59
        la      t0, one
        lw      s0, 4(t0)
        la      t0, other
        lw      s1, 0(t0)
        call    fork
        bnez    a0, 1f
        la      t0, other
        lw      s0, 4(t0)
        la      t0, one
        lw      s1, 0(t0)
1:      mv      a0, s0
        la      a1, block
        li      a2, 100000
        sys     64
        mv      a0, s1
        la      a1, block
        li      a2, 100000
        sys     63
        leave
        .bss
        .balign 8
one:    .skip   8
other:  .skip   8
block:  .skip   100000
