/* TCP's urgent byte, the flags of recv and send, nonblocking connect, accept4, credentials, many messages at once, options. */
#include "checks.h"
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static int listener, client, server;
static struct sockaddr_in place = {.sin_family = AF_INET};
static socklen_t size;
static char buffer[1 << 16];
static volatile int urged;
static void on_urgent(int s) { urged++; }
static void pair(void)
{
    close(client), close(server);
    client = socket(AF_INET, SOCK_STREAM, 0);
    connect(client, (void *)&place, sizeof place);
    server = accept(listener, NULL, NULL);
}
static int state(int fd) { struct pollfd p = {fd, POLLIN | POLLPRI | POLLOUT | POLLRDHUP, 0}; poll(&p, 1, 20); return p.revents; }
/* What a call got, as text. */
static long got(int fd, int count, int flags)
{
    memset(buffer, 0, 100);
    long n = recv(fd, buffer, count, flags);
    if (n > 0)
        printf("    '%.*s'\n", (int)n, buffer);
    return n;
}
static int mark(int fd) { int m = -1; ioctl(fd, 0x8905, &m); return m; }
static int waiting(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }
static int set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }
static void settle(void) { usleep(20000); }

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    int i, one = 1, pairs[2];
    listener = socket(AF_INET, SOCK_STREAM, 0);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (void *)&place, sizeof place);
    size = sizeof place;
    getsockname(listener, (void *)&place, &size);
    T(listen(listener, 10));
    client = server = -1;
    signal(SIGURG, on_urgent);
    signal(SIGPIPE, SIG_IGN);

    puts("urgent");
    pair();
    T(got(server, 1, MSG_OOB));
    T(send(client, "ab!", 3, MSG_OOB));
    settle();
    T(state(server));
    T(urged);
    T(waiting(server));
    T(mark(server));
    T(got(server, 1, MSG_OOB | MSG_PEEK));
    T(got(server, 1, MSG_OOB));
    T(got(server, 1, MSG_OOB));
    T(state(server));
    T(got(server, 10, 0));
    T(mark(server));
    T(state(server));
    T(got(server, 10, MSG_DONTWAIT));
    T(mark(server));
    puts("in the middle");
    T(send(client, "abc", 3, 0));
    T(send(client, "!", 1, MSG_OOB));
    T(send(client, "def", 3, 0));
    settle();
    T(waiting(server));
    T(got(server, 2, 0));
    T(mark(server));
    T(got(server, 10, MSG_PEEK));
    T(got(server, 10, 0));
    T(mark(server));
    T(got(server, 10, MSG_PEEK));
    T(got(server, 1, MSG_OOB));
    T(got(server, 10, 0));
    T(mark(server));
    T(got(server, 1, MSG_OOB));
    puts("passed over");
    T(send(client, "x!", 2, MSG_OOB));
    T(send(client, "yz", 2, 0));
    settle();
    T(got(server, 10, 0));
    T(got(server, 10, 0));
    T(got(server, 1, MSG_OOB));
    puts("a second one");
    T(send(client, "12", 2, MSG_OOB));
    T(send(client, "34", 2, MSG_OOB));
    settle();
    T(got(server, 10, 0));
    T(mark(server));
    T(got(server, 1, MSG_OOB));
    T(got(server, 10, MSG_DONTWAIT));
    T(send(client, "5", 1, MSG_OOB));
    settle();
    T(mark(server));
    T(send(client, "6", 1, MSG_OOB));
    settle();
    T(mark(server));
    T(got(server, 10, MSG_DONTWAIT));
    T(got(server, 1, MSG_OOB));
    puts("among the others");
    pair();
    T(set(server, SOL_SOCKET, SO_OOBINLINE, 1));
    T(send(client, "ab!", 3, MSG_OOB));
    T(send(client, "cd", 2, 0));
    settle();
    T(waiting(server));
    T(got(server, 1, MSG_OOB));
    T(got(server, 10, 0));
    T(mark(server));
    T(state(server));
    T(got(server, 10, 0));
    T(mark(server));
    puts("a signal");
    pair();
    T(fcntl(server, F_SETOWN, getpid()));
    T(send(client, "u", 1, MSG_OOB));
    settle();
    T(urged);
    T(state(server));
    int owner = 0;
    T(ioctl(server, 0x8904, &owner));
    T(owner == getpid());
    T(send(client, "", 0, MSG_OOB));
    struct iovec part = {buffer, 5};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    T(recvmsg(server, &m, MSG_OOB));
    T(m.msg_flags);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    T(sendto(udp, "x", 1, MSG_OOB, (void *)&place, sizeof place));
    T(ioctl(udp, 0x8905, &i));
    T(ioctl(pairs[0] = nameless_file(0), 0x8905, &i));

    puts("flags");
    pair();
    T(got(server, 5, MSG_DONTWAIT));
    T(send(client, "hello", 5, 0));
    settle();
    T(got(server, 3, MSG_PEEK));
    T(got(server, 3, 0));
    T(got(server, 1, MSG_TRUNC | MSG_PEEK));
    fflush(stdout);
    if (!fork()) {
        usleep(20000);
        send(client, "123", 3, 0);
        usleep(20000);
        send(client, "456", 3, 0);
        _exit(0);
    }
    T(got(server, 8, MSG_WAITALL));
    wait(NULL);
    T(send(client, "part", 4, 0));
    T(shutdown(client, SHUT_WR));
    T(got(server, 8, MSG_WAITALL));
    T(got(server, 8, 0));
    T(state(server) & ~POLLOUT);
    T(send(client, "x", 1, 0));
    T(send(client, "x", 1, MSG_NOSIGNAL));
    T(send(server, "back", 4, 0));
    T(got(client, 8, 0));
    T(shutdown(server, 5));
    T(shutdown(server, SHUT_RD));
    T(shutdown(listener = listener, -1));
    T(recv(99, buffer, 1, 0));
    T(recv(0, buffer, 1, 0));
    T(send(server, (void *)8, 5, 0));
    T(recv(socket(AF_INET, SOCK_STREAM, 0), buffer, 1, 0));
    T(send(socket(AF_INET, SOCK_STREAM, 0), buffer, 1, 0));

    puts("connecting");
    int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 9;
    struct sockaddr_in nobody = place;
    T(connect(c, (void *)&place, sizeof place));
    T(state(c));
    size = sizeof error;
    T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &size));
    T(error);
    T(connect(c, (void *)&place, sizeof place));
    T(connect(c, (void *)&place, sizeof place));
    i = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    T(i >= 0);
    T(fcntl(i, F_GETFL) & O_NONBLOCK);
    T(fcntl(i, F_GETFD));
    T(accept4(listener, NULL, NULL, 1));
    T(accept4(99, NULL, NULL, 0));
    T(accept4(c, NULL, NULL, 0));
    T(accept4(udp, NULL, NULL, 0));
    T(fcntl(listener, F_SETFL, O_NONBLOCK));
    T(accept4(listener, NULL, NULL, 0));
    close(c), close(i);
    int gone = socket(AF_INET, SOCK_STREAM, 0);
    nobody.sin_port = 0;
    bind(gone, (void *)&nobody, sizeof nobody), size = sizeof nobody, getsockname(gone, (void *)&nobody, &size), close(gone);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    T(connect(c, (void *)&nobody, sizeof nobody));
    T(state(c));
    size = sizeof error;
    T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &size));
    T(error);
    T(getsockopt(c, SOL_SOCKET, SO_ERROR, &error, &size));
    T(error);
    T(connect(c, (void *)&nobody, 5));
    T(connect(c, (void *)8, sizeof nobody));
    T(connect(c, (void *)&nobody, -1));
    T(connect(0, (void *)&nobody, sizeof nobody));

    puts("credentials");
    T(socketpair(AF_UNIX, SOCK_DGRAM, 0, pairs));
    T(set(pairs[1], SOL_SOCKET, SO_PASSCRED, 1));
    union { char room[CMSG_SPACE(sizeof(struct ucred))]; struct cmsghdr align; } control;
    struct ucred *who = (struct ucred *)CMSG_DATA(&control.align);
    memset(&m, 0, sizeof m);
    m.msg_iov = &part, m.msg_iovlen = 1, m.msg_control = &control, m.msg_controllen = sizeof control;
    part.iov_base = "cred", part.iov_len = 4;
    control.align = (struct cmsghdr){CMSG_LEN(sizeof *who), SOL_SOCKET, SCM_CREDENTIALS};
    *who = (struct ucred){getpid(), getuid(), getgid()};
    T(sendmsg(pairs[0], &m, 0));
    who->pid = 1 << 29;
    T(sendmsg(pairs[0], &m, 0));
    control.align.cmsg_len = CMSG_LEN(4);
    T(sendmsg(pairs[0], &m, 0));
    control.align.cmsg_len = 1;
    T(sendmsg(pairs[0], &m, 0));
    memset(&control, 0, sizeof control);
    part.iov_base = buffer, m.msg_controllen = sizeof control;
    T(recvmsg(pairs[1], &m, 0));
    T(control.align.cmsg_type);
    T(who->pid == getpid() && who->uid == getuid() && who->gid == getgid());
    T(m.msg_flags);
    T(send(pairs[0], "none", 4, 0));
    m.msg_controllen = 8;
    T(recvmsg(pairs[1], &m, 0));
    T(m.msg_flags);
    T(m.msg_controllen);
    struct ucred peer;
    size = sizeof peer;
    T(getsockopt(pairs[0], SOL_SOCKET, SO_PEERCRED, &peer, &size));
    T(peer.uid == getuid());
    T(set(client, SOL_SOCKET, SO_PASSCRED, 1) == 0 || 1);

    puts("many messages");
    struct mmsghdr many[4];
    struct iovec parts[4];
    char texts[4][8] = {"a", "bb", "ccc", "dddd"};
    memset(many, 0, sizeof many);
    for (i = 0; i < 4; i++)
        parts[i] = (struct iovec){texts[i], i + 1}, many[i].msg_hdr.msg_iov = &parts[i], many[i].msg_hdr.msg_iovlen = 1;
    T(sendmmsg(pairs[0], many, 4, 0));
    T(many[3].msg_len);
    T(sendmmsg(pairs[0], many, 0, 0));
    T(sendmmsg(99, many, 1, 0));
    T(sendmmsg(pairs[0], (void *)8, 1, 0));
    parts[1].iov_base = (void *)8;
    T(sendmmsg(pairs[0], many, 2, 0));
    for (i = 0; i < 4; i++)
        parts[i] = (struct iovec){texts[i], 2};
    T(recvmmsg(pairs[1], many, 3, MSG_DONTWAIT, NULL));
    T(many[2].msg_len);
    T(many[2].msg_hdr.msg_flags);
    T(recvmmsg(pairs[1], many, 4, MSG_WAITFORONE, NULL));
    T(recvmmsg(pairs[1], many, 4, MSG_DONTWAIT, NULL));
    T(recvmmsg(pairs[1], many, 4, 0, &(struct timespec){0, 1000000000}));
    T(recvmmsg(pairs[1], many, 4, MSG_WAITFORONE | MSG_DONTWAIT, &(struct timespec){0, 1000}));
    T(recvmmsg(pairs[1], (void *)8, 1, MSG_DONTWAIT, NULL));
    T(send(pairs[0], "x", 1, 0));
    T(recvmmsg(pairs[1], (void *)8, 1, MSG_DONTWAIT, NULL));

    puts("datagrams");
    T(send(pairs[0], "longer", 6, 0));
    T(recv(pairs[1], buffer, 2, MSG_PEEK));
    T(recv(pairs[1], buffer, 2, MSG_PEEK | MSG_TRUNC));
    T(recv(pairs[1], buffer, 2, MSG_TRUNC));
    T(recv(pairs[1], buffer, 2, MSG_DONTWAIT));
    T(send(pairs[0], "", 0, 0));
    T(recv(pairs[1], buffer, 2, 0));
    T(send(pairs[0], buffer, 1 << 30, 0));
    T(shutdown(pairs[0], SHUT_WR));
    T(send(pairs[0], "x", 1, 0));
    T(recv(pairs[1], buffer, 1, MSG_DONTWAIT));
    close(pairs[1]);
    T(send(pairs[0], "x", 1, 0));

    puts("kinds");
    T(socket(AF_INET, 99, 0));
    T(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    T(socket(AF_INET, SOCK_SEQPACKET, 0));
    T(socket(99, SOCK_STREAM, 0));
    T(socket(-1, SOCK_STREAM, 0));
    T(socket(AF_UNIX, SOCK_STREAM, 5));
    T(socketpair(AF_INET, SOCK_STREAM, 0, pairs));
    T(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
    T(listen(udp, 1));
    T(listen(client, 1));
    T(listen(99, 1));
    T(bind(server, (void *)&place, sizeof place));
    T(getpeername(listener, (void *)&place, &size));
    T(getsockname(listener, NULL, &size));
    T(getsockname(listener, (void *)&place, NULL));
    size = -1;
    T(getsockname(listener, (void *)&place, &size));
    T(getsockname(0, (void *)&place, &size));
    return 0;
}
