# Each thread has errno and thread-local variables of its own, in every model; malloc, printf and getline have locks.
        .include "guest.inc"
        .equ    THREADS, 6
        .text
        .globl  main
main:   enter
        la      a0, first               # errno of the first thread: ENOENT
        li      a1, 0
        call    open
        addi    sp, sp, -64
        li      s0, 0
1:      slli    a0, s0, 3
        add     a0, sp, a0
        li      a1, 0
        la      a2, work
        addi    a3, s0, 1
        call    pthread_create
        bnez    a0, failed
        addi    s0, s0, 1
        li      t0, THREADS
        bne     s0, t0, 1b
        li      s0, 0
2:      slli    t0, s0, 3
        add     t0, sp, t0
        ld      a0, 0(t0)
        li      a1, 0
        call    pthread_join
        addi    s0, s0, 1
        li      t0, THREADS
        bne     s0, t0, 2b
        addi    sp, sp, 64
        la      t0, wrong
        ld      a0, 0(t0)
        show    "wrong answers: %ld\n"
        la.tls.ie t0, counter
        add     t0, t0, tp
        ld      a0, 0(t0)
        show    "the first thread's counter: %ld\n"
        call    __errno_location
        lw      a0, 0(a0)
        show    "and its errno: %ld\n"
        la      t0, lines
        ld      a0, 0(t0)
        show    "bytes of lines, all the same: %ld\n"
        leave
failed: show    "pthread_create: %ld\n"
        leave

# work(number): add the number of wrong answers to `wrong`.
work:   enter
        addi    sp, sp, -32
        mv      s0, a0
        li      s1, 0
        la.tls.ie t0, counter           # the initial value, then this thread's
        add     t0, t0, tp
        ld      t1, 0(t0)
        addi    t1, t1, -1000
        snez    t1, t1
        add     s1, s1, t1
        sd      s0, 0(t0)
        la.tls.gd a0, counter
        call    __tls_get_addr
        ld      t1, 0(a0)
        sub     t1, t1, s0
        snez    t1, t1
        add     s1, s1, t1
        la.tls.gd a0, empty             # aligned to 64, and 0
        call    __tls_get_addr
        andi    t1, a0, 63
        ld      t2, 0(a0)
        or      t1, t1, t2
        snez    t1, t1
        add     s1, s1, t1
        sd      s0, 0(a0)
        call    __errno_location        # new threads begin without an error
        lw      t1, 0(a0)
        snez    t1, t1
        add     s1, s1, t1
        li      a0, -1                  # close(-1): EBADF
        call    close
        call    sched_yield
        call    __errno_location
        lw      t1, 0(a0)
        addi    t1, t1, -9
        snez    t1, t1
        add     s1, s1, t1

        li      s2, 40                  # blocks of many sizes: each keeps its bytes
3:      mul     a0, s2, s0
        slli    a0, a0, 4
        addi    a0, a0, 16
        sd      a0, 0(sp)
        call    malloc
        sd      a0, 8(sp)
        mv      a1, s0
        ld      a2, 0(sp)
        call    memset
        ld      a0, 8(sp)
        ld      a1, 0(sp)
        slli    a1, a1, 1
        call    realloc
        sd      a0, 8(sp)
        call    sched_yield
        ld      a0, 8(sp)
        ld      t0, 0(sp)
4:      lbu     t1, 0(a0)
        sub     t1, t1, s0
        snez    t1, t1
        add     s1, s1, t1
        addi    a0, a0, 1
        addi    t0, t0, -1
        bnez    t0, 4b
        ld      a0, 8(sp)
        call    free
        addi    s2, s2, -1
        bnez    s2, 3b

        la      a0, line                # a line is written whole, though it is many pieces
        li      a1, 1
        li      a2, 2
        li      a3, 3
        call    printf
        la      t0, lines
        amoadd.d zero, a0, (t0)
        la      t0, wrong
        amoadd.d zero, s1, (t0)
        addi    sp, sp, 32
        leave

        .section .rodata
first:  .string "/no/such/file"
line:   .string "%d one %5d two %-5d three\n"
        .data
        .balign 8
lines:  .dword  0
wrong:  .dword  0
        .section .tdata, "awT", @progbits
        .balign 8
        .globl  counter
counter:
        .dword  1000
        .section .tbss, "awT", @nobits
        .balign 64
        .globl  empty
empty:  .skip   64
