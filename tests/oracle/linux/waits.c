/* waitid and wait4 in full, sigaltstack, membarrier, rseq, prlimit, getrusage, getpriority: good and bad uses. */
#include "checks.h"
#include <grp.h>
#include <linux/membarrier.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sched.h>
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static siginfo_t info;
static long id(int kind, long which, int options)
{
    memset(&info, 0, sizeof info);
    return syscall(SYS_waitid, kind, which, &info, options, NULL);
}
static pid_t child;
static void show(void) { printf("    %d %d %d, the child %d, me %d\n", info.si_signo, info.si_code, info.si_status, info.si_pid == child, info.si_uid == getuid()); }
static pid_t run(int status)
{
    fflush(stdout);
    child = fork();
    if (!child) {
        if (status < 0)
            kill(getpid(), -status);
        else if (status == 1000)
            for (;;)
                pause();
        _exit(status);
    }
    return child;
}

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    int status;
    struct rusage usage;

    puts("waitid");
    T(id(P_ALL, 0, WEXITED));
    T(id(P_ALL, 0, 0));
    T(id(P_ALL, 0, WNOHANG));
    T(id(P_ALL, 0, WEXITED | 0x100));
    T(id(9, 0, WEXITED));
    T(id(P_PID, 0, WEXITED));
    T(id(P_PID, -1, WEXITED));
    T(id(P_PGID, -1, WEXITED));
    T(id(P_PIDFD, -1, WEXITED));
    T(id(P_PIDFD, 99, WEXITED));
    T(id(P_PIDFD, 0, WEXITED));
    T(id(P_PID, 1 << 30, WEXITED));
    run(7);
    T(id(P_PID, child, WEXITED | WNOWAIT)); show();
    T(id(P_PID, child, WSTOPPED | WNOHANG)); show();
    T(id(P_PID, child, WSTOPPED));
    T(id(P_PGID, 0, WEXITED | WNOWAIT)); show();
    T(id(P_PGID, getpgrp(), WEXITED | WNOWAIT)); show();
    T(id(P_ALL, 0, WEXITED)); show();
    T(id(P_ALL, 0, WEXITED | WNOHANG)); show();
    run(-SIGTERM);
    T(id(P_PID, child, WEXITED)); show();
    run(1000);
    T(id(P_PID, child, WEXITED | WNOHANG)); show();
    T(kill(child, SIGSTOP));
    T(id(P_PID, child, WSTOPPED | WNOWAIT)); show();
    T(id(P_PID, child, WSTOPPED)); show();
    T(id(P_PID, child, WSTOPPED | WNOHANG)); show();
    T(id(P_PID, child, WCONTINUED | WNOHANG)); show();
    T(kill(child, SIGCONT));
    T(id(P_PID, child, WCONTINUED | WNOWAIT)); show();
    T(id(P_PID, child, WCONTINUED | WEXITED | WSTOPPED)); show();
    T(id(P_PID, child, WCONTINUED | WNOHANG)); show();
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    T(id(P_PIDFD, pidfd, WEXITED | WNOHANG)); show();
    T(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0));
    T(id(P_PIDFD, pidfd, WEXITED)); show();
    T(id(P_PIDFD, pidfd, WEXITED));
    T(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
    close(pidfd);
    run(3);
    T(syscall(SYS_waitid, P_PID, child, NULL, WEXITED, NULL));
    run(3);
    T(syscall(SYS_waitid, P_PID, child, (void *)8, WEXITED, NULL));
    T(id(P_PID, child, WEXITED));
    run(3);
    memset(&usage, 7, sizeof usage);
    T(syscall(SYS_waitid, P_PID, child, &info, WEXITED, &usage));
    T(usage.ru_nswap);
    run(3);
    T(id(P_PID, child, WEXITED | __WCLONE | WNOHANG));
    T(id(P_PID, child, WEXITED | __WALL)); show();

    puts("wait4");
    T(wait4(-1, &status, 0, NULL));
    T(wait4(-1, &status, 0x100, NULL));
    T(wait4(1 << 30, &status, 0, NULL));
    T(wait4(-(1 << 30), &status, 0, NULL));
    T(syscall(SYS_wait4, 0x80000000l, &status, 0, NULL));
    run(9);
    T(wait4(child, &status, 0, &usage) == child); T(WEXITSTATUS(status));
    run(-SIGSEGV);
    T(wait4(0, &status, 0, NULL) == child); T(WTERMSIG(status));
    run(1000);
    T(wait4(child, &status, WNOHANG, NULL));
    kill(child, SIGSTOP);
    T(wait4(child, &status, WUNTRACED, NULL) == child); T(status);
    kill(child, SIGCONT);
    T(wait4(child, &status, WCONTINUED, NULL) == child); T(status);
    kill(child, SIGKILL);
    T(wait4(-getpgrp(), NULL, 0, NULL) == child);
    run(4);
    T(syscall(SYS_wait4, child, (void *)8, 0, NULL));
    T(wait4(child, &status, 0, NULL));
    signal(SIGCHLD, SIG_IGN);
    run(4);
    T(wait4(-1, &status, 0, NULL));
    signal(SIGCHLD, SIG_DFL);

    puts("sigaltstack");
    static char space[65536];
    stack_t s, old;
    T(sigaltstack(NULL, &old)); T(old.ss_flags); T(old.ss_size); T(old.ss_sp == NULL);
    T(sigaltstack(NULL, NULL));
    T(sigaltstack((void *)8, NULL));
    T(sigaltstack(NULL, (void *)8));
    s = (stack_t){space, 0, 100};
    T(sigaltstack(&s, NULL));
    s = (stack_t){space, 4, sizeof space};
    T(sigaltstack(&s, NULL));
    s = (stack_t){space, SS_ONSTACK, sizeof space};
    T(sigaltstack(&s, NULL));
    T(sigaltstack(NULL, &old)); T(old.ss_flags); T(old.ss_size); T(old.ss_sp == space);
    s = (stack_t){space + 16, 1u << 31, sizeof space - 16};
    T(sigaltstack(&s, &old)); T(old.ss_flags);
    T(sigaltstack(NULL, &old)); T(old.ss_flags);
    s = (stack_t){NULL, SS_DISABLE, 0};
    T(sigaltstack(&s, NULL));
    T(sigaltstack(NULL, &old)); T(old.ss_flags); T(old.ss_size);

    puts("membarrier");
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) >= 0);
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 5, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 1, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
    T(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
    T(syscall(SYS_membarrier, 1 << 20, 0, 0));
    T(syscall(SYS_membarrier, 3, 0, 0));

    puts("limits and use");
    struct rlimit r, before;
    T(getrlimit(99, &r));
    T(getrlimit(RLIMIT_NOFILE, (void *)8));
    T(getrlimit(RLIMIT_CORE, &before));
    r = (struct rlimit){5, 4};
    T(setrlimit(RLIMIT_CORE, &r));
    r = (struct rlimit){0, 100};
    T(setrlimit(RLIMIT_CORE, &r));
    r.rlim_max = 101;
    T(setrlimit(RLIMIT_CORE, &r));
    r.rlim_max = 99;
    T(setrlimit(RLIMIT_CORE, &r));
    T(prlimit(0, RLIMIT_CORE, NULL, &r)); T(r.rlim_cur); T(r.rlim_max);
    T(prlimit(getpid(), RLIMIT_CORE, &(struct rlimit){7, 50}, &r)); T(r.rlim_max);
    T(prlimit(getpid(), RLIMIT_CORE, NULL, NULL));
    T(prlimit(1 << 30, RLIMIT_CORE, NULL, &r));
    T(prlimit(-1, RLIMIT_CORE, NULL, &r));
    T(prlimit(0, 16, NULL, &r));
    T(prlimit(0, -1, NULL, &r));
    T(prlimit(0, RLIMIT_CORE, (void *)8, NULL));
    run(1000);
    T(prlimit(child, RLIMIT_CORE, &(struct rlimit){1, 2}, &r)); T(r.rlim_cur); T(r.rlim_max);
    kill(child, SIGKILL), wait(NULL);
    T(getrusage(RUSAGE_SELF, &usage));
    T(getrusage(RUSAGE_CHILDREN, &usage));
    T(getrusage(RUSAGE_THREAD, &usage));
    T(getrusage(5, &usage));
    T(getrusage(-2, &usage));
    T(getrusage(RUSAGE_SELF, (void *)8));
    struct tms t;
    T(times(&t) >= 0); T(times(NULL) >= 0); T(syscall(SYS_times, 8));
    T(getpriority(PRIO_PROCESS, 0)); T(getpriority(PRIO_PGRP, 0)); T(getpriority(PRIO_USER, 0) >= -20); T(getpriority(5, 0)); T(getpriority(PRIO_PROCESS, 1 << 30)); T(getpriority(PRIO_PGRP, 1 << 30));
    T(setpriority(PRIO_PROCESS, 0, 5)); T(getpriority(PRIO_PROCESS, 0)); T(setpriority(PRIO_PROCESS, 0, 4)); T(setpriority(PRIO_PROCESS, 0, 100)); T(getpriority(PRIO_PROCESS, 0)); T(setpriority(9, 0, 19)); T(setpriority(PRIO_PROCESS, 1 << 30, 19));

    puts("prctl");
    char name[20] = "";
    T(prctl(PR_SET_NAME, "a name that is too long")); T(prctl(PR_GET_NAME, name)); puts(name);
    T(prctl(PR_SET_NAME, 8)); T(prctl(PR_SET_DUMPABLE, 0)); T(prctl(PR_GET_DUMPABLE)); T(prctl(PR_SET_DUMPABLE, 2)); T(prctl(PR_SET_DUMPABLE, 1));
    T(prctl(PR_SET_PDEATHSIG, SIGUSR1)); T(prctl(PR_GET_PDEATHSIG, &status)); T(status); T(prctl(PR_SET_PDEATHSIG, 99)); T(prctl(PR_SET_PDEATHSIG, 0));
    T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); T(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); T(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); T(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); T(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    T(prctl(PR_SET_CHILD_SUBREAPER, 1)); T(prctl(PR_GET_CHILD_SUBREAPER, &status)); T(status); T(prctl(PR_SET_CHILD_SUBREAPER, 0));
    T(prctl(PR_GET_TIMERSLACK)); T(prctl(PR_SET_TIMERSLACK, 100)); T(prctl(PR_GET_TIMERSLACK)); T(prctl(PR_GET_KEEPCAPS)); T(prctl(PR_SET_KEEPCAPS, 5)); T(prctl(PR_GET_SECCOMP)); T(prctl(PR_CAPBSET_READ, 0)); T(prctl(PR_CAPBSET_READ, 99)); T(prctl(PR_CAPBSET_DROP, 0)); T(prctl(PR_GET_SECUREBITS)); T(prctl(PR_GET_TID_ADDRESS, &name) == 0 || errno == EINVAL); T(prctl(9999));
    T(syscall(SYS_getcpu, NULL, NULL, NULL)); T(syscall(SYS_getcpu, 8, NULL, NULL)); T(syscall(SYS_sched_yield));

    puts("orphans");
    T(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int p[2];
    char c;
    pipe(p);
    run(5); /* which is there when the orphan comes */
    T(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    fflush(stdout);
    if (!(child = fork())) {
        for (int i = 0; i < 2; i++)
            if (!fork()) {
                if (i)
                    read(p[0], &c, 1);
                _exit(20 + i);
            }
        _exit(3);
    }
    T(waitpid(child, &status, 0) == child);
    T(waitpid(-1, &status, 0) > 0);
    T(WEXITSTATUS(status));
    T(waitpid(-1, &status, 0) > 0);
    T(WEXITSTATUS(status));
    T(waitpid(-1, &status, WNOHANG));
    write(p[1], "x", 1);
    T(waitpid(-1, &status, 0) > 0);
    T(WEXITSTATUS(status));
    T(waitpid(-1, &status, 0));

    puts("the size of files");
    enum { MOST = 1 << 20 };
    signal(SIGXFSZ, SIG_IGN);
    int fd = nameless_file(0);
    T(setrlimit(RLIMIT_FSIZE, &(struct rlimit){MOST, RLIM_INFINITY}));
    static char big[200];
    T(lseek(fd, MOST - 100, SEEK_SET));
    T(write(fd, big, 90));
    T(write(fd, big, 20));
    T(write(fd, big, 1));
    T(pwrite(fd, big, 1, 2 * MOST));
    T(ftruncate(fd, MOST + 1));
    T(ftruncate(fd, 50));
    T(fallocate(fd, 0, 0, MOST + 1));
    T(fallocate(fd, 0, 0, MOST));
    T(write(p[1], big, 200));
    signal(SIGXFSZ, SIG_DFL);
    fflush(stdout);
    if (!fork())
        pwrite(fd, big, 1, MOST), _exit(0);
    wait(&status);
    T(WTERMSIG(status));

    puts("sessions");
    fflush(stdout);
    if (!fork()) {
        T(getsid(0) > 0);
        T(getsid(1 << 30));
        T(getpgid(1 << 30));
        T(getpgid(0) == getpgrp());
        T(setpgid(-1, 0));
        T(setpgid(0, -1));
        T(setpgid(1 << 30, 0));
        T(setpgid(0, 1 << 30));
        T(setpgid(0, 0));
        T(getpgrp() == getpid());
        T(setsid());
        T(setpgid(getppid(), 0));
        fflush(stdout);
        if (!fork()) {
            T(setsid() == getpid());
            T(setsid());
            T(setpgid(0, 0));
            T(getsid(0) == getpid());
            T(setpgid(getppid(), 0));
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
