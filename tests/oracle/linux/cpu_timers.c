/* Clocks and timers: timer_create of every clock, CPU time, clock_nanosleep, clock_getres, timerfd; good and bad uses. */
#include "checks.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

/* What a ms stands for. The machine's clock goes on with its instructions, and one of its engines is slow; a host counts in ticks. */
#ifdef __riscv
enum { MS = 10000 };
#else
enum { MS = 1000000 };
#endif
static volatile int got, code, value, overruns;
static timer_t last;
static void heard(int s, siginfo_t *info, void *x) { got++, code = info->si_code, value = info->si_value.sival_int; }
static volatile unsigned long work;
static long spent(clockid_t clock) { struct timespec t; clock_gettime(clock, &t); return t.tv_sec * 1000000000l + t.tv_nsec; }
/* Until the clock has gone on by so many ms. */
static void burn(clockid_t clock, long ms) { long from = spent(clock); while (spent(clock) - from < ms * MS) for (int i = 0; i < 100; i++) work++; }
static void until_heard(void) { for (long i = 0; !got && i < 4000000000l; i++) work++; }
static long make(clockid_t clock, struct sigevent *event, int *number) { return syscall(SYS_timer_create, clock, event, number); }
static long set(int number, int flags, long first, long every)
{
    struct itimerspec t = {{every / 1000000000, every % 1000000000}, {first / 1000000000, first % 1000000000}};
    return syscall(SYS_timer_settime, number, flags, &t, NULL);
}
static struct itimerspec left;
static long get(int number) { return syscall(SYS_timer_gettime, number, &left); }
static void *spin(void *x) { burn(CLOCK_THREAD_CPUTIME_ID, 30); return NULL; }

int main(void)
{
    struct sigaction a = {.sa_sigaction = heard, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &a, NULL), sigaction(SIGALRM, &a, NULL), sigaction(SIGPROF, &a, NULL), sigaction(SIGVTALRM, &a, NULL), sigaction(SIGXCPU, &a, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 5};
    struct timespec t;
    int number = -1, i;
    clockid_t mine, other;

    puts("clocks");
    for (i = -1; i < 14; i++) {
        printf("%d\n", i);
        T(syscall(SYS_clock_gettime, i, &t));
        if (i != 8 && i != 9 && i != 5 && i != 6) /* a machine may be without the alarms; the coarse ones have their own grain */
            T(syscall(SYS_clock_getres, i, &t));
        if (i != 8 && i != 9)
            T(make(i, NULL, &number));
    }
    T(syscall(SYS_clock_gettime, 0, NULL));
    T(syscall(SYS_clock_gettime, 0, 8));
    T(syscall(SYS_clock_getres, 0, NULL));
    T(syscall(SYS_clock_getres, 0, 8));
    T(clock_settime(CLOCK_MONOTONIC, &t));
    T(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &t));
    T(clock_getcpuclockid(0, &mine));
    T(clock_gettime(mine, &t));
    T(clock_getcpuclockid(getpid(), &mine));
    T(clock_gettime(mine, &t));
    T(clock_getcpuclockid(4000000, &other));
    T(pthread_getcpuclockid(pthread_self(), &other));
    T(clock_gettime(other, &t));
    T(clock_getres(other, &t)); T(t.tv_nsec);
    T(syscall(SYS_clock_gettime, (~(1 << 28)) << 3 | 2, &t));
    T(syscall(SYS_clock_gettime, (~getpid()) << 3 | 3, &t));
    T(syscall(SYS_clock_gettime, (~getpid()) << 3 | 1, &t));
    T(syscall(SYS_clock_gettime, (~getpid()) << 3 | 0, &t));
    long p0 = spent(CLOCK_PROCESS_CPUTIME_ID), t0 = spent(CLOCK_THREAD_CPUTIME_ID);
    burn(CLOCK_THREAD_CPUTIME_ID, 5);
    T(spent(CLOCK_PROCESS_CPUTIME_ID) - p0 >= 5 * MS);
    T(spent(mine) >= p0 + 5 * MS);
    T(spent(other) >= t0 + 5 * MS);

    puts("a timer of CPU time");
    static const clockid_t cpu[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (i = 0; i < 4; i++) {
        clockid_t clock = i < 2 ? cpu[i] : i == 2 ? mine : other;
        got = 0;
        T(make(clock, &event, &number));
        T(get(number)); T(left.it_value.tv_sec); T(left.it_value.tv_nsec);
        T(set(number, 0, 5 * MS, 0));
        T(get(number)); T(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 5 * MS);
        t0 = spent(clock);
        until_heard();
        T(got); T(code == SI_TIMER); T(value);
        T(get(number)); T(left.it_value.tv_nsec);
        got = 0;
        T(set(number, 0, 1, 3 * MS));
        while (got < 4)
            work++;
        T(got);
        T(get(number)); T(left.it_interval.tv_nsec / MS);
        T(set(number, 0, 0, 0));
        T(get(number)); T(left.it_value.tv_nsec); T(left.it_interval.tv_nsec / MS);
        got = 0;
        T(set(number, TIMER_ABSTIME, spent(clock) + 4 * MS, 0));
        until_heard();
        T(got);
        got = 0;
        T(set(number, TIMER_ABSTIME, 1, 0)); /* past */
        until_heard();
        T(got);
        T(syscall(SYS_timer_getoverrun, number));
        T(syscall(SYS_timer_delete, number));
        T(get(number));
    }
    puts("blocked: the rest is overrun");
    sigset_t block, old;
    sigemptyset(&block), sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &old);
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    T(set(number, 0, MS, MS));
    burn(CLOCK_PROCESS_CPUTIME_ID, 40);
    got = 0;
    sigprocmask(SIG_SETMASK, &old, NULL);
    T(got >= 1);
    T(syscall(SYS_timer_getoverrun, number) > 3);
    T(syscall(SYS_timer_delete, number));
    puts("time goes on for a process that sleeps, but not its CPU time");
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    T(set(number, 0, 200 * MS, 0));
    got = 0;
    T(usleep(MS / 4)); T(got);
    T(get(number)); T(left.it_value.tv_nsec > 100 * MS);
    T(syscall(SYS_timer_delete, number));
    puts("other threads count for the process's");
    pthread_t thread;
    got = 0;
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    T(set(number, 0, 20 * MS, 0));
    pthread_create(&thread, NULL, spin, NULL);
    pthread_join(thread, NULL);
    T(got);
    T(syscall(SYS_timer_delete, number));
    puts("by a number, without a signal, to a thread");
    event.sigev_notify = SIGEV_NONE;
    got = 0;
    T(make(CLOCK_THREAD_CPUTIME_ID, &event, &number));
    T(set(number, 0, 2 * MS, 0));
    burn(CLOCK_THREAD_CPUTIME_ID, 4);
    T(get(number)); T(left.it_value.tv_nsec); T(got);
    T(syscall(SYS_timer_delete, number));
    event.sigev_notify = SIGEV_THREAD_ID, event._sigev_un._tid = getpid();
    T(make(CLOCK_THREAD_CPUTIME_ID, &event, &number));
    T(set(number, 0, 2 * MS, 0));
    until_heard(); T(got);
    T(syscall(SYS_timer_delete, number));
    puts("a child has none");
    event.sigev_notify = SIGEV_SIGNAL;
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    fflush(stdout);
    if (!fork()) {
        T(get(number));
        T(spent(CLOCK_PROCESS_CPUTIME_ID) < 20 * MS);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    puts("bad");
    T(make(CLOCK_PROCESS_CPUTIME_ID, NULL, (int *)8));
    T(make((~(1 << 28)) << 3 | 2, NULL, &number));
    event.sigev_signo = 65;
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    event.sigev_signo = 0;
    T(make(CLOCK_PROCESS_CPUTIME_ID, &event, &number));
    T(set(number + 100, 0, 1, 0));
    T(set(number, 0, -1, 0));
    struct itimerspec bad = {{0, 1000000000}, {0, 1}};
    T(syscall(SYS_timer_settime, number, 0, &bad, NULL));
    T(syscall(SYS_timer_settime, number, 0, NULL, NULL));
    T(syscall(SYS_timer_delete, 12345));

    puts("sleeping");
    struct timespec rest = {9, 9};
    T(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &(struct timespec){0, -1}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, other, 0, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, 99, 0, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_REALTIME_COARSE, 0, &(struct timespec){0, 1}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000000000}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){-1, 0}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, NULL, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, 8, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &(struct timespec){0, 1000}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_TAI, 0, &(struct timespec){0, 1000}, NULL));
    T(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
    a.sa_flags = SA_SIGINFO, sigaction(SIGALRM, &a, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, &rest));
    T(rest.tv_sec);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
    rest.tv_sec = 77;
    clock_gettime(CLOCK_MONOTONIC, &t), t.tv_sec += 5;
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &t, &rest));
    T(rest.tv_sec);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 20000}}, NULL);
    T(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){5, 0}, 8));
    T(syscall(SYS_nanosleep, &(struct timespec){0, 1000000000}, NULL));
    T(syscall(SYS_nanosleep, NULL, NULL));
    /* on another's CPU time */
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        burn(CLOCK_PROCESS_CPUTIME_ID, 60);
        for (;;)
            pause();
    }
    clock_getcpuclockid(child, &other);
    T(syscall(SYS_clock_nanosleep, other, TIMER_ABSTIME, &(struct timespec){0, 40 * MS}, NULL));
    T(spent(other) >= 40 * MS);
    kill(child, SIGKILL);
    wait(NULL);
    T(clock_gettime(other, &t));

    puts("intervals");
    struct itimerval interval;
    got = 0;
    T(setitimer(ITIMER_PROF, &(struct itimerval){{0, 0}, {0, 3 * MS / 1000}}, NULL));
    T(getitimer(ITIMER_PROF, &interval)); T(interval.it_value.tv_usec > 0);
    until_heard(); T(got);
    got = 0;
    T(setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 2 * MS / 1000}, {0, 3 * MS / 1000}}, NULL));
    while (got < 3)
        work++;
    T(setitimer(ITIMER_VIRTUAL, &(struct itimerval){{0, 0}, {0, 0}}, &interval)); T(interval.it_interval.tv_usec > 0);
    T(setitimer(3, &interval, NULL)); T(getitimer(-1, &interval)); T(setitimer(0, (void *)8, NULL)); T(getitimer(0, (void *)8)); T(setitimer(0, &(struct itimerval){{0, 0}, {0, 1000000}}, NULL)); T(setitimer(0, &(struct itimerval){{0, 0}, {-1, 0}}, NULL));
    return 0;
}
