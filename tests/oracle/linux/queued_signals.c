/* Signals that are queued and waited for: rt_sigqueueinfo, rt_tgsigqueueinfo, rt_sigtimedwait, in threads and with limits. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught, value, code;
static void handler(int signal, siginfo_t *info, void *context) { caught++, value = info->si_value.sival_int, code = info->si_code; }
static void show(const char *what, long r) { r = r < 0 ? -errno : r; printf("%s: %ld%s%s\n", what, r, r < 0 ? " " : "", r < 0 ? strerrorname_np(-r) : ""); }
static long tid(void) { return syscall(SYS_gettid); }
static long waits(const void *set, void *info, const void *time, long size) { return syscall(SYS_rt_sigtimedwait, set, info, time, size); }
static void report(const char *what, long r, siginfo_t *info)
{
    if (r < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: signal %ld (%d) code %d value %d from %d uid %d\n", what, r, info->si_signo, info->si_code, info->si_value.sival_int,
               info->si_pid == getpid(), info->si_uid == getuid());
}
static sigset_t both;
static void *waiter(void *arg)
{
    siginfo_t info;
    long r = waits(&both, &info, NULL, 8);
    *(long *)arg = r;
    return NULL;
}
static void *sleeper(void *arg) { for (;;) pause(); }

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct timespec zero = {0, 0}, soon = {0, 2000000}, bad = {0, 1000000000}, negative = {-1, 0};
    siginfo_t info;
    memset(&info, 0, sizeof info);
    sigset_t set;
    sigemptyset(&both);
    sigaddset(&both, SIGUSR1), sigaddset(&both, SIGRTMIN), sigaddset(&both, SIGRTMIN + 1);
    struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &act, NULL), sigaction(SIGUSR2, &act, NULL), sigaction(SIGRTMIN, &act, NULL), sigaction(SIGRTMIN + 1, &act, NULL);

    show("a bad size", waits(&both, NULL, &zero, 4));
    show("a bad set", waits((void *)8, NULL, &zero, 8));
    show("a bad time", waits(&both, NULL, (void *)8, 8));
    show("bad nanoseconds", waits(&both, NULL, &bad, 8));
    show("a negative time", waits(&both, NULL, &negative, 8));
    show("nothing now", waits(&both, NULL, &zero, 8));
    show("nothing soon", waits(&both, NULL, &soon, 8));
    info.si_code = SI_QUEUE;
    show("to nobody", syscall(SYS_rt_sigqueueinfo, 0x3ffffff, SIGUSR1, &info));
    show("signal 65", syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
    show("signal 0", syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
    show("no info", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8));
    info.si_code = SI_USER;
    show("as kill to another", syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    info.si_code = SI_TKILL;
    show("as tkill to another", syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    show("as tkill to another thread", syscall(SYS_rt_tgsigqueueinfo, getppid(), getppid(), 0, &info));
    info.si_code = SI_QUEUE;
    show("group 0", syscall(SYS_rt_tgsigqueueinfo, 0, tid(), SIGUSR1, &info));
    show("thread -1", syscall(SYS_rt_tgsigqueueinfo, getpid(), -1, SIGUSR1, &info));
    show("another group", syscall(SYS_rt_tgsigqueueinfo, getppid(), tid(), SIGUSR1, &info));

    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 + i});
    printf("not blocked: %d, last value %d, code %d\n", caught, value, code);
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    for (int i = 0; i < 3; i++) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 20 + i});
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 30 + i});
        sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 40 + i});
    }
    kill(getpid(), SIGRTMIN);
    pthread_kill(pthread_self(), SIGRTMIN + 1);
    sigpending(&set);
    printf("pending: %d %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGRTMIN), sigismember(&set, SIGRTMIN + 1));
    for (int i = 0; i < 11; i++) {
        memset(&info, 0, sizeof info);
        long r = waits(&both, &info, &zero, 8);
        report("taken", r, &info);
    }
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    show("a bad place for the info", waits(&both, (void *)8, &zero, 8));
    show("it is gone all the same", waits(&both, NULL, &zero, 8));

    caught = 0;
    for (int i = 0; i < 4; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 50 + i}), sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 60 + i});
    pthread_sigmask(SIG_UNBLOCK, &both, NULL);
    printf("unblocked: %d handlers\n", caught);

    caught = 0;
    for (int i = 0; i < 2; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    for (int i = 0; i < 2; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
    struct sigaction off = {.sa_handler = SIG_IGN};
    sigaction(SIGRTMIN, &off, NULL);
    show("ignored ones are gone", waits(&both, NULL, &zero, 8));
    sigaction(SIGRTMIN, &act, NULL);

    pid_t child = fork();
    if (!child) {
        usleep(100000);
        kill(getppid(), SIGUSR2);
        usleep(100000);
        sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = 77});
        _exit(0);
    }
    show("a handler of another signal", waits(&both, NULL, NULL, 8));
    memset(&info, 0, sizeof info);
    long r = waits(&both, &info, NULL, 8);
    printf("from the child: %ld value %d by it %d\n", r - SIGRTMIN, info.si_value.sival_int, info.si_pid == child);
    waitpid(child, NULL, 0);

    pthread_sigmask(SIG_UNBLOCK, &both, NULL);
    caught = 0;
    child = fork();
    if (!child) {
        usleep(100000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    r = waits(&both, &info, NULL, 8);
    printf("waited for without being blocked: %ld, handlers %d\n", r, caught);
    waitpid(child, NULL, 0);
    pthread_sigmask(SIG_BLOCK, &both, NULL);

    long result = 0;
    pthread_t one, two;
    pthread_create(&two, NULL, sleeper, NULL);
    pthread_create(&one, NULL, waiter, &result);
    usleep(100000);
    kill(getpid(), SIGUSR1);
    pthread_join(one, NULL);
    printf("a thread waits: %ld\n", result);
    pthread_create(&one, NULL, waiter, &result);
    usleep(100000);
    syscall(SYS_tgkill, getpid(), tid(), SIGUSR1);
    usleep(100000);
    show("for this thread alone", waits(&both, NULL, &zero, 8));
    union sigval v = {.sival_int = 5};
    pthread_sigqueue(one, SIGRTMIN + 1, v);
    pthread_join(one, NULL);
    printf("for the waiting thread alone: %ld\n", result - SIGRTMIN);

    child = fork();
    if (!child) {
        sigset_t all;
        siginfo_t i;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        pid_t grand = fork();
        if (!grand)
            _exit(9);
        long r = waits(&all, &i, NULL, 8);
        printf("SIGCHLD: %ld code %d status %d pid %d uid %d\n", r, i.si_code, i.si_status, i.si_pid == grand, i.si_uid == getuid());
        kill(getpid(), SIGTERM);
        r = waits(&all, &i, &zero, 8);
        printf("SIGTERM: %ld code %d pid %d uid %d\n", r, i.si_code, i.si_pid == getpid(), i.si_uid == getuid());
        raise(SIGHUP);
        r = waits(&all, &i, &zero, 8);
        printf("SIGHUP: %ld code %d pid %d\n", r, i.si_code, i.si_pid == getpid());
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}
