# Processes: fork(2), wait(2), execve(2) etc. They return -1 and set errno on error. exec.s has the rest of exec(3).

        .include "defs.inc"

        SYSCALL getpid, SYS_getpid      # pid_t getpid(void)
        SYSCALL getppid, SYS_getppid    # pid_t getppid(void)
        SYSCALL gettid, SYS_gettid      # pid_t gettid(void)
        SYSCALL getuid, SYS_getuid      # uid_t getuid(void)
        SYSCALL geteuid, SYS_geteuid    # uid_t geteuid(void)
        SYSCALL getgid, SYS_getgid      # gid_t getgid(void)
        SYSCALL getegid, SYS_getegid    # gid_t getegid(void)
        SYSCALL uname, SYS_uname        # int uname(struct utsname *name)
        SYSCALL getrandom, SYS_getrandom # ssize_t getrandom(void *buffer, size_t length, unsigned flags)
        SYSCALL sched_yield, SYS_sched_yield # int sched_yield(void)
        SYSCALL wait4, SYS_wait4        # pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
        SYSCALL execve, SYS_execve      # int execve(const char *path, char *const argv[], char *const envp[])

# pid_t fork(void): the child's pid in the parent, 0 in the child.
# The streams are flushed first. Otherwise buffered output would be in both processes and appear twice.
# (POSIX leaves this to the program.)
        FUNC    fork
        ALSO    vfork                   # fork satisfies the contract of vfork (sharing memory is optional)
        PUSH_RA
        .weak   __stdio_flush_all
        la      t0, __stdio_flush_all
        beqz    t0, 1f
        jalr    t0
1:      lw      t0, __libc_threaded
        beqz    t0, 2f
        .weak   __libc_before_fork, __libc_after_fork
        call    __libc_before_fork
2:      li      a0, SIGCHLD             # the signal to the parent at exit; a new address space, a copy
        li      a1, 0                   # the same stack pointer
        li      a2, 0
        li      a3, 0
        li      a4, 0
        li      a7, SYS_clone
        ecall
        lw      t0, __libc_threaded
        beqz    t0, 3f
        call    __libc_after_fork
3:      POP_RA
        RETURN_SYSCALL
        END     fork

# pid_t wait(int *status): wait for any child
        FUNC    wait
        mv      a1, a0
        li      a0, -1
        li      a2, 0
        j       __libc_waitpid
        END     wait

# pid_t waitpid(pid_t pid, int *status, int options)
        FUNC    waitpid
        li      a3, 0
        j       __libc_wait4
        END     waitpid
