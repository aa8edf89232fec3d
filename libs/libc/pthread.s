# Threads: pthread_create(3), join, mutexes and condition variables, over clone(2) and futex(2).
#
# A thread has an area of 128 KiB, aligned to its size: a page that guards the end of the stack, the stack, and at the
# top a descriptor. So a thread finds its descriptor from its stack pointer. The kernel clears the descriptor's number
# when the thread ends and wakes who waits there: that is pthread_join.
#
# Threads share everything else, errno and thread-local variables too. malloc and the streams have no locks: a program
# that calls them from several threads holds a mutex meanwhile.

        .include "defs.inc"

        .equ    AREA, 128 * 1024
        .equ    PAGE, 4096
        .equ    THREAD_tid, 0           # int; 0 once the thread has ended
        .equ    THREAD_result, 8
        .equ    THREAD_start, 16
        .equ    THREAD_argument, 24
        .equ    THREAD_sizeof, 32

        .equ    FUTEX_WAIT, 0
        .equ    FUTEX_WAKE, 1
        .equ    FUTEX_PRIVATE, 128
        .equ    INT_MAX, 0x7fffffff

        # VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID, CHILD_CLEARTID
        .equ    CLONE_FLAGS, 0x350f00

# int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
# 0, or an error number: EINVAL (attributes that are not NULL), EAGAIN.
        FUNC    pthread_create
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0
        mv      s1, a2
        mv      s2, a3
        li      t0, EINVAL
        bnez    a1, 4f

        li      a0, 0
        li      a1, 2 * AREA            # an aligned area is in it
        li      a2, PROT_READ | PROT_WRITE
        li      a3, MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        li      a7, SYS_mmap
        ecall
        li      t0, -4096
        bgtu    a0, t0, 3f
        li      t0, AREA
        add     s3, a0, t0
        addi    s3, s3, -1
        neg     t0, t0
        and     s3, s3, t0              # s3: the area
        sub     a1, s3, a0              # what lies below is given back ...
        mv      t2, a0
        beqz    a1, 1f
        li      a7, SYS_munmap
        ecall
1:      li      t0, AREA                # ... and what lies above
        add     a0, s3, t0
        add     a1, t2, t0
        sub     a1, a1, s3
        beqz    a1, 2f
        li      a7, SYS_munmap
        ecall
2:      mv      a0, s3
        li      a1, PAGE
        li      a2, 0                   # PROT_NONE
        li      a7, SYS_mprotect
        ecall

        li      t0, AREA - THREAD_sizeof
        add     s3, s3, t0              # s3: the descriptor
        sd      s1, THREAD_start(s3)
        sd      s2, THREAD_argument(s3)
        li      a0, CLONE_FLAGS
        mv      a1, s3                  # the stack ends where the descriptor begins
        mv      a2, s3                  # THREAD_tid is set before the thread runs
        mv      a3, tp
        mv      a4, s3                  # and cleared when it ends
        li      a7, SYS_clone
        ecall
        beqz    a0, thread
        bltz    a0, no_thread
        sd      s3, 0(s0)
        li      t0, 0
        j       4f
no_thread:
        mv      a0, s3
        call    free_area
3:      li      t0, EAGAIN
4:      mv      a0, t0
        ld      s3, 8(sp)
        ld      s2, 16(sp)
        ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

thread: ld      a0, THREAD_argument(s3) # the new thread begins here, with the registers of its creator
        ld      t0, THREAD_start(s3)
        jalr    t0
        j       __libc_pthread_exit
        END     pthread_create

# void pthread_exit(void *result): end the calling thread; the process ends with its last one.
        FUNC    pthread_exit
        mv      s0, a0                  # does not return, so it saves no registers
        call    __libc_pthread_self
        beqz    a0, 1f
        sd      s0, THREAD_result(a0)
        j       2f
1:      .weak   __stdio_flush_all
        la      t0, __stdio_flush_all
        beqz    t0, 2f
        jalr    t0
2:      li      a0, 0
        li      a7, SYS_exit
        ecall
        ebreak
        END     pthread_exit

# pthread_t pthread_self(void): the calling thread; 0 is the first one
        FUNC    pthread_self
        li      a7, SYS_getpid
        ecall
        mv      t0, a0
        li      a7, SYS_gettid
        ecall
        beq     a0, t0, 1f
        li      t0, -AREA
        and     a0, sp, t0
        li      t0, AREA - THREAD_sizeof
        add     a0, a0, t0
        ret
1:      li      a0, 0
        ret
        END     pthread_self

# int pthread_join(pthread_t thread, void **result): wait until a thread has ended, and free its area. 0.
        FUNC    pthread_join
        mv      t1, a0
        mv      t2, a1
1:      lw      a2, THREAD_tid(t1)
        beqz    a2, 2f
        mv      a0, t1
        li      a1, FUTEX_WAIT          # not private: the kernel wakes for all
        li      a3, 0
        li      a7, SYS_futex
        ecall
        j       1b
2:      fence   r, rw
        beqz    t2, 3f
        ld      t0, THREAD_result(t1)
        sd      t0, 0(t2)
3:      PUSH_RA
        mv      a0, t1
        call    free_area
        li      a0, 0
        POP_RA
        ret
        END     pthread_join

# Unmap the area of the descriptor a0.
        LOCAL   free_area
        li      a1, AREA
        neg     t0, a1
        and     a0, a0, t0
        li      a7, SYS_munmap
        ecall
        ret
        END     free_area

# A mutex is a word: 0 free, 1 locked, 2 locked and perhaps waited for (Ulrich Drepper, "Futexes are tricky").

# int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes): make it free. 0.
        FUNC    pthread_mutex_init
        ALSO    pthread_cond_init       # int pthread_cond_init(pthread_cond_t *, const pthread_condattr_t *)
        sw      zero, 0(a0)
        li      a0, 0
        ret
        END     pthread_mutex_init

# int pthread_mutex_destroy(pthread_mutex_t *mutex): nothing is left to free. 0.
        FUNC    pthread_mutex_destroy
        ALSO    pthread_cond_destroy    # int pthread_cond_destroy(pthread_cond_t *)
        li      a0, 0
        ret
        END     pthread_mutex_destroy

# int pthread_mutex_lock(pthread_mutex_t *mutex): wait until it is free, and take it. 0.
        FUNC    pthread_mutex_lock
        li      t0, 1
1:      lr.w.aq t1, (a0)
        bnez    t1, 2f
        sc.w    t2, t0, (a0)
        bnez    t2, 1b
        li      a0, 0
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
4:      li      a0, 0
        ret
        END     pthread_mutex_lock

# int pthread_mutex_trylock(pthread_mutex_t *mutex): take it if it is free; 0, else EBUSY
        FUNC    pthread_mutex_trylock
        li      t0, 1
1:      lr.w.aq t1, (a0)
        bnez    t1, 2f
        sc.w    t2, t0, (a0)
        bnez    t2, 1b
        li      a0, 0
        ret
2:      li      a0, EBUSY
        ret
        END     pthread_mutex_trylock

# int pthread_mutex_unlock(pthread_mutex_t *mutex): free it, and wake one thread that waits. 0.
        FUNC    pthread_mutex_unlock
        amoswap.w.rl t0, zero, (a0)
        addi    t0, t0, -2
        bnez    t0, 1f
        li      a1, FUTEX_WAKE | FUTEX_PRIVATE
        li      a2, 1
        li      a7, SYS_futex
        ecall
1:      li      a0, 0
        ret
        END     pthread_mutex_unlock

# A condition variable is a word that each signal increments, so that none is lost between unlock and wait.

# int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex): free the mutex, wait for a signal, take it. 0.
# It may return without a signal, as POSIX allows.
        FUNC    pthread_cond_wait
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        mv      s1, a1
        lw      t0, 0(a0)
        sw      t0, 0(sp)
        mv      a0, a1
        call    __libc_pthread_mutex_unlock
        mv      a0, s0
        li      a1, FUTEX_WAIT | FUTEX_PRIVATE
        lw      a2, 0(sp)
        li      a3, 0
        li      a7, SYS_futex
        ecall
        mv      a0, s1
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        j       __libc_pthread_mutex_lock
        END     pthread_cond_wait

# int pthread_cond_signal(pthread_cond_t *condition): wake one thread that waits. 0.
        FUNC    pthread_cond_signal
        li      a2, 1
        j       wake
        END     pthread_cond_signal

# int pthread_cond_broadcast(pthread_cond_t *condition): wake all that wait. 0.
        FUNC    pthread_cond_broadcast
        li      a2, INT_MAX
        j       wake
        END     pthread_cond_broadcast

# Count a signal at a0 and wake a2 waiters; 0.
        LOCAL   wake
        li      t0, 1
        amoadd.w.rl zero, t0, (a0)
        li      a1, FUTEX_WAKE | FUTEX_PRIVATE
        li      a7, SYS_futex
        ecall
        li      a0, 0
        ret
        END     wake
