# Signals: kill(2), raise(3), signal(2), sigaction(2), sigprocmask(2). They return -1 and set errno on error.
#
# On RISC-V the kernel's struct sigaction is { handler, flags (unsigned long), mask (8 bytes) } without a restorer: a
# handler returns to code of the kernel (the vDSO), which calls rt_sigreturn. The C structure here is the same, and a
# sigset_t has the kernel's 64 bits (glibc's has 1024, and other offsets: do not mix headers).

        .include "defs.inc"

        .equ    SIGSET_BYTES, 8
        .equ    SA_RESTART, 0x10000000

        SYSCALL kill, SYS_kill          # int kill(pid_t pid, int signal)

# int raise(int signal): send a signal to this process
        FUNC    raise
        PUSH_RA
        sd      a0, 0(sp)
        call    __libc_getpid
        ld      a1, 0(sp)
        POP_RA
        j       __libc_kill
        END     raise

# int sigaction(int signal, const struct sigaction *new, struct sigaction *old)
# qemu-user before version 8 expects a restorer between flags and mask, as on other architectures. So the kernel gets a
# copy with the mask at both offsets, and the old mask is read from both.
        FUNC    sigaction
        addi    sp, sp, -80
        sd      ra, 72(sp)
        sd      a2, 64(sp)
        mv      t0, a1
        beqz    a1, 1f
        ld      t1, 0(t0)               # handler
        ld      t2, 8(t0)               # flags
        ld      t3, 16(t0)              # mask
        mv      a1, sp
        sd      t1, 0(sp)
        sd      t2, 8(sp)
        sd      t3, 16(sp)
        sd      t3, 24(sp)
1:      sd      zero, 48(sp)
        sd      zero, 56(sp)
        addi    a2, sp, 32
        li      a3, SIGSET_BYTES
        li      a7, SYS_rt_sigaction
        ecall
        bltz    a0, 3f
        ld      a2, 64(sp)
        beqz    a2, 2f
        ld      t1, 32(sp)
        ld      t2, 40(sp)
        ld      t3, 48(sp)
        ld      t4, 56(sp)
        or      t3, t3, t4
        sd      t1, 0(a2)
        sd      t2, 8(a2)
        sd      t3, 16(a2)
2:      ld      ra, 72(sp)
        addi    sp, sp, 80
        ret
3:      call    __syscall_error
        j       2b
        END     sigaction

# int sigprocmask(int how, const sigset_t *set, sigset_t *old)
        FUNC    sigprocmask
        li      a3, SIGSET_BYTES
        li      a7, SYS_rt_sigprocmask
        ecall
        RETURN_SYSCALL
        END     sigprocmask

# void (*signal(int signal, void (*handler)(int)))(int): the previous handler, or SIG_ERR (-1) and errno.
# As on BSD and glibc, the handler stays installed, and interrupted system calls are restarted.
        FUNC    signal
        addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      a1, 0(sp)
        li      t0, SA_RESTART
        sd      t0, 8(sp)
        sd      zero, 16(sp)
        mv      a1, sp
        addi    a2, sp, 24
        call    __libc_sigaction
        bltz    a0, 1f
        ld      a0, 24(sp)
1:      ld      ra, 56(sp)
        addi    sp, sp, 64
        ret
        END     signal

# int sigemptyset(sigset_t *set)
        FUNC    sigemptyset
        sd      zero, 0(a0)
        li      a0, 0
        ret
        END     sigemptyset

# int sigfillset(sigset_t *set)
        FUNC    sigfillset
        li      t0, -1
        sd      t0, 0(a0)
        li      a0, 0
        ret
        END     sigfillset

# int sigaddset(sigset_t *set, int signal)
        FUNC    sigaddset
        addiw   t0, a1, -1
        li      t1, 64
        bgeu    t0, t1, bad_signal
        li      t1, 1
        sll     t1, t1, t0
        ld      t0, 0(a0)
        or      t0, t0, t1
        sd      t0, 0(a0)
        li      a0, 0
        ret
        END     sigaddset

# int sigdelset(sigset_t *set, int signal)
        FUNC    sigdelset
        addiw   t0, a1, -1
        li      t1, 64
        bgeu    t0, t1, bad_signal
        li      t1, 1
        sll     t1, t1, t0
        not     t1, t1
        ld      t0, 0(a0)
        and     t0, t0, t1
        sd      t0, 0(a0)
        li      a0, 0
        ret
        END     sigdelset

# int sigismember(const sigset_t *set, int signal)
        FUNC    sigismember
        addiw   t0, a1, -1
        li      t1, 64
        bgeu    t0, t1, bad_signal
        ld      t1, 0(a0)
        srl     t1, t1, t0
        andi    a0, t1, 1
        ret
        END     sigismember

        LOCAL   bad_signal
        li      a0, EINVAL
        tail    __set_errno
        END     bad_signal
