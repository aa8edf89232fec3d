# longjmp gives back fs0 to fs11, which a function must keep, as they were at setjmp.
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        .irp    r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        li      t0, \r + 100
        fcvt.d.l fs\r, t0
        .endr
        la      a0, place
        call    setjmp
        bnez    a0, back
        .irp    r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        fmv.d.x fs\r, zero
        .endr
        la      a0, place
        li      a1, 7
        call    longjmp
back:   show    "longjmp: %ld\n"
        li      s0, 0                   # each register in its place
        .irp    r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        fcvt.l.d t0, fs\r
        addi    t0, t0, -(\r + 100)
        or      s0, s0, t0
        .endr
        mv      a0, s0
        show    "differences: %ld\n"
        leave

        .bss
        .balign 16
place:  .zero   512                     # jmp_buf of glibc is longer than ours
