/* eventfd(2) and timerfd_create(2): values, flags, blocking, errors. */
#include "checks.h"
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static long in(int fd, uint64_t *v) { *v = 77; return read(fd, v, 8); }
static long out(int fd, uint64_t v) { return write(fd, &v, 8); }
static int state(int fd) { struct pollfd p = {fd, POLLIN | POLLOUT, 0}; poll(&p, 1, 0); return p.revents; }
static volatile sig_atomic_t caught;
static void handler(int s) { caught++; }

int main(void)
{
    uint64_t v, two[2] = {3, 4};
    char small[4];
    int e = eventfd(5, EFD_NONBLOCK);
    T(state(e));
    T(in(e, &v)); T(v);
    T(in(e, &v)); T(state(e));
    T(out(e, 3)); T(out(e, 4)); T(in(e, &v)); T(v);
    T(out(e, ~0ull)); T(out(e, ~1ull)); T(state(e)); T(out(e, 1)); T(out(e, 0)); T(in(e, &v)); T(v == ~1ull);
    T(read(e, small, 4)); T(write(e, small, 4)); T(read(e, small, 0)); T(write(e, small, 0));
    T(write(e, two, 16)); T(in(e, &v)); T(v);
    T(read(e, (void *)8, 8)); T(write(e, (void *)8, 8));
    T(pread(e, &v, 8, 0)); T(pwrite(e, &v, 8, 0)); T(ftruncate(e, 0));
    int n; T(ioctl(e, FIONREAD, &n));
    T(fcntl(e, F_GETFL) & (O_NONBLOCK | O_ACCMODE)); T(fcntl(e, F_GETFD));
    int s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    T(fcntl(s, F_GETFD));
    T(in(s, &v)); T(v); T(in(s, &v)); T(v); T(in(s, &v));
    T(eventfd(0, 8)); T(eventfd(0, 0x40000000)); T(syscall(SYS_eventfd2, 1, -1));

    int b = eventfd(0, 0);                          /* a reader that waits, and a writer that waits */
    if (!fork()) { out(b, 9); out(b, ~1ull); _exit(0); }
    T(in(b, &v)); T(v); wait(NULL);
    T(in(b, &v));
    if (!fork()) { struct timespec t = {0, 20000000}; nanosleep(&t, NULL); uint64_t w; in(b, &w); _exit(0); }
    out(b, ~1ull);
    T(out(b, 5)); wait(NULL); T(in(b, &v)); T(v);
    struct sigaction a = {.sa_handler = handler};
    sigaction(SIGALRM, &a, NULL);
    struct itimerval soon = {{0, 0}, {0, 300000}}; /* long enough for a busy host to be waiting by then */
    setitimer(ITIMER_REAL, &soon, NULL);
    T(in(b, &v)); T(caught);

    puts("timerfd");
    T(timerfd_create(99, 0)); T(timerfd_create(CLOCK_MONOTONIC, 1)); T(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec off = {0}, once = {{0, 0}, {0, 10000000}}, every = {{0, 100000000}, {0, 100000000}}, old, now;
    struct itimerspec bad = {{0, 0}, {0, 1000000000}}, negative = {{-1, 0}, {1, 0}}, far = {{7, 8}, {1000, 0}};
    T(in(t, &v)); T(state(t));
    T(timerfd_settime(t, 0, &far, &old)); T(old.it_value.tv_sec | old.it_value.tv_nsec | old.it_interval.tv_sec);
    T(timerfd_gettime(t, &now)); T(now.it_value.tv_sec >= 999 && now.it_value.tv_sec <= 1000); T(now.it_interval.tv_sec); T(now.it_interval.tv_nsec);
    T(timerfd_settime(t, 0, &off, &old)); T(old.it_interval.tv_sec);
    T(timerfd_gettime(t, &now)); T(now.it_value.tv_sec); T(now.it_interval.tv_sec);
    T(timerfd_settime(t, 0, &bad, NULL)); T(timerfd_settime(t, 0, &negative, NULL)); T(timerfd_settime(t, 8, &once, NULL));
    T(timerfd_settime(e, 0, &once, NULL)); T(timerfd_settime(999, 0, &once, NULL)); T(timerfd_gettime(e, &now)); T(timerfd_gettime(-1, &now));
    T(syscall(SYS_timerfd_settime, t, 0, NULL, NULL)); T(syscall(SYS_timerfd_settime, t, 0, 8, NULL)); T(timerfd_gettime(t, (void *)8));
    T(timerfd_settime(t, 0, &once, NULL));
    fcntl(t, F_SETFL, 0);
    T(in(t, &v)); T(v); T(timerfd_gettime(t, &now)); T(now.it_value.tv_nsec);
    T(timerfd_settime(t, 0, &every, NULL));
    struct timespec nap = {0, 550000000};
    nanosleep(&nap, NULL);
    T(in(t, &v)); T(v >= 5); T(in(t, &v)); T(v);
    T(state(t)); T(out(t, 1)); T(read(t, small, 4));
    nap = (struct timespec){1, 100000000}, nanosleep(&nap, NULL);
    clock_gettime(CLOCK_MONOTONIC, &once.it_value);         /* absolute, in the past: at once */
    once.it_value.tv_sec -= 1;
    T(timerfd_settime(t, TFD_TIMER_ABSTIME, &once, NULL)); T(state(t)); T(in(t, &v)); T(v);
    every.it_value = once.it_value; every.it_interval.tv_nsec = 400000000;
    T(timerfd_settime(t, TFD_TIMER_ABSTIME, &every, NULL)); T(in(t, &v)); T(v);
    clock_gettime(CLOCK_MONOTONIC, &once.it_value);
    once.it_value.tv_sec += 1000;
    T(timerfd_settime(t, TFD_TIMER_ABSTIME, &once, NULL)); T(timerfd_gettime(t, &now)); T(now.it_value.tv_sec >= 998 && now.it_value.tv_sec <= 1000);
    int r = timerfd_create(CLOCK_REALTIME, 0);
    clock_gettime(CLOCK_REALTIME, &once.it_value);
    T(timerfd_settime(r, TFD_TIMER_ABSTIME, &once, NULL)); T(in(r, &v)); T(v);
    T(timerfd_settime(r, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &once, NULL)); T(in(r, &v));
    T(timerfd_create(CLOCK_BOOTTIME, 0) > 0);
    T(close(t)); T(close(t));
    return 0;
}
