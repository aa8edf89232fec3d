# Interval timers: expiries are counted from the last one, on each of the three clocks; setitimer(which, NULL) disarms.
# toyvm: qemu: no it counts expiries, and the clocks of qemu run on between them
        .include "guest.inc"
        .text
# The handler: one more in `caught`.
count:  la      t0, caught
        ld      t1, 0(t0)
        addi    t1, t1, 1
        sd      t1, 0(t0)
        ret
# now: nanoseconds of clock a0
now:    addi    sp, sp, -16
        mv      a1, sp
        sys     113
        ld      t0, 0(sp)
        ld      a0, 8(sp)
        li      t1, 1000000000
        mul     t0, t0, t1
        add     a0, a0, t0
        addi    sp, sp, 16
        ret
# expiries: timer a0 with signal a1 every 20 microseconds; a0: how many there are in 1 millisecond of clock a2
expiries:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)
        mv      s0, a0
        mv      s1, a2
        la      t0, caught
        sd      zero, 0(t0)
        mv      a0, a1
        la      a1, action
        li      a2, 0
        li      a3, 8
        sys     134
        mv      a0, s1
        call    now
        li      t0, 1010000             # half an interval more: the last one is noticed
        add     s2, a0, t0
        mv      a0, s0
        la      a1, often
        li      a2, 0
        sys     103
1:      mv      a0, s1
        call    now
        blt     a0, s2, 1b
        mv      a0, s0
        li      a1, 0                   # NULL is zeros
        la      a2, old
        sys     103
        la      t0, caught
        ld      a0, 0(t0)
        ld      s2, 0(sp)
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        .globl  main
main:   enter
        li      a0, 0
        li      a1, 14
        li      a2, 1
        call    expiries
        show    "ITIMER_REAL: %ld\n"
        la      t0, old
        ld      a0, 8(t0)
        show    "the interval that was: %ld\n"
        la      t0, caught
        ld      s0, 0(t0)
        la      a0, while
        li      a1, 0
        sys     101
        show    "nothing ends the sleep after it: %ld\n"
        li      a0, 0
        la      a1, old
        sys     102
        la      t0, old
        ld      a0, 0(t0)
        ld      a1, 8(t0)
        ld      a2, 16(t0)
        ld      a3, 24(t0)
        or      a0, a0, a1
        or      a0, a0, a2
        or      a0, a0, a3
        show    "the timer afterwards: %ld\n"
        li      a0, 1
        li      a1, 26
        li      a2, 2
        call    expiries
        show    "ITIMER_VIRTUAL: %ld\n"
        li      a0, 2
        li      a1, 27
        li      a2, 2
        call    expiries
        show    "ITIMER_PROF: %ld\n"
        leave

        .section .rodata
        .balign 8
action: .dword  count, 0, 0
often:  .dword  0, 20, 0, 20
while:  .dword  0, 1000000
        .bss
        .balign 8
caught: .zero   8
old:    .zero   32
