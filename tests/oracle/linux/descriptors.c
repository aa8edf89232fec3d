/* dup, dup3, fcntl, close_range, pipe2, ioctl on descriptors: good and bad uses. */
#include "checks.h"
#include <grp.h>
#include <sys/resource.h>
#include <linux/close_range.h>
#ifndef F_GET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_SET_RW_HINT 1036
#endif

static int open_ones(int from, int to) { int n = 0; for (int i = from; i < to; i++) n += fcntl(i, F_GETFD) != -1; return n; }
static volatile int got, code, on;
static void heard(int s, siginfo_t *info, void *x) { got = s, code = info->si_code, on = info->si_fd; }
static long range(unsigned first, unsigned last, int flags) { return syscall(SYS_close_range, first, last, flags); }

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    int fd = nameless_file(0), p[2], i;
    T(fd >= 0);

    puts("dup");
    T(dup(-1));
    T(dup(99));
    T(close(dup(fd)));
    T(dup2(fd, -1));
    T(dup2(fd, 1 << 20));
    T(dup2(fd, fd) == fd);
    T(dup2(99, 99));
    T(dup2(99, 50));
    T(dup2(fd, 50));
    T(dup3(fd, fd, 0));
    T(dup3(fd, 51, O_CLOEXEC));
    T(fcntl(51, F_GETFD));
    T(dup3(fd, 51, O_NONBLOCK));
    T(dup3(fd, -1, 0));
    T(dup3(-1, 51, 0));
    T(dup3(fd, 51, 0));
    T(fcntl(51, F_GETFD));
    T(lseek(50, 7, SEEK_SET));
    T(lseek(51, 0, SEEK_CUR));

    puts("fcntl");
    T(fcntl(fd, F_DUPFD, 60));
    T(fcntl(fd, F_DUPFD, 60));
    T(fcntl(fd, F_DUPFD_CLOEXEC, 60));
    T(fcntl(62, F_GETFD));
    T(fcntl(fd, F_DUPFD, -1));
    T(fcntl(fd, F_DUPFD, 1 << 30));
    T(fcntl(fd, F_SETFD, FD_CLOEXEC));
    T(fcntl(fd, F_GETFD));
    T(fcntl(fd, F_SETFD, 2));
    T(fcntl(fd, F_GETFD));
    T(fcntl(60, F_GETFL) & ~O_LARGEFILE);
    T(fcntl(60, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT | O_WRONLY));
    T(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_CREAT | O_ACCMODE));
    T(fcntl(fd, F_SETFL, 0));
    T(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK));
    T(fcntl(fd, 999));
    T(fcntl(fd, -1));
    T(fcntl(99, 999));
    T(fcntl(-1, F_GETFD));
    int path = open("/tmp", O_PATH | O_DIRECTORY);
    T(fcntl(path, F_GETFL) & O_PATH);
    T(fcntl(path, F_SETFL, O_NONBLOCK));
    T(fcntl(path, F_GETFD));
    T(fcntl(path, F_SETFD, 1));
    T(fcntl(path, F_DUPFD, 70));
    T(fcntl(path, F_GETOWN));
    T(fcntl(path, F_SETLK, NULL));

    puts("owners and signals");
    struct f_owner_ex owner = {9, 9};
    T(fcntl(fd, F_GETOWN));
    T(fcntl(fd, F_GETSIG));
    T(fcntl(fd, F_SETOWN, getpid()));
    T(fcntl(fd, F_GETOWN) == getpid());
    T(fcntl(fd, F_GETOWN_EX, &owner));
    T(owner.type);
    T(owner.pid == getpid());
    T(fcntl(fd, F_SETOWN, -getpgrp()));
    T(fcntl(fd, F_GETOWN_EX, &owner));
    T(owner.type);
    T(fcntl(fd, F_SETOWN, 0x7ffffff));
    T(fcntl(fd, F_SETOWN, 0));
    T(fcntl(fd, F_GETOWN));
    owner = (struct f_owner_ex){F_OWNER_TID, getpid()};
    T(fcntl(fd, F_SETOWN_EX, &owner));
    owner.type = 7;
    T(fcntl(fd, F_SETOWN_EX, &owner));
    T(fcntl(fd, F_GETOWN_EX, &owner));
    T(owner.type);
    T(fcntl(fd, F_SETOWN_EX, NULL));
    T(fcntl(fd, F_SETSIG, 65));
    T(fcntl(fd, F_SETSIG, -1));
    T(fcntl(fd, F_SETSIG, SIGUSR1));
    T(fcntl(fd, F_GETSIG));
    T(fcntl(fd, F_SETSIG, 0));
    T(pipe(p));
    struct sigaction a = {.sa_sigaction = heard, .sa_flags = SA_SIGINFO};
    sigaction(SIGIO, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
    T(fcntl(p[0], F_SETOWN, getpid()));
    T(fcntl(p[0], F_SETFL, O_ASYNC));
    T(fcntl(p[0], F_GETFL) & O_ASYNC);
    T(write(p[1], "x", 1));
    T(got);
    T(fcntl(p[0], F_SETSIG, SIGUSR1));
    T(write(p[1], "x", 1));
    T(got);
    T(code);
    T(on == p[0]);
    T(fcntl(p[0], F_SETFL, 0));
    got = 0;
    T(write(p[1], "x", 1));
    T(got);
    T(fcntl(fd, F_SETFL, O_ASYNC));
    T(fcntl(fd, F_GETFL) & O_ASYNC);

    puts("pipes");
    T(fcntl(p[0], F_SETFL, O_NONBLOCK));
    T(fcntl(p[0], F_GETPIPE_SZ));
    T(fcntl(fd, F_GETPIPE_SZ));
    T(fcntl(p[0], F_SETPIPE_SZ, 1));
    T(fcntl(p[1], F_GETPIPE_SZ));
    T(fcntl(p[1], F_SETPIPE_SZ, 5000));
    T(fcntl(p[1], F_SETPIPE_SZ, 100000));
    T(fcntl(p[1], F_SETPIPE_SZ, 1 << 20));
    T(fcntl(p[1], F_SETPIPE_SZ, (1 << 20) + 1));
    T(fcntl(p[1], F_SETPIPE_SZ, 0));
    T(fcntl(p[1], F_SETPIPE_SZ, -1));
    T(fcntl(p[1], F_SETPIPE_SZ, 1 << 31));
    T(fcntl(fd, F_SETPIPE_SZ, 4096));
    static char big[1 << 17];
    T(fcntl(p[1], F_SETFL, O_NONBLOCK));
    T(read(p[0], big, sizeof big));
    T(fcntl(p[1], F_SETPIPE_SZ, 65536));
    T(write(p[1], big, sizeof big));
    T(fcntl(p[1], F_SETPIPE_SZ, 4096));
    T(fcntl(p[1], F_SETPIPE_SZ, 65536));
    T(fcntl(p[1], F_SETPIPE_SZ, 1 << 18));
    T(read(p[0], big, sizeof big));
    T(read(p[0], big, sizeof big));
    T(fcntl(p[1], F_SETPIPE_SZ, 4096));
    T(write(p[1], big, 5000));
    T(write(p[1], big, 1));
    int n;
    T(ioctl(p[0], FIONREAD, &n));
    T(n);
    T(ioctl(fd, FIONREAD, &n));
    T(n);
    T(ioctl(p[0], FIONREAD, NULL));
    T(pipe2(p, O_APPEND));
    T(pipe2(NULL, 0));
    T(pipe2((int *)8, 0));
    T(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    T(read(p[0], big, 1));
    T(fcntl(p[1], F_GETFD));
    T(fcntl(p[0], F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    T(fcntl(p[1], F_GETFL) & (O_ACCMODE | O_NONBLOCK));
    T(pipe(p));

    puts("leases, hints, news");
    int ro = open("/proc/self/exe", O_RDONLY), folder = open("/tmp", O_RDONLY | O_DIRECTORY);
    T(fcntl(fd, F_GETLEASE));
    T(fcntl(fd, F_SETLEASE, F_RDLCK));
    T(fcntl(fd, F_SETLEASE, 9));
    T(fcntl(p[0], F_SETLEASE, F_RDLCK));
    T(fcntl(folder, F_SETLEASE, F_RDLCK));
    uint64_t hint = 9;
    T(fcntl(fd, F_GET_RW_HINT, &hint));
    T(hint);
    hint = 2;
    T(fcntl(fd, F_SET_RW_HINT, &hint));
    T(fcntl(fd, F_GET_RW_HINT, &hint));
    T(hint);
    hint = 99;
    T(fcntl(fd, F_SET_RW_HINT, &hint));
    T(fcntl(fd, F_NOTIFY, DN_CREATE));

    puts("ioctl");
    T(ioctl(99, FIONREAD, &n));
    T(ioctl(path, FIONREAD, &n));
    T(ioctl(fd, FIOCLEX));
    T(fcntl(fd, F_GETFD));
    T(ioctl(fd, FIONCLEX));
    T(fcntl(fd, F_GETFD));
    n = 1;
    T(ioctl(fd, FIONBIO, &n));
    T(fcntl(fd, F_GETFL) & O_NONBLOCK);
    n = 0;
    T(ioctl(fd, FIONBIO, &n));
    T(ioctl(fd, FIONBIO, NULL));
    T(ioctl(fd, TIOCGWINSZ, &n));
    T(ioctl(fd, 0x12345678, &n));
    T(ioctl(p[0], 0x12345678, &n));
    T(ioctl(folder, 0x12345678, &n));
    n = 1;
    T(ioctl(p[0], FIOASYNC, &n));
    T(fcntl(p[0], F_GETFL) & O_ASYNC);
    n = 0;
    T(ioctl(p[0], FIOASYNC, &n));
    long long place;
    T(ioctl(fd, 0x1260 + 1, &n)); /* of a disk */

    puts("close_range");
    T(range(20, 10, 0));
    T(range(20, 30, 8));
    T(range(20, 30, 1));
    T(range(-1, -1, 0));
    T(range(200, -1, 0));
    for (i = 200; i < 210; i++)
        dup2(fd, i);
    T(open_ones(200, 220));
    T(range(203, 204, 0));
    T(open_ones(200, 220));
    T(range(205, 206, CLOSE_RANGE_CLOEXEC));
    T(fcntl(205, F_GETFD));
    T(fcntl(206, F_GETFD));
    T(fcntl(207, F_GETFD));
    T(range(207, 300, CLOSE_RANGE_UNSHARE));
    T(open_ones(200, 220));
    T(range(200, -1, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC));
    T(fcntl(201, F_GETFD));
    T(open_ones(200, 220));
    T(range(200, 200, 0));
    T(open_ones(200, 220));
    T(close(-1));
    T(close(200));

    puts("a limit");
    struct rlimit old, few = {80, 80};
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    T(setrlimit(RLIMIT_NOFILE, &few));
    T(dup2(fd, 80));
    T(dup2(fd, 79));
    T(fcntl(fd, F_DUPFD, 80));
    T(fcntl(fd, F_DUPFD, 79));
    for (i = 3; i < 80; i++)
        if (fcntl(i, F_GETFD) == -1)
            dup2(fd, i);
    T(dup(fd));
    T(pipe(p));
    T(open("/tmp", O_RDONLY));
    close(40);
    T(pipe(p));
    T(fcntl(40, F_GETFD));
    T(fcntl(201, F_GETFD));
    T(dup(fd));
    return 0;
}
