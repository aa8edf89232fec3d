/* Leases (F_SETLEASE, F_GETLEASE): who gets one, who is told, who waits; and notifications of directories (F_NOTIFY). */
#include "checks.h"
#include <grp.h>
#include <sys/mman.h>

static volatile sig_atomic_t told, code, descriptor;
static volatile long band;
static void on_signal(int n, siginfo_t *info, void *c) { told++, code = info->si_code, descriptor = info->si_fd, band = info->si_band; }
static void plain(int n) { told++; }
static int fds[5];
static void seen(void)
{
    printf("  told %d, code %d, band %lx, by %d\n", told, code, band, descriptor);
    told = code = descriptor = band = 0;
}
static int op(const char *name, int flags) { int fd = open(name, flags, 0644); if (fd >= 0) close(fd); return fd < 0 ? -1 : 0; }
static void put(const char *name, const char *text) { int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644); write(fd, text, strlen(text)); close(fd); }
static void reap(void) { while (wait(NULL) < 0 && errno == EINTR); }
static void pause_a_little(void) { struct timespec t = {0, 30000000}; nanosleep(&t, NULL); }

/* A child does something that must wait; the holder is told, looks, and gives way. */
static void breaks(const char *what, int fd, int child, int gives)
{
    int status, p[2];
    char done = 0;
    pipe(p);
    fflush(stdout);
    if (!fork()) {
        int r = -2;
        if (child == 0) r = open("file", O_RDONLY);
        if (child == 1) r = open("file", O_WRONLY);
        if (child == 2) r = truncate("file", 2);
        if (child == 3) r = open("file", O_RDWR | O_TRUNC);
        if (child == 4) { char *args[] = {"file", NULL}; execv("./file", args); }
        if (child == 5) { struct timespec t = {0, 1000000}; struct sigaction a = {.sa_handler = plain}; sigaction(SIGALRM, &a, NULL); struct itimerval it = {{0, 0}, {0, 20000}}; setitimer(ITIMER_REAL, &it, NULL); r = open("file", O_WRONLY); }
        int failure = r < 0 ? errno : 0;
        write(p[1], "x", 1);
        _exit(failure);
    }
    while (!told) pause_a_little();
    printf("%s\n", what);
    seen();
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    if (child != 5)
        T(read(p[0], &done, 1));
    T(fcntl(fd, F_GETLEASE));
    fflush(stdout);
    if (gives >= 0) T(fcntl(fd, F_SETLEASE, gives));
    fflush(stdout);
    while (wait(&status) < 0 && errno == EINTR);
    printf("  the child: %s\n", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "has it");
    T(fcntl(fd, F_GETLEASE));
    close(p[0]), close(p[1]);
}

int main(void)
{
    if (!geteuid()) setgroups(0, NULL), setgid(1000), setuid(1000);
    umask(022);
    struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGIO, &a, NULL), sigaction(SIGUSR1, &a, NULL), sigaction(SIGRTMIN + 1, &a, NULL);
    enter_folder();
    put("file", "text");
    int r = open("file", O_RDONLY), w, p[2], dir = open(".", O_RDONLY), null = open("/dev/null", O_RDONLY), path = open("file", O_PATH);
    pipe(p);
    puts("given");
    T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_UNLCK)); T(fcntl(r, F_SETLEASE, 7)); T(fcntl(p[0], F_SETLEASE, F_RDLCK)); T(fcntl(dir, F_SETLEASE, F_RDLCK)); T(fcntl(null, F_SETLEASE, F_RDLCK)); T(fcntl(path, F_SETLEASE, F_RDLCK)); T(fcntl(path, F_GETLEASE)); T(fcntl(p[0], F_GETLEASE)); T(fcntl(99, F_GETLEASE)); T(fcntl(p[0], F_SETLEASE, F_UNLCK));
    int passwd = open("/proc/version", O_RDONLY); T(fcntl(passwd, F_SETLEASE, F_RDLCK));
    T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_GETOWN) == getpid()); T(fcntl(r, F_SETLEASE, F_WRLCK)); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_UNLCK)); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_GETOWN)); T(fcntl(r, F_SETLEASE, F_UNLCK));
    int again = open("file", O_RDONLY), copy = dup(r); T(fcntl(r, F_SETLEASE, F_WRLCK)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(copy, F_GETLEASE)); T(fcntl(again, F_GETLEASE)); T(fcntl(again, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_SETLEASE, F_WRLCK)); close(again); T(fcntl(r, F_SETLEASE, F_WRLCK)); close(r); T(fcntl(copy, F_GETLEASE)); r = copy; T(fcntl(r, F_SETLEASE, F_UNLCK));
    w = open("file", O_WRONLY); T(fcntl(w, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(w, F_SETLEASE, F_WRLCK)); close(r); T(fcntl(w, F_SETLEASE, F_WRLCK)); T(fcntl(w, F_SETLEASE, F_RDLCK)); T(fcntl(w, F_GETLEASE)); close(w); w = open("file", O_RDWR); T(fcntl(w, F_GETLEASE)); T(fcntl(w, F_SETLEASE, F_WRLCK)); close(w);
    int m = memfd_create("m", 0); T(fcntl(m, F_SETLEASE, F_WRLCK)); close(m);
    puts("who is told");
    r = open("file", O_RDONLY); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(op("file", O_RDONLY | O_NONBLOCK)); seen(); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_GETLEASE)); T(op("file", O_RDONLY | O_NONBLOCK)); seen(); T(op("file", O_PATH)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_GETLEASE)); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_SETLEASE, F_UNLCK)); T(op("file", O_WRONLY | O_NONBLOCK)); seen();
    T(fcntl(r, F_SETLEASE, F_WRLCK)); T(op("file", O_RDONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_GETLEASE)); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_UNLCK));
    T(fcntl(r, F_SETLEASE, F_WRLCK)); T(op("file", O_RDONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_GETLEASE)); T(op("file", O_RDONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_SETLEASE, F_UNLCK));
    T(fcntl(r, F_SETSIG, SIGRTMIN + 1)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_SETLEASE, F_UNLCK)); T(fcntl(r, F_GETSIG)); T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_SETSIG, SIGUSR1)); T(op("file", O_RDWR | O_NONBLOCK)); seen(); T(op("file", O_WRONLY | O_CREAT | O_EXCL)); T(op("other", O_WRONLY | O_CREAT)); T(fcntl(r, F_SETLEASE, F_UNLCK)); T(chmod("file", 0755)); T(rename("file", "name")); T(rename("name", "file"));
    T(fcntl(r, F_SETLEASE, F_RDLCK)); T(fcntl(r, F_SETOWN, 0)); T(op("file", O_WRONLY | O_NONBLOCK)); seen(); T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_UNLCK));
    puts("who waits");
    T(fcntl(r, F_SETSIG, SIGUSR1)); T(fcntl(r, F_SETLEASE, F_WRLCK)); breaks("read, given up", r, 0, F_UNLCK); T(fcntl(r, F_SETSIG, SIGUSR1)); T(fcntl(r, F_SETLEASE, F_WRLCK)); breaks("read, made a read lease", r, 0, F_RDLCK); breaks("written", r, 1, F_UNLCK); T(fcntl(r, F_SETLEASE, F_RDLCK)); breaks("truncated", r, 2, F_UNLCK); T(fcntl(r, F_SETLEASE, F_WRLCK)); breaks("opened and truncated", r, 3, F_UNLCK); T(fcntl(r, F_SETLEASE, F_WRLCK)); breaks("run", r, 4, F_UNLCK); T(fcntl(r, F_SETLEASE, F_RDLCK)); breaks("given up waiting", r, 5, -1); T(fcntl(r, F_SETLEASE, F_UNLCK));
    T(fcntl(r, F_SETLEASE, F_RDLCK));
    if (!fork()) { T(open("file", O_WRONLY) >= 0); fflush(stdout); _exit(0); }
    while (!told) pause_a_little(); seen(); T(fcntl(r, F_SETLEASE, F_RDLCK)); fflush(stdout); close(r); reap(); /* the last close ends the lease */
    r = open("file", O_RDONLY); T(fcntl(r, F_SETLEASE, F_WRLCK)); if (!fork()) { T(fcntl(r, F_GETLEASE)); T(fcntl(r, F_SETLEASE, F_UNLCK)); fflush(stdout); _exit(0); } wait(NULL); T(fcntl(r, F_GETLEASE)); close(r);

    puts("directories");
    int d = open(".", O_RDONLY), f = open("file", O_RDONLY);
    T(fcntl(f, F_NOTIFY, DN_CREATE)); T(fcntl(f, F_NOTIFY, 0)); T(fcntl(p[0], F_NOTIFY, DN_ACCESS)); T(fcntl(d, F_NOTIFY, DN_CREATE)); T(fcntl(d, F_GETOWN) == getpid()); put("new", ""); seen(); put("new2", ""); seen();
    T(fcntl(d, F_SETSIG, SIGRTMIN + 1)); T(fcntl(d, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT)); put("new3", ""); seen(); unlink("new3"); seen(); put("new", "x"); seen(); mkdir("sub", 0755); seen(); rename("new", "sub/new"); seen(); rename("sub/new", "new"); seen(); rename("new", "newer"); seen(); rename("newer", "new"); told = 0; symlink("x", "l"); seen(); unlink("l"); seen(); rmdir("sub"); seen(); mkfifo("fifo", 0600); seen(); unlink("fifo"); seen(); link("new", "hard"); seen(); unlink("hard"); seen();
    T(fcntl(d, F_NOTIFY, 0)); put("new4", ""); seen(); unlink("new4"); seen();
    T(fcntl(d, F_NOTIFY, DN_MODIFY)); put("new", "changed"); seen(); put("new", "changed"); seen(); T(fcntl(d, F_NOTIFY, DN_ACCESS | DN_MULTISHOT)); int n = open("new", O_RDONLY); seen(); char b[9]; read(n, b, 3); seen(); close(n); T(fcntl(d, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT)); chmod("new", 0600); seen(); T(truncate("new", 1)); T(fcntl(d, F_NOTIFY, 0));
    told = 0; T(fcntl(d, F_NOTIFY, DN_RENAME | DN_MULTISHOT)); rename("new", "newer"); seen(); mkdir("sub", 0755); seen(); rename("newer", "sub/newer"); seen(); rename("sub/newer", "new"); seen(); T(fcntl(d, F_NOTIFY, 0));
    T(fcntl(d, F_NOTIFY, DN_CREATE)); T(fcntl(d, F_NOTIFY, DN_DELETE)); unlink("new"); seen(); put("new", ""); seen(); /* the bits are added up; one event ends them */
    int e = dup(d); T(fcntl(e, F_NOTIFY, DN_CREATE | DN_MULTISHOT)); put("n1", ""); seen(); close(d); put("n2", ""); seen(); T(fcntl(e, F_NOTIFY, DN_CREATE | DN_MULTISHOT)); put("n3", ""); seen();
    if (!fork()) { close(e); put("n4", ""); _exit(0); } reap(); seen(); if (!fork()) { T(fcntl(e, F_NOTIFY, 0)); _exit(0); } reap(); put("n5", ""); seen(); close(e); put("n6", ""); seen();
    const char *names[] = {"file", "other", "new", "new2", "n1", "n2", "n3", "n4", "n5", "n6"};
    for (int i = 0; i < 10; i++) unlink(names[i]);
    rmdir("sub");
    leave_folder();
    return 0;
}
