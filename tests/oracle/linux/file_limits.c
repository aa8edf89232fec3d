/* RLIMIT_FSIZE in every call that makes a file larger: EFBIG, SIGXFSZ, and what still fits. */
#include "checks.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

static volatile sig_atomic_t told;
static void on_limit(int s) { told++; }
static char big[300000];
static int p[2];
static long size_of(int fd) { struct stat s; fstat(fd, &s); return s.st_size; }
static void fill(int n) { while (n > 0) { int m = n < 60000 ? n : 60000; write(p[1], big, m); n -= m; } }
static void drain(void) { while (read(p[0], big, 65536) > 0); }
static int fresh(long size) { int fd = nameless_file(0); ftruncate(fd, size); return fd; }
static void limit(long soft) { struct rlimit l = {soft, RLIM_INFINITY}; setrlimit(RLIMIT_FSIZE, &l); }
#define L(call) do { told = 0; T(call); printf("  SIGXFSZ %d\n", told); } while (0)

int main(void)
{
    signal(SIGXFSZ, on_limit);
    memset(big, 'x', sizeof big);
    pipe2(p, O_NONBLOCK);
    int source = nameless_file(0), s[2], null = open("/dev/null", O_WRONLY), q[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s);
    pipe2(q, O_NONBLOCK);
    write(source, big, sizeof big);
    for (int i = 0; i < 2; i++) { /* a file of /tmp, and one in memory */
        loff_t at, from;
        int g = i ? memfd_create("m", 0) : fresh(0);
        if (i)
            limit(RLIM_INFINITY), source = memfd_create("s", 0), memset(big, 'x', sizeof big), write(source, big, sizeof big);
        limit(1000);
        puts(i ? "in memory" : "in /tmp");
        puts("splice");
        fill(100); at = 950; L(splice(p[0], NULL, g, &at, 100, 0)); T(at); T(size_of(g)); drain();
        fill(100); at = 1000; L(splice(p[0], NULL, g, &at, 100, 0)); T(at); T(size_of(g)); drain();
        fill(100); at = 999; L(splice(p[0], NULL, g, &at, 1, 0)); T(at); drain();
        fill(100); at = 5000; L(splice(p[0], NULL, g, &at, 100, 0)); drain();
        fill(100); lseek(g, 950, SEEK_SET); L(splice(p[0], NULL, g, NULL, 100, 0)); T(lseek(g, 0, SEEK_CUR)); L(splice(p[0], NULL, g, NULL, 100, 0)); T(read(p[0], big, 1000)); drain();
        at = 0; L(splice(source, &at, p[1], NULL, 5000, 0) > 0); drain();
        fill(100); L(splice(p[0], NULL, null, NULL, 100, 0)); fill(2000); L(splice(p[0], NULL, s[0], NULL, 2000, 0)); T(read(s[1], big, 10000)); fill(2000); L(splice(p[0], NULL, q[1], NULL, 2000, 0)); T(read(q[0], big, 10000));
        puts("sendfile");
        ftruncate(g, 0); lseek(g, 0, SEEK_SET); from = 0; L(sendfile(g, source, &from, 500)); T(from); L(sendfile(g, source, &from, 1000)); T(from); T(size_of(g)); L(sendfile(g, source, &from, 10)); T(from); T(lseek(g, 0, SEEK_CUR));
        lseek(g, 900, SEEK_SET); L(sendfile(g, source, &from, 100)); L(sendfile(g, source, &from, 0)); lseek(g, 2000, SEEK_SET); L(sendfile(g, source, &from, 100)); from = 0; L(sendfile(s[0], source, &from, 5000)); T(read(s[1], big, 10000));
        limit(100000); ftruncate(g, 0); lseek(g, 0, SEEK_SET); from = 0; L(sendfile(g, source, &from, 300000)); T(from); T(size_of(g)); limit(131072); ftruncate(g, 0); lseek(g, 0, SEEK_SET); from = 0; L(sendfile(g, source, &from, 300000)); T(from); limit(1000);
        puts("copy_file_range");
        ftruncate(g, 0); from = 0; at = 900; L(copy_file_range(source, &from, g, &at, 50, 0)); from = 0; L(copy_file_range(source, &from, g, &at, 200, 0)); T(at); T(from); L(copy_file_range(source, &from, g, &at, 200, 0)); at = 5000; L(copy_file_range(source, &from, g, &at, 200, 0)); T(size_of(g)); lseek(g, 990, SEEK_SET); L(copy_file_range(source, &from, g, NULL, 200, 0)); T(lseek(g, 0, SEEK_CUR)); at = 5000; L(copy_file_range(source, &from, g, &at, 0, 0)); from = 300000; at = 2000; L(copy_file_range(source, &from, g, &at, 10, 0));
        puts("fallocate");
        ftruncate(g, 0); L(fallocate(g, 0, 0, 1000)); L(fallocate(g, 0, 500, 501)); L(fallocate(g, 0, 5000, 1)); T(size_of(g)); L(fallocate(g, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 5000)); L(posix_fallocate(g, 0, 2000));
        puts("truncate");
        L(ftruncate(g, 1000)); L(ftruncate(g, 1001)); L(ftruncate(g, 0)); L(ftruncate(g, 1L << 40)); limit(RLIM_INFINITY); ftruncate(g, 5000); limit(1000); L(ftruncate(g, 4000)); L(ftruncate(g, 4001)); L(fallocate(g, 0, 0, 4000)); L(ftruncate(g, 0));
        char name[60]; sprintf(name, "/proc/self/fd/%d", g); L(truncate(name, 1000)); L(truncate(name, 1001)); T(size_of(g));
        puts("write");
        L(pwrite(g, big, 100, 950)); L(pwrite(g, big, 100, 1000)); L(pwrite(g, big, 0, 1000)); L(pwrite(g, big, 1, 999)); struct iovec iv[3] = {{big, 50}, {big, 50}, {big, 50}}; L(pwritev(g, iv, 3, 900)); L(pwritev(g, iv, 3, 925)); L(pwritev(g, iv, 3, 1000)); ftruncate(g, 0); lseek(g, 990, SEEK_SET); L(write(g, big, 100)); L(write(g, big, 100)); L(write(p[1], big, 3000)); drain();
        limit(0); L(write(g, big, 1)); L(pwrite(g, big, 1, 0)); L(write(p[1], big, 1)); drain(); L(ftruncate(g, 0)); limit(RLIM_INFINITY); L(pwrite(g, big, 1, 5000));
        char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, g, 0); limit(1); m[0] = 1; L(msync(m, 8192, MS_SYNC)); limit(RLIM_INFINITY);
    }
    /* The end that the signal is if nothing handles it */
    int status;
    if (!fork()) { signal(SIGXFSZ, SIG_DFL); limit(10); int g = fresh(0); fill(100); splice(p[0], NULL, g, NULL, 100, 0); _exit(0); }
    wait(&status); T(WTERMSIG(status));
    if (!fork()) { signal(SIGXFSZ, SIG_IGN); limit(10); int g = fresh(0); T(sendfile(g, source, NULL, 100)); loff_t at = 0; T(sendfile(g, source, &at, 100)); _exit(0); }
    wait(&status); T(status);
    return 0;
}
