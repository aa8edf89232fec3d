/* poll(2), ppoll(2), select(2), pselect6: states of each sort of file, time left, signal masks, errors. */
#include "checks.h"
#include <sys/select.h>
#include <sys/eventfd.h>

static long p6(int n, void *r, void *w, void *x, void *t, void *m) { return syscall(SYS_pselect6, n, r, w, x, t, m); }
static int st(int fd, int events) { struct pollfd p = {fd, events, 0x7777}; poll(&p, 1, 0); return p.revents; }
static volatile sig_atomic_t caught;
static void handler(int s) { caught++; }

int main(void)
{
    int p[2], all = 0x3fff;
    char big[4096] = {0}, buf[8];
    T(pipe(p));
    int null = open("/dev/null", O_RDWR), dir = open("/tmp", O_RDONLY), file = nameless_file(0);
    puts("states");
    T(st(p[0], all)); T(st(p[1], all)); T(st(null, all)); T(st(dir, all)); T(st(file, all)); T(st(99, all)); T(st(-1, all)); T(st(p[0], 0));
    write(p[1], "abc", 3); T(st(p[0], all)); T(st(p[0], POLLIN)); T(st(p[0], POLLRDNORM)); T(st(p[0], POLLPRI));
    int n; T(ioctl(p[0], FIONREAD, &n)); T(n); T(ioctl(p[1], FIONREAD, &n)); T(n); read(p[0], buf, 3);
    fcntl(p[1], F_SETFL, O_NONBLOCK); while (write(p[1], big, 4096) > 0); T(st(p[1], all)); read(p[0], big, 4096); T(st(p[1], all));
    T(close(p[1])); T(st(p[0], all)); T(close(p[0])); T(pipe(p)); T(close(p[0])); T(st(p[1], all)); T(close(p[1]));
    T(ioctl(file, FIONREAD, &n)); T(ioctl(p[0], FIONREAD, &n)); T(ioctl(null, FIONREAD, &n));
    int on = 1; T(ioctl(null, FIONBIO, &on)); T(fcntl(null, F_GETFL) & O_NONBLOCK); on = 0; T(ioctl(null, FIONBIO, &on)); T(fcntl(null, F_GETFL) & O_NONBLOCK);
    T(ioctl(null, FIONBIO, (void *)8)); T(ioctl(null, FIOCLEX)); T(fcntl(null, F_GETFD)); T(ioctl(null, FIONCLEX)); T(fcntl(null, F_GETFD));

    puts("poll");
    T(pipe(p));
    struct pollfd pf[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {77, POLLIN, 0}};
    T(poll(pf, 3, -1)); T(pf[0].revents); T(pf[1].revents); T(pf[2].revents); T(poll(pf, 1, 0)); T(poll(pf, 1, 3)); T(poll(pf, 0, 3));
    T(syscall(SYS_ppoll, (void *)8, 1, NULL, NULL, 8)); T(syscall(SYS_ppoll, pf, 100000, NULL, NULL, 8));
    struct timespec t = {0, 5000000}, bad = {0, -1}, negative = {-1, 0};
    T(syscall(SYS_ppoll, pf, 1, &t, NULL, 8)); T(t.tv_sec | t.tv_nsec); T(syscall(SYS_ppoll, pf, 1, &bad, NULL, 8)); T(syscall(SYS_ppoll, pf, 1, &negative, NULL, 8));
    t.tv_sec = 100; T(syscall(SYS_ppoll, pf, 2, &t, NULL, 8)); T(t.tv_sec == 99 || t.tv_sec == 100); T(syscall(SYS_ppoll, pf, 2, (void *)8, NULL, 8));
    sigset_t none, alarm, before;
    sigemptyset(&none); sigemptyset(&alarm); sigaddset(&alarm, SIGALRM);
    T(syscall(SYS_ppoll, pf, 1, NULL, &none, 4)); T(syscall(SYS_ppoll, pf, 1, NULL, (void *)8, 8));
    struct sigaction act = {.sa_handler = handler};
    sigaction(SIGALRM, &act, NULL);
    sigprocmask(SIG_BLOCK, &alarm, NULL); raise(SIGALRM);
    t = (struct timespec){0, 1000000}; T(ppoll(pf, 1, &t, NULL)); T(caught); T(ppoll(pf, 1, NULL, &none)); T(caught); sigprocmask(0, NULL, &before); T(sigismember(&before, SIGALRM));
    raise(SIGALRM); T(ppoll(pf, 2, NULL, &none)); T(caught); t.tv_nsec = t.tv_sec = 0; T(ppoll(pf, 1, &t, &none)); T(caught);

    puts("select");
    fd_set r, w, x;
    struct timespec z = {0, 0};
    FD_ZERO(&r); FD_ZERO(&w); FD_ZERO(&x); FD_SET(p[0], &r); FD_SET(p[1], &w); FD_SET(p[0], &x);
    T(p6(p[1] + 1, &r, &w, &x, NULL, NULL)); T(FD_ISSET(p[0], &r)); T(FD_ISSET(p[1], &w)); T(FD_ISSET(p[0], &x));
    FD_ZERO(&w); FD_SET(p[0], &r); T(p6(p[1] + 1, &r, &w, NULL, &z, NULL)); T(FD_ISSET(p[0], &r));
    write(p[1], "x", 1); FD_SET(p[0], &r); FD_SET(p[1], &w); FD_SET(file, &r); FD_SET(file, &w); T(p6(64, &r, &w, NULL, &z, NULL)); T(FD_ISSET(file, &w));
    T(p6(-1, &r, NULL, NULL, &z, NULL)); T(p6(64, (void *)8, NULL, NULL, &z, NULL)); FD_SET(60, &r); T(p6(64, &r, NULL, NULL, &z, NULL)); T(p6(60, &r, NULL, NULL, &z, NULL));
    T(p6(64, NULL, NULL, NULL, &bad, NULL)); T(p6(0, NULL, NULL, NULL, (void *)8, NULL)); T(p6(0, NULL, NULL, NULL, &z, (void *)8));
    t = (struct timespec){0, 3000000}; T(p6(0, NULL, NULL, NULL, &t, NULL)); T(t.tv_nsec);
    struct { void *mask; size_t size; } m = {&none, 8}, wrong = {&none, 5}, no_mask = {NULL, 3};
    T(p6(0, NULL, NULL, NULL, &z, &wrong)); T(p6(0, NULL, NULL, NULL, &z, &no_mask)); read(p[0], buf, 1);
    FD_ZERO(&r); FD_SET(p[0], &r); raise(SIGALRM); T(p6(p[0] + 1, &r, NULL, NULL, NULL, &m)); T(caught); T(FD_ISSET(p[0], &r)); sigprocmask(0, NULL, &before); T(sigismember(&before, SIGALRM));
    if (!fork()) { close(p[0]); struct timespec s = {0, 10000000}; nanosleep(&s, NULL); _exit(0); }
    close(p[1]); T(select(p[0] + 1, &r, NULL, NULL, NULL)); T(read(p[0], buf, 1)); wait(NULL);
    struct timeval tv = {0, 2000}; T(select(0, NULL, NULL, NULL, &tv)); T(tv.tv_usec);
    return 0;
}
