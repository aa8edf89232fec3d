# threads: four threads add to one counter, and then speak in turn.
#
# pthread_create makes a thread: a path of execution with registers and a stack of its own, in the same memory. All four
# add 1 to the same word 5000 times. An addition is a load, an add and a store, and another thread may run between them;
# so each takes a mutex first. Without it, some additions would be lost.
#
# Then each waits until it is its turn. A condition variable lets a thread sleep until another one says that something
# has changed: the thread looks again, and sleeps again if it is not its turn yet.
#
#   toyvm run asm/threads.s
#   toyvm run --trace=process,syscalls asm/threads.s
#   toyvm run --schedule-seed 7 --stats asm/threads.s
#
# Look at clone and futex in the trace: a mutex that is free costs no system call. With another --schedule-seed the
# threads run in another order, and the output is the same.

        .equ    THREADS, 4
        .equ    TIMES, 5000

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      s0, 48(sp)

        li      s0, 0                   # pthread_t threads[THREADS] at sp
1:      slli    a0, s0, 3
        add     a0, sp, a0
        li      a1, 0
        la      a2, work
        mv      a3, s0                  # its argument: its number
        call    pthread_create
        bnez    a0, leave
        addi    s0, s0, 1
        li      t0, THREADS
        bne     s0, t0, 1b

        li      s0, 0
2:      slli    t0, s0, 3
        add     a1, sp, t0
        ld      a0, 0(a1)
        call    pthread_join            # what the thread returned replaces its number
        addi    s0, s0, 1
        li      t0, THREADS
        bne     s0, t0, 2b

        li      s0, 0
3:      slli    t0, s0, 3
        add     t0, sp, t0
        ld      a2, 0(t0)
        mv      a1, s0
        la      a0, ended
        call    printf
        addi    s0, s0, 1
        li      t0, THREADS
        bne     s0, t0, 3b

        la      a0, sum
        la      t0, counter
        ld      a1, 0(t0)
        call    printf
        li      a0, 0
leave:  ld      ra, 56(sp)
        ld      s0, 48(sp)
        addi    sp, sp, 64
        ret
        .size   main, . - main

# work(number): add, wait for the turn, speak; returns the square of its number.
        .type   work, @function
work:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0

        li      s1, TIMES
1:      la      a0, mutex
        call    pthread_mutex_lock
        la      t0, counter
        ld      t1, 0(t0)
        addi    t1, t1, 1
        sd      t1, 0(t0)
        la      a0, mutex
        call    pthread_mutex_unlock
        addi    s1, s1, -1
        bnez    s1, 1b

        la      a0, mutex
        call    pthread_mutex_lock
2:      la      t0, turn                # the word is looked at with the mutex held
        ld      t0, 0(t0)
        beq     t0, s0, 3f
        la      a0, changed
        la      a1, mutex
        call    pthread_cond_wait       # which frees the mutex while it sleeps
        j       2b
3:      la      a0, speaks
        mv      a1, s0
        call    printf
        la      t0, turn
        addi    t1, s0, 1
        sd      t1, 0(t0)
        la      a0, changed
        call    pthread_cond_broadcast
        la      a0, mutex
        call    pthread_mutex_unlock

        mul     a0, s0, s0
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        .size   work, . - work

        .section .rodata
speaks: .string "thread %d speaks\n"
ended:  .string "thread %d has ended with %d\n"
sum:    .string "the sum is %d\n"

        .data
        .balign 8
mutex:  .zero   40                      # as large as glibc's pthread_mutex_t
changed:
        .zero   48                      # and pthread_cond_t
counter:
        .dword  0
turn:   .dword  0
