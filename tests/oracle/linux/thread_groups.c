/* Threads and processes: clone's flags, numbers, exits, execve and fork from a thread, signals to a process and to a thread. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int flag, counter;
static long ret(long r) { return r < 0 ? -errno : r; }
static void show(const char *what, long r) { printf("%s: %ld%s%s\n", what, r, r < 0 ? " " : "", r < 0 ? strerrorname_np(-r) : ""); }
static long tid(void) { return syscall(SYS_gettid); }

static int nothing(void *arg) { (void)arg; return 3; }
static int touches(void *arg)
{
    flag = 1;
    chdir("/proc");
    umask(0123);
    close((long)arg);
    return 4;
}

static void flags(void)
{
    puts("flags");
    static const unsigned long wrong[] = {
        CLONE_THREAD, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_SIGHAND, CLONE_SIGHAND, CLONE_SIGHAND | CLONE_FS,
        CLONE_NEWNS | CLONE_FS,
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        printf("%lu: %ld\n", wrong[i], ret(syscall(SYS_clone, wrong[i], 0, 0, 0, 0)));
    struct { struct clone_args args; long more[4]; } a;
    memset(&a, 0, sizeof a);
    show("clone3: too small", ret(syscall(SYS_clone3, &a, 63)));
    show("clone3: too small, bad pointer", ret(syscall(SYS_clone3, (void *)8, 63)));
    show("clone3: bad pointer", ret(syscall(SYS_clone3, (void *)8, 64)));
    show("clone3: too large", ret(syscall(SYS_clone3, &a, 4097)));
    a.more[1] = 1;
    show("clone3: a tail", ret(syscall(SYS_clone3, &a, sizeof a)));
    a.more[1] = 0, a.args.exit_signal = 65;
    show("clone3: a bad signal", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.exit_signal = 0, a.args.flags = 1;
    show("clone3: a signal in flags", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.flags = CLONE_DETACHED;
    show("clone3: CLONE_DETACHED", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.flags = 0, a.args.stack = (long)stack;
    show("clone3: a stack without a size", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.stack = 0, a.args.stack_size = 4096;
    show("clone3: a size without a stack", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.stack_size = 0, a.args.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM, a.args.exit_signal = SIGCHLD;
    show("clone3: a thread with a signal", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND, a.args.exit_signal = 0;
    show("clone3: handlers shared and cleared", ret(syscall(SYS_clone3, &a, sizeof a.args)));
    a.args.flags = 0, a.args.exit_signal = SIGCHLD;
    long child = syscall(SYS_clone3, &a, sizeof a);
    if (!child)
        _exit(5);
    int status;
    waitpid(child, &status, 0);
    printf("clone3 as fork: %d\n", WEXITSTATUS(status));
    show("unshare nothing", ret(syscall(SYS_unshare, 0)));
    show("unshare files", ret(syscall(SYS_unshare, CLONE_FILES | CLONE_FS)));

    for (int which = 0; which < 4; which++) {
        static const int what[] = {0, CLONE_FS, CLONE_FILES, CLONE_VM};
        int fd = open("/dev/null", O_RDONLY), status;
        struct stat st;
        char where[256];
        chdir("/"), umask(022), flag = 0;
        long pid = clone(touches, stack + sizeof stack, what[which] | SIGCHLD, (void *)(long)fd);
        waitpid(pid, &status, 0);
        mode_t mask = umask(022);
        printf("shared %d: status %d, flag %d, in %s, umask %o, open %d\n", which, WEXITSTATUS(status), flag,
               getcwd(where, sizeof where), mask, fcntl(fd, F_GETFD));
        chdir("/"), close(fd);
    }
    long pid = clone(nothing, stack + sizeof stack, 0, NULL);
    show("no signal: wait4", ret(waitpid(pid, NULL, 0)) == pid);
    pid = clone(nothing, stack + sizeof stack, 0, NULL);
    show("no signal: wait4 with __WALL", ret(waitpid(pid, NULL, __WALL)) == pid);
    pid = clone(nothing, stack + sizeof stack, SIGCHLD, NULL);
    show("SIGCHLD: wait4 with __WCLONE", ret(waitpid(pid, NULL, __WCLONE)));
    show("SIGCHLD: wait4", ret(waitpid(pid, NULL, 0)) == pid);
    int parent = 0, in_child = 0;
    pid = syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, 0, &parent,
#ifdef __riscv
                  0, &in_child
#else
                  &in_child, 0
#endif
    );
    if (!pid)
        _exit(in_child == getpid() && parent == getpid());
    waitpid(pid, &status, 0);
    printf("set_tid: parent %d, child %d, not here %d\n", parent == pid, WEXITSTATUS(status), in_child);
}

static void *numbers(void *arg)
{
    long *out = arg;
    out[0] = getpid(), out[1] = tid(), out[2] = getppid(), out[3] = syscall(SYS_getpid);
    return NULL;
}
static void *groups(void *arg)
{
    show("getpgid of a thread", ret(getpgid(tid())) == getpgrp());
    show("getsid of a thread", ret(getsid(tid())) == getsid(0));
    show("setpgid of a thread", ret(setpgid(tid(), 0)));
    show("kill 0 to a thread", ret(kill(tid(), 0)));
    show("wait for a thread", ret(waitpid(tid(), NULL, __WALL)));
    int fd[2];
    pipe(fd), close(fd[0]);
    signal(SIGPIPE, SIG_DFL);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    show("write to a broken pipe", ret(write(fd[1], "", 1)));
    sigpending(&set);
    printf("SIGPIPE pending here: %d\n", sigismember(&set, SIGPIPE));
    close(fd[1]);
    return NULL;
}
static void *sleeper(void *arg) { (void)arg; for (;;) pause(); }
static void *leaves(void *arg) { usleep(40000); exit((long)arg); }
static void *group_leaves(void *arg) { usleep(40000); syscall(SYS_exit_group, (long)arg); return NULL; }
static void *just_ends(void *arg) { usleep(40000); syscall(SYS_exit, (long)arg); return NULL; }
static void *runs(void *arg) { usleep(40000); execl("/proc/thread-self/exe", "again", "again", NULL); _exit(99); }
static void *forks(void *arg)
{
    pid_t child = fork();
    if (!child)
        _exit(tid() == getpid() ? 6 : 7);
    int status;
    waitpid(child, &status, 0);
    return (void *)(long)WEXITSTATUS(status);
}
static void *crashes(void *arg) { usleep(40000); *(volatile int *)8 = 1; return NULL; }
static void *kills(void *arg) { usleep(40000); syscall(SYS_tgkill, getpid(), tid(), SIGTERM); pause(); return NULL; }

static int in_child(void *(*work)(void *), long arg, int main_ends)
{
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        pthread_t one, two;
        pthread_create(&one, NULL, sleeper, NULL);
        pthread_create(&two, NULL, work, (void *)arg);
        if (main_ends == 1)
            syscall(SYS_exit, 40);
        sleeper(NULL);
    }
    int status;
    waitpid(child, &status, 0);
    return status;
}
static void ends(void)
{
    puts("ends");
    printf("exit: %x\n", in_child(leaves, 11, 0));
    printf("exit_group: %x\n", in_child(group_leaves, 12, 0));
    printf("exit_group after the leader: %x\n", in_child(group_leaves, 13, 1));
    printf("execve: %x\n", in_child(runs, 0, 0));
    printf("execve after the leader: %x\n", in_child(runs, 0, 1));
    printf("a crash: %x\n", in_child(crashes, 0, 0) & 0x7f);
    printf("a signal to a thread: %x\n", in_child(kills, 0, 0));
    printf("a signal to a thread after the leader: %x\n", in_child(kills, 0, 1));
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        pthread_t t;
        pthread_create(&t, NULL, just_ends, (void *)9L);
        syscall(SYS_exit, 41);
    }
    int status;
    show("not yet", waitpid(child, &status, WNOHANG));
    waitpid(child, &status, 0);
    printf("the leader first: %x\n", status);
    child = fork();
    if (!child) {
        pthread_t t;
        pthread_create(&t, NULL, just_ends, (void *)9L);
        usleep(200000);
        syscall(SYS_exit, 42);
    }
    waitpid(child, &status, 0);
    printf("the leader last: %x\n", status);
    child = fork();
    if (!child) {
        pthread_t t;
        pthread_create(&t, NULL, sleeper, NULL);
        syscall(SYS_exit, 0);
    }
    usleep(60000);
    show("kill one whose leader has ended", ret(kill(child, SIGTERM)));
    waitpid(child, &status, 0);
    printf("killed: %x\n", status);
}

static volatile sig_atomic_t taken_by, last_signal, count;
static void notes(int signal) { taken_by = tid(), last_signal = signal, count++; }
static void *open_to_it(void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    *(volatile long *)arg = tid();
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    for (;;)
        pause();
}
static void *masks(void *arg)
{
    sigset_t set, old;
    stack_t alt;
    sigaltstack(NULL, &alt);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    printf("inherited mask: %d %d, alternate stack %s\n", sigismember(&old, SIGUSR1), sigismember(&old, SIGUSR2),
           alt.ss_flags & SS_DISABLE ? "none" : "there");
    syscall(SYS_tgkill, getpid(), tid(), SIGUSR2);
    sigpending(&set);
    printf("pending here: %d\n", sigismember(&set, SIGUSR2));
    struct sigaction act = {.sa_handler = SIG_IGN};
    sigaction(SIGHUP, &act, NULL);
    return NULL;
}
static void *quits(void *arg) { pthread_sigmask(SIG_BLOCK, arg, NULL); for (int i = 0; i < 50; i++) sched_yield(); return NULL; }

static void signals(void)
{
    puts("signals");
    struct sigaction act = {.sa_handler = notes};
    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    show("tgkill: nobody", ret(syscall(SYS_tgkill, getpid(), 0x3ffffff, SIGUSR1)));
    show("tgkill: another group", ret(syscall(SYS_tgkill, getppid(), tid(), SIGUSR1)));
    show("tgkill: group 0", ret(syscall(SYS_tgkill, 0, tid(), SIGUSR1)));
    show("tgkill: thread -1", ret(syscall(SYS_tgkill, getpid(), -1, SIGUSR1)));
    show("tgkill: signal 65", ret(syscall(SYS_tgkill, getpid(), tid(), 65)));
    show("tgkill: signal 0", ret(syscall(SYS_tgkill, getpid(), tid(), 0)));
    show("tkill: 0", ret(syscall(SYS_tkill, 0, 0)));
    show("tkill: nobody, signal 65", ret(syscall(SYS_tkill, 0x3ffffff, 65)));
    show("kill: nobody, signal 65", ret(kill(0x3ffffff, 65)));
    show("kill: signal 65", ret(kill(getpid(), 65)));
    syscall(SYS_tkill, tid(), SIGUSR1);
    printf("to itself: %d %d\n", count, last_signal);

    sigset_t set, old;
    sigemptyset(&set), sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    static volatile long number;
    pthread_t thread;
    pthread_create(&thread, NULL, open_to_it, (void *)&number);
    while (!number)
        sched_yield();
    count = 0;
    kill(getpid(), SIGUSR1);
    while (!count)
        sched_yield();
    printf("a blocked one goes to the other thread: %d\n", taken_by == number);
    count = 0;
    syscall(SYS_tgkill, getpid(), tid(), SIGUSR1);
    usleep(40000);
    sigset_t pending;
    sigpending(&pending);
    printf("one for this thread stays: %d, pending %d\n", count, sigismember(&pending, SIGUSR1));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    printf("until it is open: %d by this thread %d\n", count, taken_by == tid());
    count = 0;
    kill(number, SIGUSR1);
    while (!count)
        sched_yield();
    printf("kill with a thread's number: %d\n", count);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    pthread_cancel(thread), pthread_join(thread, NULL);

    stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alt, NULL);
    pthread_create(&thread, NULL, masks, NULL), pthread_join(thread, NULL);
    sigpending(&pending);
    printf("its signal went with it: %d\n", sigismember(&pending, SIGUSR2));
    sigaction(SIGHUP, NULL, &act);
    printf("its disposition stays: %d\n", act.sa_handler == SIG_IGN);
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    printf("all block it: pending %d\n", sigismember(&pending, SIGUSR1));
    count = 0;
    pthread_create(&thread, NULL, open_to_it, (void *)&number);
    while (!count)
        sched_yield();
    printf("a new thread takes it: %d\n", taken_by == number);
    pthread_cancel(thread), pthread_join(thread, NULL);
    struct sigaction off = {.sa_handler = SIG_IGN};
    kill(getpid(), SIGUSR1);
    sigaction(SIGUSR1, &off, NULL);
    sigpending(&pending);
    printf("ignored, it is gone: %d\n", sigismember(&pending, SIGUSR1));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void *spins(void *arg) { for (volatile long i = 0; i < 300000; i++) ; struct timespec t; clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); *(long *)arg = t.tv_sec * 1000000000 + t.tv_nsec; return NULL; }
static void proc(void)
{
    puts("proc");
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, sleeper, NULL);
    char line[256], path[64];
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "Threads", 7))
            fputs(line, stdout);
    fclose(file);
    int number = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/status", tid());
    file = fopen(path, "r");
    while (fgets(line, sizeof line, file)) {
        int a;
        if (sscanf(line, "Tgid: %d", &a) == 1 || sscanf(line, "Pid: %d", &a) == 1)
            number += a == getpid();
    }
    fclose(file);
    char link[64] = {}, want[64];
    readlink("/proc/thread-self", link, sizeof link - 1);
    snprintf(want, sizeof want, "%d/task/%ld", getpid(), tid());
    printf("numbers %d, thread-self %d\n", number, !strcmp(link, want));
    show("no such thread", access("/proc/self/task/1", F_OK) ? -errno : 0);
    long spent;
    pthread_create(&t[0], NULL, spins, &spent), pthread_join(t[0], NULL);
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    printf("CPU time of a thread: %d\n", spent > 50000 && own.tv_sec * 1000000000 + own.tv_nsec > 50000);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("again: %d\n", tid() == getpid());
        return 17;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    flags();
    puts("numbers");
    show("set_tid_address", syscall(SYS_set_tid_address, &counter) == tid());
    pthread_t t;
    long out[4];
    pthread_create(&t, NULL, numbers, out), pthread_join(t, NULL);
    printf("%d %d %d %d\n", out[0] == getpid(), out[1] != out[0], out[2] == getppid(), out[3] == out[0]);
    void *result;
    pthread_create(&t, NULL, groups, NULL), pthread_join(t, NULL);
    sigset_t pending;
    sigpending(&pending);
    printf("but not there: %d\n", sigismember(&pending, SIGPIPE));
    pthread_create(&t, NULL, forks, NULL), pthread_join(t, &result);
    printf("fork from a thread: %ld\n", (long)result);
    ends();
    signals();
    proc();
    return 0;
}
