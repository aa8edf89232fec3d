# Time: it goes on while one sleeps, sleepers wake in order, a process that computes is not alone.
        .include "guest.inc"
        .text
# now: seconds of CLOCK_MONOTONIC in a0, nanoseconds in a1
now:    addi    sp, sp, -16
        li      a0, 1
        mv      a1, sp
        sys     113
        ld      a0, 0(sp)
        ld      a1, 8(sp)
        addi    sp, sp, 16
        ret
        .globl  main
main:   enter
        call    now
        mv      s0, a0
        mv      s1, a1
        la      a0, half
        li      a1, 0
        sys     101
        show    "nanosleep: %ld\n"
        call    now
        sub     a0, a0, s0
        li      t0, 1000000000
        mul     a0, a0, t0
        add     a0, a0, a1
        sub     a0, a0, s1
        li      t0, 500000000
        sltu    a0, a0, t0
        show    "less than half a second passed: %ld\n"
        la      a0, wrong
        li      a1, 0
        sys     101
        show    "nanosleep of 2000000000 ns: %ld\n"

        # The child spins until the parent, woken from its sleep, writes to the shared page.
        li      a0, 0
        li      a1, 4096
        li      a2, 3
        li      a3, 0x21
        li      a4, -1
        li      a5, 0
        call    mmap
        mv      s2, a0
        flush
        call    fork
        bnez    a0, 2f
1:      lw      t0, 0(s2)
        beqz    t0, 1b
        li      a0, 9
        call    exit
2:      la      a0, short
        li      a1, 0
        sys     101
        li      t0, 1
        sw      t0, 0(s2)
        mv      a0, s2
        call    wait
        lw      a0, 0(s2)
        srai    a0, a0, 8
        show    "the spinning child saw it: %ld\n"
        leave

        .section .rodata
        .balign 8
half:   .dword  0, 500000000
short:  .dword  0, 1000000
wrong:  .dword  0, 2000000000
