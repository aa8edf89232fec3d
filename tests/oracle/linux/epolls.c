/* epoll(7): level and edge, one shot, nested, exclusive, errors of each call in Linux's order, signal masks and timeouts. */
#include "checks.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static int add(int ep, int fd, unsigned events, int tag) { struct epoll_event e = {events, {.u64 = tag}}; return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e); }
static int mod(int ep, int fd, unsigned events, int tag) { struct epoll_event e = {events, {.u64 = tag}}; return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e); }
static int del(int ep, int fd) { return epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL); }
static void show(int ep, int most)
{
    struct epoll_event e[16];
    int n = epoll_wait(ep, e, most, 0);
    printf("  wait %d: %d", most, n);
    for (int i = 0; i < n; i++) printf(" [%llu %#x]", (unsigned long long)e[i].data.u64, e[i].events);
    puts("");
}
static void put(int fd) { uint64_t v = 1; write(fd, &v, 8); }
static void take(int fd) { uint64_t v; read(fd, &v, 8); }
static volatile sig_atomic_t caught;
static void handler(int s) { caught++; }

int main(void)
{
    struct epoll_event e = {EPOLLIN, {.u64 = 1}}, got[4];
    int p[2], a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK), c = eventfd(0, EFD_NONBLOCK);
    char buf[100];
    T(epoll_create(0)); T(epoll_create1(1)); T(epoll_create1(EPOLL_CLOEXEC) > 0);
    int ep = epoll_create1(0);
    puts("errors");
    T(epoll_ctl(ep, EPOLL_CTL_ADD, a, NULL)); T(epoll_ctl(99, EPOLL_CTL_ADD, a, &e)); T(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &e));
    T(epoll_ctl(a, EPOLL_CTL_ADD, b, &e)); T(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e)); T(epoll_ctl(ep, 7, a, &e)); T(epoll_ctl(ep, 7, a, (void *)8));
    T(mod(ep, a, EPOLLIN, 1)); T(del(ep, a)); T(add(ep, a, EPOLLIN, 1)); T(add(ep, a, EPOLLIN, 1));
    int dir = open("/tmp", O_RDONLY), null = open("/dev/null", O_RDWR), file = nameless_file(0);
    T(add(ep, dir, EPOLLIN, 1)); T(add(ep, null, EPOLLIN, 1)); T(add(ep, file, EPOLLIN, 1)); T(add(file, a, EPOLLIN, 1)); T(add(file, file, EPOLLIN, 1));
    T(epoll_wait(ep, got, 0, 0)); T(epoll_wait(ep, got, -1, 0)); T(epoll_wait(99, got, 1, 0)); T(epoll_wait(a, got, 1, 0));
    T(read(ep, buf, 1)); T(write(ep, buf, 1)); T(del(ep, a));

    puts("level");
    T(add(ep, a, EPOLLIN, 1)); T(add(ep, b, EPOLLIN | EPOLLOUT, 2)); T(add(ep, c, 0, 3));
    show(ep, 8); put(a); show(ep, 8); show(ep, 8); put(c); show(ep, 8); put(b); show(ep, 8); show(ep, 1); show(ep, 1); show(ep, 1);
    take(a); show(ep, 8); T(mod(ep, a, EPOLLOUT, 11)); show(ep, 8); T(mod(ep, b, 0, 2)); show(ep, 8);
    int a2 = dup(a);
    T(add(ep, a2, EPOLLOUT, 12)); show(ep, 8); T(close(a2)); show(ep, 8); T(del(ep, a2)); T(del(ep, a)); T(close(a)); show(ep, 8);

    puts("edge");
    close(ep); ep = epoll_create1(0); a = eventfd(0, EFD_NONBLOCK); b = eventfd(0, EFD_NONBLOCK);
    T(add(ep, a, EPOLLIN | EPOLLET, 1)); show(ep, 8); put(a); show(ep, 8); show(ep, 8); put(a); show(ep, 8); show(ep, 8);
    T(mod(ep, a, EPOLLIN | EPOLLET, 1)); show(ep, 8); show(ep, 8); take(a); show(ep, 8);
    T(pipe(p)); T(add(ep, p[0], EPOLLIN | EPOLLET, 5)); T(add(ep, p[1], EPOLLOUT | EPOLLET, 6)); show(ep, 8);
    write(p[1], "abcd", 4); show(ep, 8); read(p[0], buf, 2); show(ep, 8); write(p[1], "x", 1); show(ep, 8);
    T(close(p[1])); show(ep, 8); T(del(ep, p[0]));
    T(pipe(p)); T(add(ep, p[1], EPOLLOUT, 7)); T(add(ep, p[0], EPOLLRDNORM, 8)); show(ep, 8); T(close(p[0])); show(ep, 8); T(close(p[1])); show(ep, 8);

    puts("one shot");
    T(add(ep, b, EPOLLIN | EPOLLONESHOT, 9)); put(b); show(ep, 8); show(ep, 8); put(b); show(ep, 8); T(mod(ep, b, EPOLLIN | EPOLLONESHOT, 10)); show(ep, 8); show(ep, 8);
    T(add(ep, b, EPOLLIN, 1)); take(b); T(del(ep, b));

    puts("exclusive");
    T(add(ep, b, EPOLLIN | EPOLLEXCLUSIVE, 4)); T(mod(ep, b, EPOLLIN, 4)); put(b); show(ep, 8); take(b); T(del(ep, b));
    T(add(ep, b, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 4)); T(add(ep, b, EPOLLPRI | EPOLLEXCLUSIVE, 4)); T(add(ep, b, EPOLLIN, 4)); T(mod(ep, b, EPOLLIN | EPOLLEXCLUSIVE, 4));

    puts("nested");
    int outer = epoll_create1(0), inner = epoll_create1(0);
    T(add(outer, inner, EPOLLIN, 20)); T(add(inner, outer, EPOLLIN, 21)); T(add(outer, outer, EPOLLIN, 22)); T(add(inner, outer, EPOLLIN | EPOLLEXCLUSIVE, 1));
    T(add(inner, c, EPOLLIN, 23)); show(outer, 8); show(inner, 8); take(c); show(outer, 8); put(c); show(outer, 8);
    struct pollfd pf = {outer, POLLIN, 0};
    T(poll(&pf, 1, 0)); T(pf.revents); take(c); T(poll(&pf, 1, 0));
    int chain[8];
    for (int i = 0; i < 8; i++) { chain[i] = epoll_create1(0); if (i) { T(add(chain[i], chain[i - 1], EPOLLIN, i)); } }

    puts("waiting");
    close(ep); ep = epoll_create1(0);
    T(pipe(p)); T(add(ep, p[0], EPOLLIN, 30));
    if (!fork()) { struct timespec t = {0, 10000000}; nanosleep(&t, NULL); write(p[1], "x", 1); _exit(0); }
    T(epoll_wait(ep, got, 4, -1)); T(got[0].data.u64); read(p[0], buf, 1); wait(NULL);
    T(epoll_wait(ep, got, 4, 5));
    struct timespec t = {0, 1000000}, bad = {0, 1000000000};
    T(syscall(SYS_epoll_pwait2, ep, got, 4, &t, NULL, 8)); T(syscall(SYS_epoll_pwait2, ep, got, 4, &bad, NULL, 8)); T(syscall(SYS_epoll_pwait2, ep, got, 4, (void *)8, NULL, 8));
    T(syscall(SYS_epoll_pwait2, ep, got, 4, &t, &t, 4)); T(syscall(SYS_epoll_pwait, ep, got, 4, 0, (void *)8, 8));
    struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval soon = {{0, 0}, {0, 300000}}; /* long enough for a busy host to be waiting by then */
    setitimer(ITIMER_REAL, &soon, NULL);
    T(epoll_wait(ep, got, 4, -1)); T(caught);
    sigset_t none, alarm, before;
    sigemptyset(&none); sigemptyset(&alarm); sigaddset(&alarm, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm, NULL); raise(SIGALRM);
    T(epoll_wait(ep, got, 4, 0)); T(caught); T(epoll_pwait(ep, got, 4, 100, &none)); T(caught);
    sigprocmask(SIG_SETMASK, NULL, &before); T(sigismember(&before, SIGALRM));
    write(p[1], "x", 1); raise(SIGALRM); T(epoll_pwait(ep, got, 4, 100, &none)); T(caught);
    read(p[0], buf, 1); T(epoll_pwait(ep, got, 4, 0, &none)); T(caught);

    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec its = {{0, 0}, {0, 300000000}};
    timerfd_settime(timer, 0, &its, NULL);
    T(add(ep, timer, EPOLLIN | EPOLLET, 40)); show(ep, 4); T(epoll_wait(ep, got, 4, -1)); T(got[0].data.u64); show(ep, 4); take(timer);
    int other = epoll_create1(0);                  /* a child reports the same instance */
    T(add(other, b, EPOLLIN, 50)); put(b);
    if (!fork()) { show(other, 4); _exit(0); }
    wait(NULL); show(other, 4);
    return 0;
}
