/* signalfd, pidfd, waitid P_PIDFD, timer_create with its overrun, clock_nanosleep. */
#include "checks.h"
#include <sys/signalfd.h>
#include <sys/epoll.h>
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int st(int fd) { struct pollfd p = {fd, 0x3fff, 0}; poll(&p, 1, 0); return p.revents; }
static long popen_(int pid, int flags) { return syscall(SYS_pidfd_open, pid, flags); }
static long psend(int fd, int sig, void *info, int flags) { return syscall(SYS_pidfd_send_signal, fd, sig, info, flags); }
static long tcreate(int clock, void *ev, void *id) { return syscall(SYS_timer_create, clock, ev, id); }
static long tset(int id, int flags, void *new, void *old) { return syscall(SYS_timer_settime, id, flags, new, old); }
static long tget(int id, void *v) { return syscall(SYS_timer_gettime, id, v); }
static long cn(int clock, int flags, void *a, void *b) { return syscall(SYS_clock_nanosleep, clock, flags, a, b); }
static volatile sig_atomic_t caught, code, overrun, value, tid;
static void handler(int s, siginfo_t *i, void *c) { caught++; code = i->si_code; overrun = i->si_overrun; value = i->si_value.sival_int; tid = i->si_timerid; }
static void quiet(int s) { caught++; }

int main(void)
{
    sigset_t set, none, old; struct signalfd_siginfo f[4]; char small[20];
    sigemptyset(&set); sigaddset(&set, SIGUSR1); sigaddset(&set, SIGCHLD); sigemptyset(&none);
    puts("signalfd");
    T(signalfd(-1, &set, 1)); T(syscall(SYS_signalfd4, -1, &set, 4, 0)); T(syscall(SYS_signalfd4, -1, 8, 8, 0)); T(signalfd(0, &set, 0)); T(signalfd(99, &set, 0));
    int s = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC); T(s > 0); T(fcntl(s, F_GETFD)); T(st(s)); T(read(s, f, sizeof f)); T(read(s, small, 20)); T(write(s, f, 128));
    sigprocmask(SIG_BLOCK, &set, &old); T(kill(getpid(), SIGUSR1)); T(st(s)); T(read(s, f, sizeof f)); T(f[0].ssi_signo); T(f[0].ssi_code); T(f[0].ssi_pid == getpid()); T(f[0].ssi_uid == getuid()); T(st(s)); T(read(s, f, sizeof f));
    kill(getpid(), SIGUSR1); kill(getpid(), SIGUSR1); int pid = fork(); if (!pid) _exit(7); struct pollfd p = {s, POLLIN, 0}; siginfo_t si; waitid(P_PID, pid, &si, WEXITED | WNOWAIT); T(poll(&p, 1, 1000)); T(read(s, f, sizeof f)); T(f[0].ssi_signo); T(f[1].ssi_signo); T(f[1].ssi_code); T(f[1].ssi_status); T(f[1].ssi_pid == pid); wait(NULL);
    union sigval v = {.sival_int = 42}; T(sigqueue(getpid(), SIGUSR1, v)); T(read(s, f, 128)); T(f[0].ssi_code); T(f[0].ssi_int); T(f[0].ssi_ptr & 0xffffffff);
    sigemptyset(&set); sigaddset(&set, SIGUSR2); sigprocmask(SIG_BLOCK, &set, NULL); T(signalfd(s, &set, 0) == s); kill(getpid(), SIGUSR1); T(read(s, f, 128)); kill(getpid(), SIGUSR2); T(read(s, f, 128)); T(f[0].ssi_signo);
    int ep = epoll_create1(0); struct epoll_event e = {EPOLLIN, {.u64 = 5}}, got; T(epoll_ctl(ep, EPOLL_CTL_ADD, s, &e)); T(epoll_wait(ep, &got, 1, 0)); if (!fork()) { struct timespec z = {0, 5000000}; nanosleep(&z, NULL); kill(getppid(), SIGUSR2); _exit(0); } T(epoll_wait(ep, &got, 1, 1000)); T(got.data.u64); T(read(s, f, 128)); T(f[0].ssi_signo); wait(NULL);
    fcntl(s, F_SETFL, 0); if (!fork()) { struct timespec z = {0, 5000000}; nanosleep(&z, NULL); kill(getppid(), SIGUSR2); _exit(0); } T(read(s, f, 256)); wait(NULL); signal(SIGUSR1, SIG_IGN); sigprocmask(SIG_SETMASK, &old, NULL);

    puts("pidfd");
    T(popen_(0, 0)); T(popen_(-1, 0)); T(popen_(getpid(), 1)); T(popen_(3999999, 0)); T(popen_(getpid(), O_NONBLOCK) > 0);
    int hold[2]; pipe(hold); pid = fork(); if (!pid) { close(hold[1]); read(hold[0], small, 1); _exit(3); } int fd = popen_(pid, O_NONBLOCK); T(fd > 0); T(fcntl(fd, F_GETFD)); T(st(fd)); T(read(fd, small, 1)); T(psend(fd, 0, NULL, 0)); T(psend(fd, 99, NULL, 0)); T(psend(fd, 0, NULL, 1)); T(psend(0, 0, NULL, 0)); T(psend(99, 0, NULL, 0)); T(waitid(P_PIDFD, fd, &si, WEXITED)); T(waitid(P_PIDFD, fd, &si, WEXITED | WNOHANG)); T(waitid(P_PIDFD, 0, &si, WEXITED)); T(waitid(P_PIDFD, 99, &si, WEXITED)); T(waitid(P_PIDFD, -1, &si, WEXITED));
    e.data.u64 = 6; T(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)); close(hold[1]); T(epoll_wait(ep, &got, 1, 1000)); T(got.data.u64); T(st(fd)); T(waitid(P_PIDFD, fd, &si, WEXITED)); T(si.si_status); T(si.si_pid == pid); T(st(fd)); T(psend(fd, 0, NULL, 0)); T(waitid(P_PIDFD, fd, &si, WEXITED)); close(fd);
    pid = fork(); if (!pid) { pause(); _exit(0); } fd = popen_(pid, 0); T(psend(fd, SIGKILL, NULL, 0)); T(waitid(P_PIDFD, fd, &si, WEXITED)); T(si.si_code); T(si.si_status); close(fd); fd = popen_(getpid(), 0); T(waitid(P_PIDFD, fd, &si, WEXITED)); int copy = syscall(SYS_pidfd_getfd, fd, 1, 0); T(copy > 0); T(fcntl(copy, F_GETFD)); T(syscall(SYS_pidfd_getfd, fd, 99, 0)); T(syscall(SYS_pidfd_getfd, fd, 1, 1)); T(syscall(SYS_pidfd_getfd, 0, 1, 0)); memset(&si, 0, sizeof si); si.si_signo = SIGUSR2; T(psend(fd, SIGUSR1, &si, 0));

    puts("timers");
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO}; sigaction(SIGUSR2, &a, NULL); sigaction(SIGALRM, &a, NULL); sigaction(SIGRTMIN, &a, NULL); caught = 0;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 77}, bad = ev; int id = -1, id2, id3; struct itimerspec once = {{0, 0}, {0, 5000000}}, every = {{0, 2000000}, {0, 2000000}}, off = {0}, now, wrong = {{0, 0}, {0, 1000000000}}, far = {{0, 0}, {1000, 0}};
    T(tcreate(99, &ev, &id)); T(tcreate(CLOCK_MONOTONIC_RAW, &ev, &id)); bad.sigev_signo = 99; T(tcreate(CLOCK_MONOTONIC, &bad, &id)); bad.sigev_signo = 0; T(tcreate(CLOCK_MONOTONIC, &bad, &id)); bad = ev; bad.sigev_notify = 9; T(tcreate(CLOCK_MONOTONIC, &bad, &id)); bad.sigev_notify = SIGEV_THREAD_ID; T(tcreate(CLOCK_MONOTONIC, &bad, &id)); T(tcreate(CLOCK_MONOTONIC, (void *)8, &id)); T(tcreate(CLOCK_MONOTONIC, &ev, (void *)8));
    T(tcreate(CLOCK_MONOTONIC, &ev, &id)); T(tget(id, &now)); T(now.it_value.tv_sec | now.it_value.tv_nsec); T(tget(id + 99, &now)); T(tget(id, (void *)8)); T(tset(id, 0, NULL, NULL)); T(tset(id, 0, (void *)8, NULL)); T(tset(id, 0, &wrong, NULL)); T(tset(id + 99, 0, &once, NULL)); T(syscall(SYS_timer_getoverrun, id)); T(syscall(SYS_timer_getoverrun, id + 99)); T(syscall(SYS_timer_delete, id + 99));
    T(tset(id, 0, &once, &now)); while (!caught); T(caught); T(code); T(value); T(tid == id); T(overrun); T(tget(id, &now)); T(now.it_value.tv_nsec); T(tset(id, 0, &far, NULL)); T(tset(id, 0, &off, &now)); T(now.it_value.tv_sec == 999 || now.it_value.tv_sec == 1000); T(tget(id, &now)); T(now.it_value.tv_sec);
    sigset_t two; sigemptyset(&two); sigaddset(&two, SIGUSR2); sigprocmask(SIG_BLOCK, &two, NULL); caught = 0; T(tset(id, 0, &every, NULL)); struct timespec nap = {0, 21000000}; nanosleep(&nap, NULL); T(caught); sigprocmask(SIG_UNBLOCK, &two, NULL); T(caught >= 1); T(overrun >= 8); T(syscall(SYS_timer_getoverrun, id) >= 0); while (caught < 4); T(tset(id, 0, &off, &now)); T(now.it_interval.tv_nsec);
    T(tcreate(CLOCK_REALTIME, NULL, &id2)); caught = 0; T(tset(id2, 0, &once, NULL)); while (!caught); T(value == id2); clock_gettime(CLOCK_REALTIME, &now.it_value); now.it_interval = (struct timespec){0, 0}; now.it_value.tv_nsec = 0; caught = 0; T(tset(id2, TIMER_ABSTIME, &now, NULL)); while (!caught); T(caught); ev.sigev_notify = SIGEV_NONE; T(tcreate(CLOCK_BOOTTIME, &ev, &id3)); T(tset(id3, 0, &far, NULL)); T(tget(id3, &now)); T(now.it_value.tv_sec); T(tset(id3, 0, &once, NULL)); nanosleep(&nap, NULL); T(tget(id3, &now)); T(now.it_value.tv_nsec);
    ev.sigev_notify = SIGEV_THREAD_ID; ev.sigev_signo = SIGRTMIN; ev._sigev_un._tid = syscall(SYS_gettid); int id4; T(tcreate(CLOCK_MONOTONIC, &ev, &id4)); caught = 0; T(tset(id4, 0, &once, NULL)); while (!caught); T(value); T(syscall(SYS_timer_delete, id4)); T(syscall(SYS_timer_delete, id4)); T(tset(id4, 0, &once, NULL)); if (!fork()) { T(tget(id, &now)); _exit(0); } wait(NULL);

    puts("clock_nanosleep");
    struct timespec z = {0, 1000000}, m = {0, -1}, q = {-1, 0}, left = {7, 7}, abs; T(cn(99, 0, &z, NULL)); T(cn(CLOCK_MONOTONIC_RAW, 0, &z, NULL)); T(cn(CLOCK_REALTIME_COARSE, 0, &z, NULL)); T(cn(CLOCK_THREAD_CPUTIME_ID, 0, &z, NULL)); T(cn(0, 0, &m, NULL)); T(cn(0, 0, &q, NULL)); T(cn(0, 0, (void *)8, NULL)); T(cn(CLOCK_MONOTONIC, 0, &z, (void *)8)); T(cn(CLOCK_BOOTTIME, 0, &z, NULL)); T(cn(CLOCK_TAI, 0, &z, NULL)); clock_gettime(CLOCK_MONOTONIC, &abs); T(cn(CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL)); abs.tv_nsec += 5000000; if (abs.tv_nsec >= 1000000000) abs.tv_nsec -= 1000000000, abs.tv_sec++; T(cn(CLOCK_MONOTONIC, TIMER_ABSTIME, &abs, NULL)); clock_gettime(CLOCK_MONOTONIC, &left); T(left.tv_sec > abs.tv_sec || (left.tv_sec == abs.tv_sec && left.tv_nsec >= abs.tv_nsec));
    signal(SIGALRM, quiet); alarm(1); z.tv_sec = 50; left.tv_sec = 0; T(cn(CLOCK_MONOTONIC, 0, &z, &left)); T(left.tv_sec); alarm(1); left.tv_sec = 3; clock_gettime(CLOCK_REALTIME, &abs); abs.tv_sec += 50; T(cn(CLOCK_REALTIME, TIMER_ABSTIME, &abs, &left)); T(left.tv_sec);
    return 0;
}
