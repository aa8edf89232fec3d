/* preadv2 and pwritev2: offsets (-1 is the file's own), every RWF_ flag, errors; pwrite to what is open with O_APPEND. */
#include "checks.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char a[8], b[8], big[70000];
static struct iovec iv[3] = {{a, 4}, {b, 4}, {NULL, 0}}, none[2] = {{a, 0}, {b, 0}}, bad[2] = {{a, 2}, {(void *)8, 2}}, huge[1] = {{a, -1}};
static int counted, piped;
static void on_limit(int s) { counted++; }
static void on_pipe(int s) { piped++; }
static void clean(void) { memset(a, 0, 8), memset(b, 0, 8); }
#define R(...) do { clean(); T(preadv2(__VA_ARGS__)); printf("  %s|%s\n", a, b); } while (0)
#define W(text1, text2, ...) do { strcpy(a, text1), strcpy(b, text2); T(pwritev2(__VA_ARGS__)); } while (0)
static long raw(int number, int fd, struct iovec *v, long n, long low, long high, int flags) { return syscall(number, fd, v, n, low, high, flags); }

static void contents(int fd)
{
    char text[100] = "";
    int n = pread(fd, text, 99, 0);
    for (int i = 0; i < n; i++)
        putchar(text[i] ? text[i] : '.');
    printf(" (%d, at %d)\n", n, (int)lseek(fd, 0, SEEK_CUR));
}

int main(void)
{
    signal(SIGXFSZ, on_limit);
    signal(SIGPIPE, on_pipe);
    int f = nameless_file(0), ap = nameless_file(O_APPEND), dir = open("/tmp", O_RDONLY), null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), p[2], s[2], d[2];
    pipe(p), socketpair(AF_UNIX, SOCK_STREAM, 0, s), socketpair(AF_UNIX, SOCK_DGRAM, 0, d);
    int own = open("/proc/self/exe", O_RDONLY), path = open("/tmp", O_PATH), memory = memfd_create("memory", 0), wo = open("/dev/null", O_WRONLY);
    puts("offsets");
    W("0123", "4567", f, iv, 2, 0, 0); contents(f);
    W("89ab", "cdef", f, iv, 2, -1, 0); contents(f);
    W("89ab", "cdef", f, iv, 2, 8, 0); contents(f);
    R(f, iv, 2, -1, 0); R(f, iv, 2, 0, 0); R(f, iv, 2, 12, 0); R(f, iv, 2, 100, 0); R(f, iv, 2, -2, 0); R(f, iv, 3, 2, 0);
    T(lseek(f, 0, SEEK_CUR)); T(lseek(f, 14, SEEK_SET)); R(f, iv, 2, -1, 0); R(f, iv, 2, -1, 0);
    W("xxxx", "yyyy", f, iv, 2, -2, 0); W("xxxx", "yyyy", f, iv, 2, INT64_MIN, 0);
    T(raw(SYS_preadv2, f, iv, 2, 4, 7, 0)); printf("%s\n", a); /* the high half counts for nothing on 64 bits */
    T(raw(SYS_preadv2, f, iv, 2, -1, 5, 0)); T(raw(SYS_pwritev2, f, iv, 0, 0, 0, 0)); T(raw(SYS_preadv2, f, iv, 2, 0, 0, 1 << 31));
    puts("append");
    lseek(f, 3, SEEK_SET);
    W("EN", "D!", f, iv, 2, 0, RWF_APPEND); contents(f);
    W("EN", "D?", f, iv, 2, -1, RWF_APPEND); contents(f);
    W("none", "", f, none, 2, -1, RWF_APPEND); contents(f);
    lseek(f, 3, SEEK_SET); W("none", "", f, none, 2, -1, RWF_APPEND); contents(f);
    R(f, iv, 2, 0, RWF_APPEND);
    W("one", "two", ap, iv, 2, 0, 0); contents(ap); W("one", "two", ap, iv, 2, 0, RWF_APPEND); contents(ap); W("one", "two", ap, iv, 2, -1, 0); contents(ap);
    T(pwrite(ap, "pwrite", 6, 0)); contents(ap); T(pwritev(ap, iv, 1, 2)); contents(ap); T(pread(ap, a, 4, 0));
    W("to", "pipe", p[1], iv, 2, -1, RWF_APPEND); R(p[0], iv, 2, -1, RWF_APPEND);
    puts("sync");
    W("sync", "ed", f, iv, 2, 0, RWF_SYNC); W("sync", "ed", f, iv, 2, 0, RWF_DSYNC); W("sync", "ed", f, iv, 2, 0, RWF_DSYNC | RWF_SYNC | RWF_HIPRI | RWF_APPEND); contents(f);
    R(f, iv, 2, 0, RWF_SYNC); R(f, iv, 2, 0, RWF_DSYNC | RWF_HIPRI); R(f, iv, 2, 0, RWF_HIPRI); W("d", "s", p[1], iv, 1, -1, RWF_DSYNC); R(p[0], iv, 1, -1, RWF_SYNC);
    puts("unknown flags");
    R(f, iv, 2, 0, 1 << 20); R(f, iv, 2, 0, -1); R(f, none, 2, 0, 1 << 20); R(f, iv, 0, 0, 1 << 20); W("no", "no", f, iv, 2, 0, 1 << 20); W("no", "no", f, none, 2, 0, 1 << 20); R(p[0], iv, 2, -1, 1 << 20); R(99, iv, 2, 0, 1 << 20); R(wo, iv, 2, 0, 1 << 20); R(f, iv, -1, 0, 1 << 20); R(f, huge, 1, 0, 1 << 20);
    puts("nowait");
    R(p[0], iv, 2, -1, RWF_NOWAIT); write(p[1], "abcdef", 6); R(p[0], iv, 2, -1, RWF_NOWAIT); R(p[0], iv, 2, -1, RWF_NOWAIT);
    R(s[0], iv, 2, -1, RWF_NOWAIT); write(s[1], "abcdef", 6); R(s[0], iv, 2, -1, RWF_NOWAIT); R(s[0], iv, 2, -1, RWF_NOWAIT); R(d[0], iv, 2, -1, RWF_NOWAIT); W("data", "gram", d[1], iv, 2, -1, RWF_NOWAIT); R(d[0], iv, 2, -1, RWF_NOWAIT);
    W("to", "pipe", p[1], iv, 2, -1, RWF_NOWAIT); R(p[0], iv, 2, -1, 0);
    fcntl(p[1], F_SETFL, O_NONBLOCK); while (write(p[1], big, 4096) > 0); fcntl(p[1], F_SETFL, 0); W("to", "pipe", p[1], iv, 2, -1, RWF_NOWAIT); fcntl(p[0], F_SETFL, O_NONBLOCK); while (read(p[0], big, 65536) > 0); fcntl(p[0], F_SETFL, 0);
    struct iovec much[1] = {{big, 70000}}; T(pwritev2(p[1], much, 1, -1, RWF_NOWAIT) > 0); fcntl(p[0], F_SETFL, O_NONBLOCK); while (read(p[0], big, 65536) > 0);
    R(memory, iv, 2, 0, RWF_NOWAIT); W("mem", "fd", memory, iv, 2, 0, RWF_NOWAIT); R(memory, none, 2, 0, RWF_NOWAIT); W("mem", "fd", memory, iv, 2, 0, RWF_SYNC); R(memory, iv, 2, 0, RWF_HIPRI);
    R(own, iv, 1, 0, RWF_NOWAIT); R(zero, iv, 2, 0, RWF_NOWAIT); R(null, iv, 2, 0, RWF_NOWAIT); W("x", "y", null, iv, 2, -1, RWF_NOWAIT);
    puts("errors");
    R(99, iv, 2, 0, 0); R(path, iv, 2, 0, 0); R(wo, iv, 2, 0, 0); W("", "", own, iv, 2, 0, 0); R(dir, iv, 2, 0, 0); R(p[0], iv, 2, 0, 0); R(s[0], iv, 2, 0, 0); W("", "", s[0], iv, 2, 0, 0); W("", "", p[1], iv, 2, 0, RWF_APPEND);
    R(f, iv, 1025, 0, 0); R(f, iv, -1, 0, 0); R(f, huge, 1, 0, 0); R(f, (void *)8, 1, 0, 0); R(f, bad, 2, 0, 0); R(f, bad + 1, 1, 0, 0); W("q", "r", f, bad + 1, 1, 0, 0); R(f, (void *)8, 0, 0, 0);
    close(p[0]); W("no", "body", p[1], iv, 2, -1, RWF_NOWAIT); T(piped);
    puts("limit");
    struct rlimit limit = {20, RLIM_INFINITY}; setrlimit(RLIMIT_FSIZE, &limit);
    int g = nameless_file(0);
    W("abcd", "efgh", g, iv, 2, 16, 0); T(counted); W("abcd", "efgh", g, iv, 2, 20, 0); T(counted); W("abcd", "efgh", g, iv, 2, 0, RWF_APPEND); T(counted); contents(g); W("abcd", "efgh", ap, iv, 2, 0, 0); T(counted); T(pwrite(ap, "x", 1, 0)); T(counted);
    return 0;
}
