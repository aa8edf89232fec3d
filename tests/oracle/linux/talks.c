/* epoll, eventfd, timerfd, signalfd, inotify, pidfd, poll and select, splice and its kin: the arguments, good and bad. */
#include "checks.h"
#include <grp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

static struct epoll_event e, many[8];
static long ctl(int ep, int op, int fd, unsigned events) { e = (struct epoll_event){events, {.u64 = fd}}; return epoll_ctl(ep, op, fd, &e); }
static long ep_wait(int ep, int most, int ms) { return epoll_wait(ep, many, most, ms); }
static long nums[2];

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    close_range(3, -1, 0);
    int p[2], q[2], file = nameless_file(0), i;
    pipe(p), pipe(q);
    signal(SIGPIPE, SIG_IGN);

    puts("epoll");
    T(epoll_create(0));
    T(epoll_create(-1));
    T(epoll_create1(1));
    int ep = epoll_create1(EPOLL_CLOEXEC);
    T(fcntl(ep, F_GETFD));
    T(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
    T(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN));
    T(ctl(ep, EPOLL_CTL_MOD, p[1], EPOLLIN));
    T(ctl(ep, EPOLL_CTL_DEL, p[1], EPOLLIN));
    T(ctl(ep, 9, p[0], EPOLLIN));
    T(ctl(ep, 9, p[1], EPOLLIN));
    T(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN));
    T(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN));
    T(ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN));
    T(ctl(99, EPOLL_CTL_ADD, p[0], EPOLLIN));
    T(ctl(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN));
    T(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], NULL));
    T(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], (void *)8));
    T(ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT));
    T(ctl(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLEXCLUSIVE));
    T(ctl(ep, EPOLL_CTL_MOD, p[1], EPOLLOUT));
    T(ctl(ep, EPOLL_CTL_DEL, p[1], 0));
    T(ep_wait(ep, 8, 0));
    T(ep_wait(ep, 0, 0));
    T(ep_wait(ep, -1, 0));
    T(ep_wait(99, 8, 0));
    T(ep_wait(p[0], 8, 0));
    T(write(p[1], "x", 1));
    T(epoll_wait(ep, (void *)8, 8, 0));
    T(ep_wait(ep, 8, -1));
    T(many[0].events);
    T(ep_wait(ep, 8, 5));
    T(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET));
    T(ep_wait(ep, 8, 0));
    T(ep_wait(ep, 8, 5));
    T(write(p[1], "x", 1));
    T(ep_wait(ep, 8, 0));
    T(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT));
    T(ep_wait(ep, 8, 0));
    T(ep_wait(ep, 8, 0));
    T(ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT));
    T(ep_wait(ep, 8, 0));
    int inner = epoll_create1(0), chain[7];
    T(ctl(inner, EPOLL_CTL_ADD, p[0], EPOLLIN));
    T(ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN));
    T(ctl(inner, EPOLL_CTL_ADD, ep, EPOLLIN));
    T(ep_wait(ep, 8, 0));
    T(many[0].data.u64 == inner);
    close(inner);
    T(ep_wait(ep, 8, 0));
    for (i = 0; i < 7; i++) {
        chain[i] = epoll_create1(0);
        if (i)
            T(ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], EPOLLIN));
    }
    close_range(chain[0], chain[6], 0);
    T(syscall(SYS_epoll_pwait, ep, many, 8, 0, &e, 4));
    T(syscall(SYS_epoll_pwait2, ep, many, 8, &(struct timespec){0, 1000000000}, NULL, 8));
    T(syscall(SYS_epoll_pwait2, ep, many, 8, &(struct timespec){0, 1000}, NULL, 8));
    T(read(ep, nums, 8));
    T(lseek(ep, 0, SEEK_SET));

    puts("eventfd");
    T(eventfd(0, 0x10));
    int ev = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    T(read(ev, nums, 7));
    T(read(ev, nums, 8));
    T(nums[0]);
    T(read(ev, nums, 8));
    nums[0] = -1;
    T(write(ev, nums, 8));
    T(write(ev, nums, 4));
    nums[0] = -2;
    T(write(ev, nums, 8));
    T(write(ev, nums, 8));
    T(read(ev, nums, 16));
    T(nums[0]);
    T(pread(ev, nums, 8, 0));
    int sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    T(read(sem, nums, 8));
    T(nums[0]);
    T(read(sem, nums, 8));
    T(read(sem, nums, 8));

    puts("timerfd");
    struct itimerspec t = {{0, 0}, {0, 2000000}}, old;
    T(timerfd_create(99, 0));
    T(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    T(timerfd_create(CLOCK_MONOTONIC, 1));
    int tf = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    T(read(tf, nums, 8));
    T(timerfd_settime(tf, 0, &t, NULL));
    T(timerfd_gettime(tf, &old));
    T(old.it_value.tv_nsec > 0);
    T(usleep(5000));
    T(read(tf, nums, 4));
    T(read(tf, nums, 8));
    T(nums[0]);
    T(read(tf, nums, 8));
    t.it_value.tv_nsec = 1000000000;
    T(timerfd_settime(tf, 0, &t, NULL));
    t.it_value.tv_nsec = -1;
    T(timerfd_settime(tf, 0, &t, NULL));
    T(timerfd_settime(tf, 8, &t, NULL));
    T(timerfd_settime(tf, 0, NULL, NULL));
    T(timerfd_settime(tf, 0, (void *)8, NULL));
    T(timerfd_settime(p[0], 0, &(struct itimerspec){0}, NULL));
    T(timerfd_settime(99, 0, &(struct itimerspec){0}, NULL));
    T(timerfd_gettime(tf, (void *)8));
    T(write(tf, nums, 8));
    T(timerfd_settime(tf, TFD_TIMER_ABSTIME, &(struct itimerspec){{0, 0}, {0, 1}}, NULL));
    T(read(tf, nums, 8));
    T(nums[0]);

    puts("signalfd");
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGKILL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    T(signalfd(-1, &set, 0x10));
    T(syscall(SYS_signalfd4, -1, &set, 4, 0));
    T(signalfd(p[0], &set, 0));
    T(signalfd(99, &set, 0));
    int sf = signalfd(-1, &set, SFD_NONBLOCK);
    struct signalfd_siginfo si;
    T(read(sf, &si, sizeof si));
    T(raise(SIGUSR1));
    T(read(sf, &si, 100));
    T(read(sf, &si, sizeof si));
    T(si.ssi_signo);
    T(si.ssi_code);
    T(si.ssi_pid == getpid());
    T(sigqueue(getpid(), SIGUSR1, (union sigval){77}));
    T(read(sf, &si, sizeof si));
    T(si.ssi_int);
    T(si.ssi_code);
    T(signalfd(sf, &set, 0) == sf);
    T(fcntl(sf, F_SETOWN, getpid()));
    T(fcntl(sf, F_SETSIG, SIGRTMIN));
    T(fcntl(sf, F_SETFL, O_ASYNC | O_NONBLOCK)); /* a signal that says that a signal is there: there is none */
    T(fcntl(sf, F_GETFL) & O_ASYNC);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    T(signalfd(sf, &set, 0) == sf);
    T(raise(SIGUSR1));
    T(read(sf, &si, sizeof si));
    T(si.ssi_signo == SIGUSR1);
    T(read(sf, &si, sizeof si));

    puts("inotify");
    enter_folder();
    char buffer[4096];
    T(inotify_init1(1));
    int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    T(inotify_add_watch(in, ".", 0));
    T(inotify_add_watch(in, "none", IN_CREATE));
    T(inotify_add_watch(99, ".", IN_CREATE));
    T(inotify_add_watch(p[0], ".", IN_CREATE));
    T(inotify_add_watch(in, NULL, IN_CREATE));
    T(inotify_add_watch(in, ".", IN_CREATE | IN_DELETE | IN_MOVE));
    T(inotify_add_watch(in, ".", IN_CREATE | IN_MASK_CREATE));
    T(inotify_add_watch(in, ".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    T(inotify_rm_watch(in, 5));
    T(inotify_rm_watch(99, 1));
    T(read(in, buffer, sizeof buffer));
    int made = open("a", O_CREAT | O_RDWR, 0600);
    T(inotify_add_watch(in, "a", IN_ONLYDIR | IN_OPEN));
    T(read(in, buffer, 10));
    T(read(in, buffer, sizeof buffer));
    struct inotify_event *ie = (void *)buffer;
    T(ie->wd);
    T(ie->mask);
    T(ie->len);
    puts(ie->name);
    T(rename("a", "b"));
    T(ioctl(in, FIONREAD, &i));
    T(i);
    T(read(in, buffer, sizeof buffer));
    T(ie->mask);
    T(ie->cookie != 0);
    T(((struct inotify_event *)(buffer + 16 + ie->len))->mask);
    T(unlink("b"));
    T(read(in, buffer, sizeof buffer));
    T(ie->mask);
    T(inotify_rm_watch(in, 1));
    T(read(in, buffer, sizeof buffer));
    T(ie->mask);
    T(inotify_rm_watch(in, 1));
    T(write(in, buffer, 10));
    leave_folder();

    puts("pidfd");
    T(syscall(SYS_pidfd_open, -1, 0));
    T(syscall(SYS_pidfd_open, 0, 0));
    T(syscall(SYS_pidfd_open, 1 << 22, 0));
    T(syscall(SYS_pidfd_open, getpid(), 0x10));
    int pf = syscall(SYS_pidfd_open, getpid(), O_NONBLOCK);
    T(fcntl(pf, F_GETFD));
    T(read(pf, buffer, 10));
    T(syscall(SYS_pidfd_send_signal, pf, 0, NULL, 0));
    T(syscall(SYS_pidfd_send_signal, pf, 99, NULL, 0));
    T(syscall(SYS_pidfd_send_signal, pf, 0, NULL, 0x100));
    T(syscall(SYS_pidfd_send_signal, p[0], 0, NULL, 0));
    T(syscall(SYS_pidfd_send_signal, 99, 0, NULL, 0));
    T(syscall(SYS_pidfd_send_signal, pf, SIGUSR1, (void *)8, 0));
    T(syscall(SYS_pidfd_getfd, pf, 99, 0));
    T(syscall(SYS_pidfd_getfd, pf, file, 1));
    T(syscall(SYS_pidfd_getfd, p[0], file, 0));
    i = syscall(SYS_pidfd_getfd, pf, file, 0);
    T(i >= 0);
    T(fcntl(i, F_GETFD));

    puts("poll and select");
    struct pollfd f[3] = {{p[0], POLLIN, 0}, {99, POLLIN, 0}, {-1, POLLIN, 7}};
    T(poll(f, 3, 0));
    T(f[0].revents);
    T(f[1].revents);
    T(f[2].revents);
    T(poll(NULL, 0, 1));
    T(poll((void *)8, 1, 0));
    T(poll(f, 1 << 30, 0));
    T(ppoll(f, 1, &(struct timespec){0, -1}, NULL));
    T(syscall(SYS_ppoll, f, 1, NULL, &set, 4));
    fd_set r, w;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    FD_ZERO(&w);
    FD_SET(p[1], &w);
    T(select(100, &r, &w, NULL, &(struct timeval){0, 0}));
    T(FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
    T(select(-1, &r, NULL, NULL, NULL));
    T(select(100, &r, NULL, NULL, &(struct timeval){-1, 0}));
    FD_SET(40, &r);
    T(select(100, &r, NULL, NULL, &(struct timeval){0, 0}));
    T(select(10, (void *)8, NULL, NULL, &(struct timeval){0, 0}));
    T(select(0, NULL, NULL, NULL, &(struct timeval){0, 1000}));

    puts("splice, tee, sendfile, vmsplice");
    T(fcntl(p[0], F_SETFL, O_NONBLOCK));
    T(read(p[0], buffer, 100));
    T(pwrite(file, "0123456789", 10, 0));
    loff_t at = 2, bad = -1;
    T(splice(file, &at, p[1], NULL, 4, 0));
    T(at);
    T(splice(file, &bad, p[1], NULL, 4, 0));
    T(splice(p[0], &at, q[1], NULL, 4, 0));
    T(splice(file, NULL, file, NULL, 4, 0));
    T(splice(p[0], NULL, p[1], NULL, 4, 0));
    T(splice(file, &at, p[1], NULL, 4, 0x100));
    T(splice(99, NULL, p[1], NULL, 4, 0));
    T(splice(p[1], NULL, q[1], NULL, 4, 0));
    T(tee(p[0], q[1], 3, 0));
    T(tee(p[0], file, 3, 0));
    T(tee(p[0], p[1], 3, 0));
    T(splice(p[0], NULL, file, &(loff_t){20}, 10, 0));
    T(splice(p[0], NULL, file, NULL, 10, SPLICE_F_NONBLOCK));
    T(read(q[0], buffer, 10));
    int out = nameless_file(0), append = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND, 0600);
    off_t from = 5;
    T(sendfile(out, file, &from, 3));
    T(from);
    T(sendfile(out, file, NULL, 100));
    T(sendfile(out, p[0], NULL, 1));
    T(sendfile(append, file, NULL, 1));
    T(sendfile(99, file, NULL, 1));
    T(sendfile(out, 99, NULL, 1));
    from = -1;
    T(sendfile(out, file, &from, 1));
    T(sendfile(out, file, (void *)8, 1));
    struct iovec v = {"mapped", 6};
    T(vmsplice(q[1], &v, 1, 0));
    T(vmsplice(q[0], &(struct iovec){buffer, 6}, 1, 0));
    T(vmsplice(file, &v, 1, 0));
    T(vmsplice(q[1], &v, 2000, 0));
    T(vmsplice(q[1], &v, 1, 0x100));
    T(vmsplice(q[1], (void *)8, 1, 0));
    close(q[0]);
    T(vmsplice(q[1], &v, 1, 0));
    T(tee(p[0], q[1], 1, 0));
    return 0;
}
