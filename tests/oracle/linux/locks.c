/* Locks: flock, POSIX record locks, OFD locks; waiting, deadlock, what close and exit give up. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#define SHOW(call) do { errno = 0; long r_ = (long)(call); int e_ = errno; printf("%s = %ld %d\n", #call, r_, r_ < 0 ? e_ : 0); } while (0)
static long lock(int fd, int cmd, int type, long start, long len) { struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len}; return fcntl(fd, cmd, &l); }
static void who(int fd, int cmd, int type, long start, long len) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len}; int r = fcntl(fd, cmd, &l);
    printf("getlk %d: %d type %d start %ld len %ld whence %d pid %d\n", type, r, l.l_type, (long)l.l_start, (long)l.l_len, l.l_whence, l.l_pid == 0 ? 0 : l.l_pid == -1 ? -1 : l.l_pid == getppid() ? 1 : 2); }
#define CHILD(body) do { fflush(stdout); pid_t c_ = fork(); if (!c_) { body; fflush(stdout); _exit(0); } waitpid(c_, 0, 0); } while (0)
static void on_alarm(int s) { }
/* Until a process waits in a system call: state S of /proc/PID/stat. */
static void wait_until_asleep(pid_t pid) {
    char path[40], text[100], state = 0; snprintf(path, sizeof path, "/proc/%d/stat", pid);
    while (state != 'S') { usleep(1000); FILE *f = fopen(path, "r"); if (!f || !fgets(text, sizeof text, f) || sscanf(text, "%*d (%*[^)]) %c", &state) != 1) { puts("no /proc"); exit(1); } fclose(f); } }
/* As an ordinary user, whoever starts it: root may do what nobody in the machine may. */
static void drop(void) { if (!geteuid()) { setgroups(0, 0); setgid(1000); setuid(1000); } if (!geteuid()) exit(77); }

int main(void) {
    drop();
    char name[] = "/tmp/locksXXXXXX"; /* /tmp is the guest's writable place */
    int fd = mkstemp(name), fd2 = open(name, O_RDWR), ro = open(name, O_RDONLY), wo = open(name, O_WRONLY), p[2], q[2]; char b; pid_t c; int st;
    setvbuf(stdout, 0, _IONBF, 0); write(fd, "0123456789", 10); struct sigaction a = {.sa_handler = on_alarm}; sigaction(SIGALRM, &a, 0);
    /* flock */
    SHOW(flock(fd, LOCK_EX)); SHOW(flock(fd2, LOCK_EX | LOCK_NB)); SHOW(flock(fd2, LOCK_SH | LOCK_NB)); SHOW(flock(fd, LOCK_SH)); SHOW(flock(fd2, LOCK_SH | LOCK_NB)); SHOW(flock(fd, LOCK_EX | LOCK_NB)); SHOW(flock(fd2, LOCK_UN)); SHOW(flock(fd2, LOCK_UN)); SHOW(flock(fd, LOCK_EX | LOCK_NB)); SHOW(flock(fd, 0)); SHOW(flock(fd, 16)); SHOW(flock(99, LOCK_EX)); SHOW(flock(ro, LOCK_EX | LOCK_NB));
    { int d = dup(fd); SHOW(flock(d, LOCK_EX | LOCK_NB)); close(fd); SHOW(flock(fd2, LOCK_EX | LOCK_NB)); close(d); SHOW(flock(fd2, LOCK_EX | LOCK_NB)); fd = open(name, O_RDWR); }
    CHILD(SHOW(flock(fd2, LOCK_EX | LOCK_NB)); int n = open(name, O_RDWR); SHOW(flock(n, LOCK_EX | LOCK_NB)); alarm(1); SHOW(flock(n, LOCK_EX)));
    pipe(p); if (!(c = fork())) { int n = open(name, O_RDWR); write(p[1], "r", 1); int r = flock(n, LOCK_EX); printf("child has it %d\n", r); _exit(0); } read(p[0], &b, 1); wait_until_asleep(c); printf("parent unlocks\n"); flock(fd2, LOCK_UN); waitpid(c, &st, 0); SHOW(flock(fd, LOCK_EX | LOCK_NB)); SHOW(flock(fd, LOCK_UN)); SHOW(flock(p[0], LOCK_EX | LOCK_NB));
    /* POSIX */
    SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 5)); SHOW(lock(fd2, F_SETLK, F_WRLCK, 0, 5)); who(fd, F_GETLK, F_WRLCK, 0, 0);
    CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0); who(fd, F_GETLK, F_RDLCK, 2, 1); who(fd, F_GETLK, F_RDLCK, 5, 1); SHOW(lock(fd, F_SETLK, F_RDLCK, 4, 1)); SHOW(lock(fd, F_SETLK, F_WRLCK, 5, 0)); SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 0)); alarm(1); SHOW(lock(fd, F_SETLKW, F_WRLCK, 0, 0)));
    SHOW(lock(fd, F_SETLK, F_UNLCK, 2, 1)); CHILD(who(fd, F_GETLK, F_WRLCK, 2, 1); who(fd, F_GETLK, F_WRLCK, 0, 0); who(fd, F_GETLK, F_WRLCK, 2, 0)); SHOW(lock(fd, F_SETLK, F_RDLCK, 1, 3)); CHILD(who(fd, F_GETLK, F_RDLCK, 0, 0); who(fd, F_GETLK, F_WRLCK, 1, 0); who(fd, F_GETLK, F_RDLCK, 3, 0));
    SHOW(lock(fd, F_SETLK, F_WRLCK, 2, 1)); CHILD(who(fd, F_GETLK, F_WRLCK, 1, 1); who(fd, F_GETLK, F_RDLCK, 1, 9); who(fd, F_GETLK, F_WRLCK, 3, 9));
    SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 0)); CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0));
    SHOW(lock(fd, F_SETLK, F_WRLCK, 10, -5)); CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0)); SHOW(lock(fd, F_SETLK, F_WRLCK, 2, -5)); SHOW(lock(fd, F_SETLK, F_WRLCK, -1, 1)); SHOW(lock(fd, F_SETLK, F_WRLCK, 0x7fffffffffffffff, 2)); SHOW(lock(fd, F_SETLK, 7, 0, 1)); SHOW(lock(fd, F_GETLK, F_UNLCK, 0, 1)); SHOW(lock(99, F_SETLK, F_WRLCK, 0, 1)); SHOW(lock(ro, F_SETLK, F_WRLCK, 0, 1)); SHOW(lock(wo, F_SETLK, F_RDLCK, 0, 1)); SHOW(fcntl(fd, F_SETLK, (void *)8));
    { struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1}; SHOW(fcntl(fd, F_SETLK, &l)); l.l_whence = SEEK_CUR; lseek(fd, 3, 0); l.l_start = 0; SHOW(fcntl(fd, F_SETLK, &l)); l.l_whence = 5; SHOW(fcntl(fd, F_SETLK, &l)); }
    CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0); who(fd, F_GETLK, F_WRLCK, 4, 0); who(fd, F_GETLK, F_WRLCK, 9, 0));
    close(dup(fd)); CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0)); SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 0)); close(open(name, O_RDONLY)); CHILD(who(fd, F_GETLK, F_WRLCK, 0, 0));
    /* waiting and deadlock */
    pipe(q); SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    if (!(c = fork())) { int r = lock(fd, F_SETLK, F_WRLCK, 1, 1); write(p[1], "x", 1); r = lock(fd, F_SETLKW, F_WRLCK, 0, 1); read(q[0], &b, 1); printf("child got %d\n", r); _exit(0); }
    read(p[0], &b, 1); wait_until_asleep(c); SHOW(lock(fd, F_SETLKW, F_WRLCK, 1, 1)); SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 1)); write(q[1], "x", 1); waitpid(c, &st, 0); SHOW(lock(fd, F_SETLK, F_WRLCK, 1, 1));
    SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 0)); CHILD(lock(fd, F_SETLK, F_WRLCK, 0, 0)); SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 0)); SHOW(lock(fd, F_SETLK, F_UNLCK, 0, 0));
    /* OFD */
    SHOW(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 5)); SHOW(lock(fd2, F_OFD_SETLK, F_WRLCK, 4, 5)); SHOW(lock(fd2, F_OFD_SETLK, F_WRLCK, 5, 5)); who(fd2, F_OFD_GETLK, F_WRLCK, 0, 0); SHOW(lock(fd, F_SETLK, F_WRLCK, 0, 1)); who(fd2, F_GETLK, F_RDLCK, 0, 0);
    CHILD(SHOW(lock(fd, F_OFD_SETLK, F_RDLCK, 0, 5)); SHOW(lock(fd2, F_OFD_SETLK, F_WRLCK, 0, 1)); alarm(1); SHOW(lock(fd2, F_OFD_SETLKW, F_WRLCK, 0, 1))); { struct flock l = {.l_type = F_WRLCK, .l_pid = 5}; SHOW(fcntl(fd, F_OFD_SETLK, &l)); }
    close(dup(fd)); SHOW(lock(fd2, F_OFD_SETLK, F_WRLCK, 0, 1)); close(fd); SHOW(lock(fd2, F_OFD_SETLK, F_WRLCK, 0, 1)); SHOW(lock(p[0], F_SETLK, F_RDLCK, 0, 1));
    unlink(name); return 0;
}
