# pthread functions at their edges: attributes, busy mutexes, a thread that exits early, join's NULL, more threads than fit.
# toyvm: qemu: no it reaches the limits of toyvm's own pthread functions and of its memory
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        addi    sp, sp, -16
        mv      a0, sp
        la      a1, mutex
        la      a2, early
        li      a3, 0
        call    pthread_create
        show    "with attributes: %ld\n"
        call    pthread_self
        show    "the first thread: %ld\n"
        la      a0, mutex
        call    pthread_mutex_trylock
        show    "trylock: %ld\n"
        la      a0, mutex
        call    pthread_mutex_trylock
        show    "trylock again: %ld\n"
        la      a0, mutex
        call    pthread_mutex_unlock
        mv      a0, sp
        li      a1, 0
        la      a2, early
        li      a3, 7
        call    pthread_create
        show    "create: %ld\n"
        ld      a0, 0(sp)
        mv      a1, sp
        call    pthread_join
        show    "join: %ld\n"
        ld      a0, 0(sp)
        show    "result: %ld\n"

        li      s0, 3000                # one after the other: their memory comes back
1:      mv      a0, sp
        li      a1, 0
        la      a2, early
        li      a3, 1
        call    pthread_create
        bnez    a0, 2f
        ld      a0, 0(sp)
        li      a1, 0
        call    pthread_join
        addi    s0, s0, -1
        bnez    s0, 1b
2:      mv      a0, s0
        show    "left of 3000: %ld\n"

        li      s0, 0                   # all at once: there is a limit
        la      a0, mutex
        call    pthread_mutex_lock
3:      mv      a0, sp
        li      a1, 0
        la      a2, blocked
        li      a3, 0
        call    pthread_create
        bnez    a0, 4f
        addi    s0, s0, 1
        j       3b
4:      show    "no more: %ld\n"
        sltiu   a0, s0, 100
        show    "less than a hundred: %ld\n"
        addi    sp, sp, 16
        leave

early:  addi    sp, sp, -16
        sd      ra, 8(sp)
        addi    a0, a0, 35
        call    pthread_exit
        ebreak

blocked:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, mutex
        call    pthread_mutex_lock
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .data
        .balign 4
mutex:  .word   0
