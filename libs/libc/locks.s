# Locks of the library's own: the heap, the streams, their list, the environment, atexit, rand. They are linked into programs that have threads.
#
# A lock is a word, like a mutex (pthread.s): 0 free, 1 locked, 2 locked and perhaps waited for. A function that needs one
# begins with LOCKED (defs.inc), which does nothing until the first thread is made.

        .include "defs.inc"

        .equ    FUTEX_WAIT, 0
        .equ    FUTEX_WAKE, 1
        .equ    FUTEX_PRIVATE, 128

# Call t3 with the arguments of the caller, while the lock t2 is held; its result.
        .equ    FRAME, 80
        HIDDEN  __libc_call_locked
        addi    sp, sp, -FRAME
        sd      ra, 0(sp)
        sd      t2, 8(sp)
        sd      t3, 16(sp)
        sd      a0, 24(sp)
        sd      a1, 32(sp)
        sd      a2, 40(sp)
        sd      a3, 48(sp)
        mv      a0, t2
        call    __libc_lock
        ld      t0, 16(sp)
        ld      a0, 24(sp)
        ld      a1, 32(sp)
        ld      a2, 40(sp)
        ld      a3, 48(sp)
        jalr    t0
        sd      a0, 24(sp)
        ld      a0, 8(sp)
        call    __libc_unlock
        ld      a0, 24(sp)
        ld      ra, 0(sp)
        addi    sp, sp, FRAME
        ret
        END     __libc_call_locked

# void __libc_lock(int *lock): wait until it is free, and take it
        HIDDEN  __libc_lock
        li      t0, 1
1:      lr.w.aq t1, (a0)
        bnez    t1, 2f
        sc.w    t2, t0, (a0)
        bnez    t2, 1b
        ret
2:      mv      t1, a0
        li      t0, 2
3:      amoswap.w.aq t2, t0, (t1)       # whoever waits may not be the last, so that it is never 1 after a wait
        beqz    t2, 4f
        mv      a0, t1
        li      a1, FUTEX_WAIT | FUTEX_PRIVATE
        li      a2, 2
        li      a3, 0
        li      a7, SYS_futex
        ecall
        j       3b
4:      ret
        END     __libc_lock

# void __libc_unlock(int *lock): free it, and wake one thread that waits
        HIDDEN  __libc_unlock
        amoswap.w.rl t0, zero, (a0)
        addi    t0, t0, -2
        bnez    t0, 1f
        li      a1, FUTEX_WAKE | FUTEX_PRIVATE
        li      a2, 1
        li      a7, SYS_futex
        ecall
1:      ret
        END     __libc_unlock

# fork copies the heap, the list of streams and their locks, but only the thread that calls it. So it takes the locks that
# are held for a short time only; a stream may be locked by a thread that waits for input, so the child frees it.

# void __libc_before_fork(void)
        HIDDEN  __libc_before_fork
        PUSH_RA
        .weak   __libc_environment_lock # undefined in a static program that does not use the environment
        la      a0, __libc_environment_lock
        beqz    a0, 1f
        call    __libc_lock
1:      lla     a0, __libc_atexit_lock
        call    __libc_lock
        lla     a0, __stdio_streams_lock
        call    __libc_lock
        lla     a0, __malloc_lock
        call    __libc_lock
        POP_RA
        ret
        END     __libc_before_fork

# long __libc_after_fork(long pid): pid
        HIDDEN  __libc_after_fork
        PUSH_RA
        sd      a0, 0(sp)
        bnez    a0, 2f
        ld      t0, __stdio_streams
1:      beqz    t0, 2f
        sw      zero, FILE_lock(t0)
        ld      t0, FILE_next(t0)
        j       1b
2:      lla     a0, __malloc_lock
        call    __libc_unlock
        lla     a0, __stdio_streams_lock
        call    __libc_unlock
        lla     a0, __libc_atexit_lock
        call    __libc_unlock
        la      a0, __libc_environment_lock
        beqz    a0, 3f
        call    __libc_unlock
3:      ld      a0, 0(sp)
        POP_RA
        ret
        END     __libc_after_fork
