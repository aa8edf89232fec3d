# Pseudo-random numbers: rand(3), srand(3). A 64-bit linear congruential generator with Knuth's multiplier (MMIX), of
# which the upper bits are used. A seed always gives the same numbers; the default seed is 1. No two threads get the same
# number of the sequence.

        .include "defs.inc"

# int rand(void): 0 .. RAND_MAX = 2^31 - 1
        FUNC    rand
        ALSO    random                  # (long; the same numbers)
        LOCKED_BY unlocked_rand, rand_lock
unlocked_rand:
        lla     t0, rand_state
        ld      a0, 0(t0)
        lla     t1, multiplier
        ld      t1, 0(t1)
        mul     a0, a0, t1
        lla     t1, increment
        ld      t1, 0(t1)
        add     a0, a0, t1
        sd      a0, 0(t0)
        srli    a0, a0, 33
        ret
        END     rand

# void srand(unsigned seed)
        FUNC    srand
        ALSO    srandom
        slli    a0, a0, 32
        srli    a0, a0, 32
        lla     t0, rand_state
        sd      a0, 0(t0)
        ret
        END     srand

        .section .rodata
        .balign 8
multiplier:
        .dword  6364136223846793005
increment:
        .dword  1442695040888963407

        .data
        .balign 8
rand_state:
        .dword  1

        .bss
        .balign 4
rand_lock:
        .skip   4
