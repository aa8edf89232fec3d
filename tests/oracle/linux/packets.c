/* Pipes with O_DIRECT: packets, what is lost of them, slots, vectors, splice and tee, changes on the way. */
#include "checks.h"
#include <sys/uio.h>

static char text[70000], big[70000];
static int p[2], q[2];
static volatile sig_atomic_t piped;
static void on_pipe(int s) { piped++; }
static void get(int fd, int n)
{
    memset(text, 0, 300);
    int r = read(fd, text, n);
    if (r < 0)
        printf("read %d: %s\n", n, strerrorname_np(errno));
    else
        printf("read %d: %d %.40s\n", n, r, text);
}
static int put(int fd, const char *s) { return write(fd, s, strlen(s)); }
static int waiting(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }
static int ready(int fd, int events) { struct pollfd f = {fd, events}; poll(&f, 1, 0); return f.revents; }
static void drain(int fd) { while (read(fd, text, sizeof text) > 0); }

int main(void)
{
    signal(SIGPIPE, on_pipe);
    memset(big, 'b', sizeof big);
    T(pipe2(p, O_DIRECT | O_NONBLOCK)); T(pipe2(q, O_NONBLOCK)); T(pipe2(q, 0x2));
    T(fcntl(p[0], F_GETFL) & O_DIRECT); T(fcntl(p[1], F_GETFL) == (O_WRONLY | O_DIRECT | O_NONBLOCK | (fcntl(q[1], F_GETFL) & 0100000)));
    puts("packets");
    T(put(p[1], "one")); T(put(p[1], "second")); T(put(p[1], "3")); T(waiting(p[0])); get(p[0], 100); get(p[0], 3); T(waiting(p[0])); get(p[0], 0); get(p[0], 100); get(p[0], 100);
    T(write(p[1], "", 0)); T(waiting(p[0])); get(p[0], 10);
    puts("slots");
    int n = 0; while (write(p[1], "x", 1) == 1) n++; T(n); T(errno == EAGAIN); T(ready(p[1], POLLOUT)); T(waiting(p[0])); get(p[0], 9); T(ready(p[1], POLLOUT)); T(put(p[1], "again")); T(put(p[1], "again")); drain(p[0]);
    n = 0; while (write(p[1], big, 4096) == 4096) n++; T(n); drain(p[0]);
    puts("more than a page");
    T(write(p[1], big, 5000)); T(waiting(p[0])); get(p[0], 5000); get(p[0], 5000); T(write(p[1], big, 70000)); T(waiting(p[0])); T(read(p[0], text, 70000)); T(read(p[0], text, 100)); T(read(p[0], text, 70000)); drain(p[0]);
    T(write(p[1], big, 8192)); T(read(p[0], text, 8192)); T(read(p[0], text, 8192)); T(read(p[0], text, 8192));
    puts("vectors");
    struct iovec iv[3] = {{"ab", 2}, {"", 0}, {"cdef", 4}}; char a[4] = "", b[10] = ""; struct iovec in[2] = {{a, 3}, {b, 9}};
    T(writev(p[1], iv, 3)); T(put(p[1], "ghi")); T(waiting(p[0])); get(p[0], 100); get(p[0], 100); T(writev(p[1], iv, 3)); T(put(p[1], "next")); T(readv(p[0], in, 2)); puts(a); puts(b); T(readv(p[0], in, 1)); puts(a); T(readv(p[0], in, 2)); T(pwritev2(p[1], iv, 3, -1, 0)); T(put(p[1], "x")); T(preadv2(p[0], in, 2, -1, 0)); drain(p[0]);
    puts("flags change");
    T(fcntl(p[1], F_SETFL, O_NONBLOCK)); T(fcntl(p[1], F_GETFL) & O_DIRECT); T(put(p[1], "str")); T(put(p[1], "eam")); get(p[0], 100); T(put(p[1], "str")); T(fcntl(p[1], F_SETFL, O_NONBLOCK | O_DIRECT)); T(write(p[1], big, 4096)); T(put(p[1], "pack")); T(read(p[0], text, 5000)); T(read(p[0], text, 5000)); get(p[0], 2);
    T(fcntl(q[1], F_SETFL, O_NONBLOCK | O_DIRECT)); T(fcntl(q[0], F_SETFL, O_NONBLOCK | O_DIRECT)); T(put(q[1], "one")); T(put(q[1], "two")); get(q[0], 100); get(q[0], 100); T(fcntl(q[0], F_GETFL) & O_DIRECT); T(fcntl(q[1], F_SETFL, O_NONBLOCK)); T(put(q[1], "pla")); T(put(q[1], "in")); get(q[0], 100); T(fcntl(q[0], F_SETFL, O_NONBLOCK));
    puts("splice");
    T(put(p[1], "first")); T(put(p[1], "second")); T(tee(p[0], q[1], 100, 0)); get(q[0], 100); get(q[0], 100); get(q[0], 100); T(splice(p[0], NULL, q[1], NULL, 100, 0)); get(p[0], 100); get(q[0], 2); get(q[0], 100);
    int f = nameless_file(0); drain(q[0]); T(put(p[1], "to")); T(put(p[1], "file")); T(splice(p[0], NULL, f, NULL, 100, 0)); T(pread(f, text, 100, 0)); get(p[0], 100);
    T(put(p[1], "0123456789")); T(splice(p[0], NULL, f, NULL, 4, 0)); get(p[0], 3); get(p[0], 100); loff_t at = 0; T(splice(f, &at, p[1], NULL, 100, 0)); get(p[0], 3); get(p[0], 100);
    T(vmsplice(p[1], iv, 1, 0)); get(p[0], 1); get(p[0], 9); T(put(p[1], "vm")); T(put(p[1], "splice")); in[0].iov_len = 3; in[1].iov_len = 9; memset(a, 0, 4), memset(b, 0, 10); T(vmsplice(p[0], in, 2, 0)); puts(a); puts(b); get(p[0], 9);
    puts("sizes");
    T(fcntl(p[1], F_SETPIPE_SZ, 8192)); T(put(p[1], "a")); T(put(p[1], "b")); T(put(p[1], "c")); T(fcntl(p[1], F_SETPIPE_SZ, 4096)); T(fcntl(p[1], F_SETPIPE_SZ, 16384)); T(put(p[1], "c")); T(waiting(p[0])); get(p[0], 9); get(p[0], 9); get(p[0], 9); get(p[0], 9);
    puts("ends");
    int status;
    fcntl(p[1], F_SETFL, O_DIRECT); fcntl(p[0], F_SETFL, 0);
    if (!fork()) { close(p[0]); T(write(p[1], big, 20000)); T(put(p[1], "end")); _exit(0); }
    close(p[1]); int r, total = 0; n = 0; while ((r = read(p[0], text, 4096)) > 0) n++, total += r; T(n); T(total); T(r); wait(&status);
    pipe2(p, O_DIRECT); close(p[0]); T(put(p[1], "nobody")); T(piped);
    enter_folder(); mkfifo("fifo", 0600); int both = open("fifo", O_RDWR | O_NONBLOCK); T(both >= 0); T(open("fifo", O_RDWR | O_DIRECT)); T(fcntl(both, F_SETFL, O_DIRECT | O_NONBLOCK)); T(put(both, "aa")); T(put(both, "bb")); get(both, 9); get(both, 9); get(both, 9); unlink("fifo"); leave_folder();
    return 0;
}
