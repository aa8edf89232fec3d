/* splice, tee, vmsplice, sendfile, copy_file_range: between pipes, files and sockets, offsets, errors. */
#include "checks.h"
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/eventfd.h>

static char text[200];
static const char *seen(int fd, int n) { memset(text, 0, sizeof text); int r = read(fd, text, n); return r < 0 ? strerrorname_np(errno) : text; }
static volatile sig_atomic_t pipes;
static void on_pipe(int s) { pipes++; }
static int file(const char *data, int flags) { int f = nameless_file(flags); write(f, data, strlen(data)); lseek(f, 0, SEEK_SET); return f; }

int main(void)
{
    int p[2], q[2], s[2]; loff_t off, off2; static char big[200000];
    signal(SIGPIPE, on_pipe);
    pipe2(p, O_NONBLOCK); pipe2(q, O_NONBLOCK); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    int f = file("0123456789abcdef", 0), g = file("", 0), ap = file("", O_APPEND), dir = open("/tmp", O_RDONLY), ro = open("/dev/null", O_RDONLY), null = open("/dev/null", O_RDWR), e = eventfd(3, 0);
    puts("splice");
    T(splice(f, NULL, p[1], NULL, 4, 0)); puts(seen(p[0], 100)); off = 10; T(splice(f, &off, p[1], NULL, 3, 0)); T(off); puts(seen(p[0], 100)); T(lseek(f, 0, SEEK_CUR)); T(splice(f, NULL, p[1], NULL, 100, 0)); puts(seen(p[0], 100)); T(splice(f, NULL, p[1], NULL, 100, 0)); 
    T(splice(p[0], NULL, f, NULL, 5, 0)); T(splice(p[0], NULL, q[1], NULL, 5, 0)); write(p[1], "hello world", 11); T(splice(p[0], NULL, q[1], NULL, 5, 0)); puts(seen(q[0], 100)); off = 2; T(splice(p[0], NULL, g, &off, 100, 0)); T(off); T(lseek(g, 0, SEEK_CUR)); T(lseek(g, 0, SEEK_END));
    write(p[1], "net", 3); T(splice(p[0], NULL, s[0], NULL, 100, 0)); puts(seen(s[1], 100)); write(s[1], "back", 4); T(splice(s[0], NULL, p[1], NULL, 100, 0)); puts(seen(p[0], 100)); write(p[1], "gone", 4); T(splice(p[0], NULL, null, NULL, 100, 0)); T(splice(p[0], NULL, null, NULL, 100, SPLICE_F_NONBLOCK));
    T(splice(f, NULL, g, NULL, 4, 0)); T(splice(p[0], &off, f, NULL, 4, 0)); T(splice(f, NULL, p[1], &off, 4, 0)); T(splice(p[0], NULL, p[1], NULL, 4, 0)); T(splice(p[1], NULL, f, NULL, 4, 0)); T(splice(f, NULL, p[0], NULL, 4, 0)); T(splice(99, NULL, p[1], NULL, 4, 0)); T(splice(f, NULL, 99, NULL, 4, 0)); T(splice(f, NULL, p[1], NULL, 4, 16)); T(splice(f, NULL, p[1], NULL, 0, 0)); T(splice(p[0], NULL, ro, NULL, 4, 0)); T(splice(dir, NULL, p[1], NULL, 4, 0)); off = -1; T(splice(f, &off, p[1], NULL, 4, 0)); T(splice(f, (void *)8, p[1], NULL, 4, 0)); off = 0; T(splice(s[0], &off, p[1], NULL, 4, 0)); write(p[1], "x", 1); T(splice(p[0], NULL, ap, NULL, 4, 0)); T(splice(p[0], NULL, s[0], &off, 4, 0)); seen(p[0], 9); T(splice(e, NULL, p[1], NULL, 8, 0));
    while (write(q[1], big, 4096) > 0); lseek(f, 0, SEEK_SET); T(splice(f, NULL, q[1], NULL, 4, 0)); T(splice(f, NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK)); while (read(q[0], big, 65536) > 0);
    int r[2]; pipe(r); close(r[0]); T(splice(f, NULL, r[1], NULL, 4, 0)); T(pipes); write(p[1], "x", 1); T(splice(p[0], NULL, r[1], NULL, 4, 0)); T(pipes); seen(p[0], 9);
    pipe(r); int w[2]; pipe(w); if (!fork()) { close(r[0]); struct timespec z = {0, 5000000}; nanosleep(&z, NULL); write(r[1], "late", 4); _exit(0); } close(r[1]); T(splice(r[0], NULL, w[1], NULL, 100, 0)); puts(seen(w[0], 9)); wait(NULL); T(splice(r[0], NULL, w[1], NULL, 100, 0));
    puts("tee");
    write(p[1], "double", 6); T(tee(p[0], q[1], 4, 0)); puts(seen(q[0], 9)); puts(seen(p[0], 9)); T(tee(p[0], q[1], 4, 0)); T(tee(p[0], p[1], 4, 0)); T(tee(f, q[1], 4, 0)); T(tee(p[0], f, 4, 0)); T(tee(p[1], q[1], 4, 0)); T(tee(p[0], q[1], 0, 0)); T(tee(p[0], q[1], 1, 16)); T(tee(99, q[1], 1, 0));
    puts("vmsplice");
    struct iovec iv[2] = {{"abc", 3}, {"defg", 4}}; T(vmsplice(p[1], iv, 2, 0)); puts(seen(p[0], 9)); T(vmsplice(f, iv, 2, 0)); T(vmsplice(99, iv, 2, 0)); T(vmsplice(p[1], iv, 2, 16)); T(vmsplice(p[1], iv, 0, 0)); T(vmsplice(p[1], (void *)8, 1, 0)); write(p[1], "out", 3); char a[10] = "", b[10] = ""; iv[0] = (struct iovec){a, 2}; iv[1] = (struct iovec){b, 9}; T(vmsplice(p[0], iv, 2, 0)); puts(a); puts(b); T(vmsplice(p[0], iv, 2, SPLICE_F_NONBLOCK)); T(vmsplice(r[1], iv, 1, 0));
    puts("sendfile");
    lseek(f, 0, SEEK_SET); T(sendfile(s[0], f, NULL, 4)); puts(seen(s[1], 9)); off = 12; T(sendfile(s[0], f, &off, 100)); T(off); puts(seen(s[1], 99)); T(lseek(f, 0, SEEK_CUR)); T(sendfile(p[1], f, NULL, 3)); puts(seen(p[0], 9)); ftruncate(g, 0); lseek(g, 0, SEEK_SET); T(sendfile(g, f, NULL, 100)); T(lseek(g, 0, SEEK_CUR)); T(sendfile(g, f, NULL, 100)); T(sendfile(s[0], s[1], NULL, 1)); T(sendfile(s[0], dir, NULL, 1)); T(sendfile(99, f, NULL, 1)); T(sendfile(s[0], 99, NULL, 1)); T(sendfile(ro, f, NULL, 1)); T(sendfile(ap, f, NULL, 1)); off = -1; T(sendfile(g, f, &off, 1)); off = 0; T(sendfile(g, s[0], &off, 1)); T(sendfile(g, f, (void *)8, 1)); T(sendfile(g, f, NULL, 0)); 
    int bf = file("", 0); write(bf, big, sizeof big); off = 0; T(sendfile(p[1], bf, &off, sizeof big) > 0); T(off > 0 && off < sizeof big); while (read(p[0], big, 65536) > 0); if (!fork()) { long got = 0; int n; close(s[0]); while ((n = read(s[1], big, 1000)) > 0) got += n; printf("child %ld\n", got); _exit(0); } close(s[1]); off = 0; T(sendfile(s[0], bf, &off, sizeof big)); T(off); close(s[0]); wait(NULL);
    puts("copy_file_range");
    ftruncate(g, 0); lseek(g, 0, SEEK_SET); lseek(f, 0, SEEK_SET); T(copy_file_range(f, NULL, g, NULL, 5, 0)); T(lseek(f, 0, SEEK_CUR)); T(lseek(g, 0, SEEK_CUR)); off = 10; off2 = 20; T(copy_file_range(f, &off, g, &off2, 100, 0)); T(off); T(off2); T(lseek(g, 0, SEEK_END)); T(copy_file_range(f, NULL, g, NULL, 5, 1)); T(copy_file_range(p[0], NULL, g, NULL, 5, 0)); T(copy_file_range(f, NULL, p[1], NULL, 5, 0)); T(copy_file_range(dir, NULL, g, NULL, 5, 0)); T(copy_file_range(f, NULL, ap, NULL, 5, 0)); T(copy_file_range(99, NULL, g, NULL, 5, 0)); off = 0; off2 = 2; T(copy_file_range(f, &off, f, &off2, 5, 0)); off = 100; off2 = 0; T(copy_file_range(f, &off, g, &off2, 5, 0)); off = 0; off2 = 100; T(copy_file_range(f, &off, f, &off2, 5, 0)); T(lseek(f, 0, SEEK_END)); T(copy_file_range(f, (void *)8, g, NULL, 5, 0)); off = -1; T(copy_file_range(f, &off, g, NULL, 5, 0)); T(copy_file_range(f, NULL, g, NULL, 0, 0)); int rd = open("/proc/self/exe", O_RDONLY); T(copy_file_range(g, NULL, rd, NULL, 1, 0));
    return 0;
}
