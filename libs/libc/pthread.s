# Threads: pthread_create(3), join, mutexes and condition variables, over clone(2) and futex(2).
#
# A thread has an area: a page that guards the end of the stack, 128 KiB for the stack, and at the top a descriptor and,
# in a static program, its thread-local variables. In a dynamic program the dynamic linker makes room for these. The word
# at tp - 8 is the address of the descriptor. The kernel clears the descriptor's number when the thread ends and wakes who
# waits there: that is pthread_join.
#
# errno and thread-local variables are each thread's own; malloc and the streams have locks (locks.s).

        .include "defs.inc"

        .equ    STACK, 128 * 1024
        .equ    PAGE, 4096
        .equ    FUTEX_WAIT, 0
        .equ    FUTEX_WAKE, 1
        .equ    FUTEX_PRIVATE, 128
        .equ    INT_MAX, 0x7fffffff

        # VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID
        .equ    CLONE_FLAGS, 0x3d0f00

# int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
# 0, or an error number: EINVAL (attributes that are not NULL), EAGAIN.
        FUNC    pthread_create
        addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      s0, 48(sp)
        sd      s1, 40(sp)
        sd      s2, 32(sp)
        sd      s3, 24(sp)
        sd      s4, 16(sp)
        sd      s5, 8(sp)
        sd      s6, 0(sp)
        mv      s0, a0                  # s0: thread
        mv      s1, a2                  # s1: start
        mv      s2, a3                  # s2: argument
        li      t0, EINVAL
        bnez    a1, 5f

        li      s3, PAGE + STACK        # s3: bytes of the area
        li      s5, 0                   # s5: PT_TLS of a static program
        li      a7, SYS_DL_NEW_THREAD
        ecall
        mv      s4, a0                  # s4: the thread's tp
        li      t0, -4096
        bleu    a0, t0, 1f
        li      t0, -ENOSYS
        bne     a0, t0, 4f
        li      s4, 0                   # no dynamic linker
        lla     t0, __libc_tls_segment
        ld      s5, 0(t0)
        beqz    s5, 1f
        ld      t0, PHDR_memsz(s5)
        ld      t1, PHDR_align(s5)
        add     s3, s3, t0
        add     s3, s3, t1
        addi    s3, s3, TCB_SIZE + 15
        li      t0, PAGE - 1
        add     s3, s3, t0
        not     t0, t0
        and     s3, s3, t0

1:      li      a0, 0
        mv      a1, s3
        li      a2, PROT_READ | PROT_WRITE
        li      a3, MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        li      a7, SYS_mmap
        ecall
        mv      s6, a0                  # s6: the area
        li      t0, -4096
        bgtu    a0, t0, 3f
        li      a1, PAGE
        li      a2, 0                   # PROT_NONE
        li      a7, SYS_mprotect
        ecall

        add     t0, s6, s3              # t0: the end of what is free
        li      t2, 0                   # t2: tp, if the dynamic linker made it
        bnez    s4, have_tp
        mv      s4, t0                  # static: the block at the end, the control block before it
        beqz    s5, 2f
        ld      t1, PHDR_memsz(s5)
        sub     s4, s4, t1
        ld      t1, PHDR_align(s5)
        neg     t1, t1
        beqz    t1, 2f
        and     s4, s4, t1
2:      andi    s4, s4, -16
        addi    t0, s4, -TCB_SIZE
        j       have_block
have_tp:
        mv      t2, s4
have_block:
        addi    t0, t0, -THREAD_sizeof
        sd      t0, -8(s4)
        sd      s1, THREAD_start(t0)
        sd      s2, THREAD_argument(t0)
        sd      s6, THREAD_area(t0)
        sd      s3, THREAD_bytes(t0)
        sd      t2, THREAD_tp(t0)
        mv      s6, t0                  # s6: the descriptor
        beqz    s5, start_thread
        mv      a0, s4
        ld      a1, PHDR_vaddr(s5)
        ld      a2, PHDR_filesz(s5)
        call    __libc_memcpy           # the rest is zero already

start_thread:
        lla     t0, __libc_threaded
        lw      t1, 0(t0)
        bnez    t1, 1f
        li      t1, 1
        sw      t1, 0(t0)
        lla     t0, __libc_main_tp
        sd      tp, 0(t0)
1:      li      a0, CLONE_FLAGS
        mv      a1, s6                  # the stack ends where the descriptor begins
        mv      a2, s6                  # THREAD_tid is set before the thread runs
        mv      a3, s4
        mv      a4, s6                  # and cleared when it ends
        li      a7, SYS_clone
        ecall
        beqz    a0, thread
        bltz    a0, no_thread
        sd      s6, 0(s0)
        li      t0, 0
        j       5f
no_thread:
        mv      a0, s6
        call    free_thread
        j       4f
3:      beqz    s4, 4f                  # no area
        mv      a0, s4
        li      a7, SYS_DL_END_THREAD
        ecall
4:      li      t0, EAGAIN
5:      mv      a0, t0
        ld      s6, 0(sp)
        ld      s5, 8(sp)
        ld      s4, 16(sp)
        ld      s3, 24(sp)
        ld      s2, 32(sp)
        ld      s1, 40(sp)
        ld      s0, 48(sp)
        ld      ra, 56(sp)
        addi    sp, sp, 64
        ret

thread: ld      a0, THREAD_argument(s6) # the new thread begins here, with the registers of its creator
        ld      t0, THREAD_start(s6)
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
        li      a0, 0
        lw      t0, __libc_threaded
        beqz    t0, 1f
        ld      t0, __libc_main_tp
        beq     t0, tp, 1f
        ld      a0, -8(tp)
1:      ret
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
        call    free_thread
        li      a0, 0
        POP_RA
        ret
        END     pthread_join

# Free what the descriptor a0 describes.
        LOCAL   free_thread
        ld      t0, THREAD_area(a0)
        ld      t1, THREAD_bytes(a0)
        ld      a0, THREAD_tp(a0)
        beqz    a0, 1f
        li      a7, SYS_DL_END_THREAD
        ecall
1:      mv      a0, t0
        mv      a1, t1
        li      a7, SYS_munmap
        ecall
        ret
        END     free_thread

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
        mv      t4, ra
        call    __libc_lock             # (changes t0, t1 and t2 only, and a registers)
        li      a0, 0
        jr      t4
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
        mv      t4, ra
        call    __libc_unlock
        li      a0, 0
        jr      t4
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
