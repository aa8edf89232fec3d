/* AF_UNIX: streams, datagrams, SOCK_SEQPACKET, names, files and credentials, shut-down sides, errors. */
#include "checks.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static volatile sig_atomic_t pipes;
static void on_pipe(int s) { pipes++; }
static struct sockaddr_un at(const char *path) { struct sockaddr_un a = {AF_UNIX}; strncpy(a.sun_path, path, sizeof a.sun_path - 1); return a; }
static int st(int fd) { struct pollfd p = {fd, 0x3fff, 0}; poll(&p, 1, 0); return p.revents; }
static int bind_to(int s, const char *path) { struct sockaddr_un a = at(path); return bind(s, (void *)&a, sizeof a); }
static int connect_to(int s, const char *path) { struct sockaddr_un a = at(path); return connect(s, (void *)&a, sizeof a); }
/* An abstract name of this process, so that two of these programs can run at once. */
static socklen_t abstract(struct sockaddr_un *a, const char *name) { *a = (struct sockaddr_un){AF_UNIX}; return 3 + sprintf(a->sun_path + 1, "%s%010d", name, getpid()); }
static int bind_abstract(int s, const char *name) { struct sockaddr_un a; socklen_t n = abstract(&a, name); return bind(s, (void *)&a, n); }
static int connect_abstract(int s, const char *name) { struct sockaddr_un a; socklen_t n = abstract(&a, name); return connect(s, (void *)&a, n); }
static void name(int s, int (*get)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_un a; socklen_t n = sizeof a; memset(&a, 'x', sizeof a);
    errno = 0; int r = get(s, (void *)&a, &n);
    printf("  name %d %s", r, r ? strerrorname_np(errno) : "");
    if (!r) printf(" length %d family %d %s", n, a.sun_family, n <= 2 ? "" : a.sun_path[0] ? a.sun_path : "abstract");
    puts("");
}
static long send_files(int s, int *fds, int n, const char *text)
{
    struct iovec v = {(void *)text, strlen(text)};
    union { char b[CMSG_SPACE(4 * 300)]; struct cmsghdr h; } u; memset(&u, 0, sizeof u);
    struct msghdr m = {0, 0, &v, 1, u.b, CMSG_SPACE(4 * n), 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(4 * n);
    memcpy(CMSG_DATA(c), fds, 4 * n);
    return sendmsg(s, &m, 0);
}
static long receive_files(int s, int *fds, size_t room, int flags)
{
    static char text[100]; memset(text, 0, sizeof text);
    struct iovec v = {text, 10};
    union { char b[4000]; struct cmsghdr h; } u; memset(&u, 0, sizeof u);
    struct msghdr m = {0, 0, &v, 1, u.b, room, 0};
    long r = recvmsg(s, &m, flags);
    int n = 0;
    printf("  received %ld %s \"%s\" flags %#x control %zu:", r, r < 0 ? strerrorname_np(errno) : "", text, m.msg_flags, (size_t)m.msg_controllen);
    for (struct cmsghdr *c = r < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        printf(" [%d %d %zu]", c->cmsg_level, c->cmsg_type, (size_t)c->cmsg_len);
        if (c->cmsg_type == SCM_RIGHTS) { n = (c->cmsg_len - CMSG_LEN(0)) / 4; memcpy(fds, CMSG_DATA(c), 4 * n); }
        if (c->cmsg_type == SCM_CREDENTIALS) { struct ucred *k = (void *)CMSG_DATA(c); printf("(%d %d %d)", k->pid == getpid(), k->uid == getuid(), k->gid == getgid()); }
    }
    printf(" %d files\n", n);
    return n;
}

int main(void)
{
    int s[2], t[2], x, n; char buf[200] = {0}; static char big[300000];
    signal(SIGPIPE, on_pipe);
    enter_folder();
    puts("making");
    T(socket(AF_UNIX, SOCK_STREAM, 7)); T(socket(AF_UNIX, SOCK_STREAM, 1) > 0); T(socket(AF_UNIX, 4, 0)); T(socket(AF_UNIX, 11, 0)); T(socket(77, SOCK_STREAM, 0)); T(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0));
    T(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s)); T(fcntl(s[0], F_GETFD)); T(fcntl(s[1], F_GETFL) & O_NONBLOCK); T(recv(s[0], buf, 1, 0)); close(s[0]); close(s[1]);
    T(socketpair(AF_INET, SOCK_STREAM, 0, s)); T(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
    struct stat stat_; 
    puts("a pair");
    T(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); fstat(s[0], &stat_); T(S_ISSOCK(stat_.st_mode)); T(lseek(s[0], 0, SEEK_SET)); T(pread(s[0], buf, 1, 0));
    name(s[0], getsockname); name(s[0], getpeername); T(st(s[0])); T(write(s[0], "hello", 5)); T(send(s[0], " world", 6, 0)); T(st(s[1])); T(ioctl(s[1], FIONREAD, &n)); T(n);
    T(recv(s[1], buf, 3, MSG_PEEK)); T(recv(s[1], buf, 8, 0)); puts(buf); T(read(s[1], buf, 100)); T(recv(s[1], buf, 1, MSG_DONTWAIT)); T(recv(s[1], buf, 1, MSG_OOB));
    T(send(s[0], "", 0, 0)); T(sendto(s[0], "x", 1, 0, (void *)&stat_, 16)); T(connect_to(s[0], "nowhere")); T(listen(s[0], 1)); T(accept(s[0], NULL, NULL)); T(bind_abstract(s[0], "late")); name(s[1], getpeername);
    T(recv(s[1], (void *)8, 1, MSG_DONTWAIT)); T(send(s[0], (void *)8, 1, 0)); T(shutdown(s[0], 3)); T(shutdown(s[0], -1)); T(shutdown(0, 1));
    T(shutdown(s[0], SHUT_WR)); T(st(s[0])); T(st(s[1])); T(read(s[1], buf, 1)); T(write(s[0], "x", 1)); T(pipes); T(send(s[0], "x", 1, MSG_NOSIGNAL)); T(pipes); T(write(s[1], "y", 1)); T(read(s[0], buf, 1));
    T(shutdown(s[1], SHUT_WR)); T(st(s[0])); T(close(s[1])); T(st(s[0])); T(read(s[0], buf, 1)); T(close(s[0]));
    T(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); write(s[0], "unread", 6); write(s[1], "keep", 4); T(close(s[1])); T(st(s[0])); T(read(s[0], buf, 10)); T(read(s[0], buf, 10)); T(read(s[0], buf, 10)); T(write(s[0], "x", 1)); close(s[0]);
    T(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); T(shutdown(s[0], SHUT_RD)); T(st(s[0])); T(st(s[1])); T(write(s[1], "x", 1)); T(read(s[0], buf, 1)); close(s[0]); close(s[1]);
    T(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s)); x = 0; while ((n = write(s[0], big, 4096)) > 0) x += n; T(n); T(x > 60000); T(st(s[0])); while (read(s[1], big, 65536) > 0); T(st(s[0])); close(s[0]); close(s[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    if (!fork()) { close(s[0]); long got = 0; while ((n = read(s[1], big, 1000)) > 0) got += n; printf("child got %ld\n", got); _exit(0); }
    close(s[1]); T(write(s[0], big, 300000)); close(s[0]); wait(NULL);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    if (!fork()) { for (int i = 0; i < 5; i++) { struct timespec z = {0, 2000000}; nanosleep(&z, NULL); write(s[0], "abcd", 4); } _exit(0); }
    T(recv(s[1], buf, 18, MSG_WAITALL)); wait(NULL); close(s[0]); T(recv(s[1], buf, 18, MSG_WAITALL)); close(s[1]);

    puts("names");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a = at("us_a"); socklen_t len;
    T(st(l)); T(read(l, buf, 1)); T(write(l, buf, 1)); T(listen(l, 1)); T(accept(l, NULL, NULL)); name(l, getsockname); name(l, getpeername); T(bind(l, (void *)&a, 1)); T(bind(l, (void *)&a, 300)); T(bind(l, (void *)&a, -1)); T(bind(l, (void *)8, 20));
    a.sun_family = AF_INET; T(bind(l, (void *)&a, sizeof a)); T(connect(l, (void *)&a, sizeof a)); T(connect(l, (void *)&a, 1)); T(connect_to(c, "us_a")); T(bind_to(l, "nodir/x"));
    T(bind_to(l, "us_a")); T(bind_to(l, "us_b")); T(bind_to(c, "us_a")); name(l, getsockname); T(stat("us_a", &stat_)); T(S_ISSOCK(stat_.st_mode)); T(open("us_a", O_RDONLY)); T(connect_to(c, "us_a")); T(connect_to(c, "/tmp")); T(connect_to(c, ""));
    T(st(l)); T(listen(l, 1)); T(st(l)); T(connect_to(c, "us_a")); T(connect_to(c, "us_a")); T(st(l)); T(write(c, "early", 5)); name(c, getpeername); name(c, getsockname);
    len = sizeof a; int f = accept4(l, (void *)&a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK); T(f > 0); T(len); T(fcntl(f, F_GETFD)); T(read(f, buf, 100)); name(f, getsockname); name(f, getpeername); T(accept4(l, NULL, NULL, 1)); T(accept(f, NULL, NULL));
    fcntl(l, F_SETFL, O_NONBLOCK); T(accept(l, NULL, NULL)); int d = socket(AF_UNIX, SOCK_DGRAM, 0); T(connect_to(d, "us_a")); T(listen(d, 1)); T(accept(d, NULL, NULL)); T(connect(d, (void *)&a, 2));
    int more[4]; for (int i = 0; i < 4; i++) { more[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0); T(connect_to(more[i], "us_a")); }
    T(close(l)); T(read(more[0], buf, 1)); T(st(more[1])); T(connect_to(more[3], "us_a")); T(unlink("us_a")); T(connect_to(more[3], "us_a")); T(bind_abstract(more[3], "abc")); name(more[3], getsockname); T(bind_abstract(more[2], "abc")); T(close(more[3])); T(bind_abstract(more[2], "abc"));
    int u = socket(AF_UNIX, SOCK_STREAM, 0); a.sun_family = AF_UNIX; T(bind(u, (void *)&a, 2)); len = sizeof a; getsockname(u, (void *)&a, &len); T(len); T(a.sun_path[0]); T(connect_abstract(c, "none"));

    puts("datagrams");
    int d1 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), d2 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    T(st(d1)); T(send(d1, "x", 1, 0)); T(recv(d1, buf, 1, 0)); T(bind_to(d1, "us_b")); a = at("us_b"); T(sendto(d2, "first", 5, 0, (void *)&a, sizeof a)); T(sendto(d2, "", 0, 0, (void *)&a, sizeof a)); T(connect_to(d2, "us_b")); T(write(d2, "third", 5)); T(st(d1)); T(ioctl(d1, FIONREAD, &n)); T(n);
    len = sizeof a; T(recvfrom(d1, buf, 2, MSG_PEEK | MSG_TRUNC, (void *)&a, &len)); T(len); T(recv(d1, buf, 2, 0)); T(recv(d1, buf, 10, 0)); T(read(d1, buf, 10)); T(recv(d1, buf, 10, 0)); T(bind_abstract(d2, "me")); write(d2, "z", 1); len = sizeof a; T(recvfrom(d1, buf, 10, 0, (void *)&a, &len)); T(len); name(d2, getpeername); name(d1, getpeername);
    T(send(d2, big, 250000, 0)); struct iovec iv[2] = {{"ab", 2}, {"cd", 2}}; T(writev(d2, iv, 2)); iv[0].iov_base = buf; iv[0].iov_len = 1; iv[1].iov_base = buf + 50; iv[1].iov_len = 9; T(readv(d1, iv, 2)); T(buf[50]);
    int d3 = socket(AF_UNIX, SOCK_DGRAM, 0); T(connect_abstract(d1, "me")); T(connect_to(d3, "us_b")); a = at("us_b"); T(sendto(d3, "x", 1, 0, (void *)&a, sizeof a));
    x = 0; int d4 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0); bind_abstract(d4, "sink"); int d5 = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0); connect_abstract(d5, "sink"); while (send(d5, "x", 1, 0) == 1) x++; T(x); T(st(d5)); recv(d4, buf, 1, 0); T(st(d5)); T(close(d4)); T(st(d5)); T(send(d5, "x", 1, 0)); T(send(d5, "x", 1, 0)); T(pipes);
    T(shutdown(d2, SHUT_RD)); T(st(d2)); T(recv(d2, buf, 1, 0)); T(send(d1, "x", 1, 0)); T(pipes); unlink("us_b"); leave_folder();

    puts("seqpacket");
    T(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s)); T(send(s[0], "one", 3, 0)); T(send(s[0], "two", 3, MSG_EOR)); T(send(s[0], "", 0, 0)); T(recv(s[1], buf, 2, MSG_TRUNC)); T(recv(s[1], buf, 10, 0)); T(recv(s[1], buf, 10, 0)); T(recv(s[1], buf, 10, MSG_DONTWAIT)); T(close(s[0])); T(recv(s[1], buf, 10, 0)); T(send(s[1], "x", 1, 0)); T(st(s[1])); close(s[1]);
    int q = socket(AF_UNIX, SOCK_SEQPACKET, 0); T(recv(q, buf, 1, 0)); T(send(q, buf, 1, 0)); T(st(q));

    puts("files and credentials");
    int p[2], fds[300], pass[3] = {0, 1, 2}; T(pipe(p)); T(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    T(send_files(s[0], &p[1], 1, "file")); T(close(p[1])); T(send_files(s[0], pass, 3, "three")); T(write(s[0], "plain", 5)); T(receive_files(s[1], fds, 500, MSG_PEEK | MSG_CMSG_CLOEXEC)); T(fcntl(fds[0], F_GETFD)); T(close(fds[0])); T(receive_files(s[1], fds, 500, 0)); T(write(fds[0], "through", 7)); T(read(p[0], buf, 10)); T(close(fds[0])); T(read(p[0], buf, 1)); 
    T(receive_files(s[1], fds, CMSG_SPACE(4), 0)); T(receive_files(s[1], fds, 0, 0)); T(send_files(s[0], pass, 1, "x")); T(receive_files(s[1], fds, 3, 0)); T(send_files(s[0], pass, 1, "x")); T(read(s[1], buf, 10));
    int none = 999; T(send_files(s[0], &none, 1, "x")); for (int i = 0; i < 300; i++) fds[i] = 0; T(send_files(s[0], fds, 253, "x")); T(receive_files(s[1], fds, 500, 0)); for (int i = 0; i < 300; i++) fds[i] = 0; T(send_files(s[0], fds, 254, "x"));
    int on = 1; T(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, 4)); T(write(s[0], "who", 3)); T(receive_files(s[1], fds, 500, 0)); T(send_files(s[0], pass, 2, "who")); T(receive_files(s[1], fds, 500, 0)); write(s[0], "w", 1); T(receive_files(s[1], fds, 15, 0)); write(s[0], "w", 1); T(receive_files(s[1], fds, 28, 0));
    struct ucred cr; len = sizeof cr; T(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cr, &len)); T(cr.pid == getpid()); T(cr.uid == getuid()); T(len); len = sizeof cr; T(getsockopt(q, SOL_SOCKET, SO_PEERCRED, &cr, &len)); T(cr.pid); T(cr.uid);
    close(s[0]); close(s[1]); socketpair(AF_UNIX, SOCK_STREAM, 0, s); T(send_files(s[0], &s[1], 1, "self")); T(close(s[1])); T(close(s[0]));       /* a circle */
    for (int i = 0; i < 2000; i++) { if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) { puts("no more"); break; } send_files(s[0], &s[0], 1, "a"); send_files(s[1], &s[1], 1, "b"); close(s[0]); close(s[1]); }
    T(pipe(p)); socketpair(AF_UNIX, SOCK_DGRAM, 0, s); T(send_files(s[0], p, 2, "")); close(p[0]); close(p[1]); close(s[0]); T(receive_files(s[1], p, 100, 0)); T(write(p[1], "k", 1)); T(read(p[0], buf, 1));
    return 0;
}
