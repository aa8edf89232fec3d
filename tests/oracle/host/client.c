/* A client of servers on the host's loopback: argv has the ports of an echo server (IPv4, IPv6), of one that speaks first and
 * closes, of one that resets, of one that reads to the end and answers with the number of bytes, of a datagram echo server,
 * and a port where nobody listens. */
#include "../linux/checks.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static char text[300000], back[300000];
static int port[8];
static struct sockaddr_in four(int port, const char *host)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}
static int to(int port, const char *host, int flags)
{
    struct sockaddr_in a = four(port, host);
    int s = socket(AF_INET, SOCK_STREAM | flags, 0);
    if (connect(s, (void *)&a, sizeof a) && errno != EINPROGRESS) {
        int failure = errno;
        close(s);
        errno = failure;
        return -1;
    }
    return s;
}
static int wait_for(int fd, int events, int ms) { struct pollfd f = {fd, events}; int r = poll(&f, 1, ms); return r < 0 ? -1 : f.revents; }
static long all(int fd, long wanted)
{
    long got = 0;
    int n;
    while (got < wanted && (n = recv(fd, back + got, wanted - got, 0)) > 0)
        got += n;
    return got;
}
static int soerror(int fd) { int e = -1; socklen_t l = sizeof e; getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &l); return e; }

int main(int n, char **argv)
{
    for (int i = 1; i < n; i++)
        port[i] = atoi(argv[i]);
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in a; struct sockaddr_in6 b; socklen_t length = sizeof a;
    puts("a stream");
    int s = to(port[1], "127.0.0.1", 0);
    T(s >= 0); T(getpeername(s, (void *)&a, &length)); T(ntohs(a.sin_port) == port[1]); T(ntohl(a.sin_addr.s_addr) == INADDR_LOOPBACK); length = sizeof a; T(getsockname(s, (void *)&a, &length)); T(a.sin_port != 0); T(ntohl(a.sin_addr.s_addr) == INADDR_LOOPBACK);
    T(send(s, "hello", 5, 0)); T(all(s, 5)); puts(back); T(wait_for(s, POLLIN | POLLOUT, 0)); T(recv(s, back, 1, MSG_DONTWAIT));
    for (int i = 0; i < sizeof text; i++) text[i] = i * 7 + i / 251;
    if (!fork()) { long done = 0; while (done < sizeof text) { long r = send(s, text + done, sizeof text - done, 0); if (r <= 0) break; done += r; } _exit(0); }
    T(all(s, sizeof text)); T(memcmp(text, back, sizeof text)); wait(NULL);
    T(shutdown(s, SHUT_WR)); T(recv(s, back, 9, 0)); T(wait_for(s, POLLIN | POLLRDHUP, 0)); T(send(s, "x", 1, 0)); T(getpeername(s, (void *)&a, &length)); close(s);
    puts("IPv6, and IPv4 in it");
    s = socket(AF_INET6, SOCK_STREAM, 0); memset(&b, 0, sizeof b); b.sin6_family = AF_INET6; b.sin6_port = htons(port[2]); b.sin6_addr = in6addr_loopback; T(connect(s, (void *)&b, sizeof b)); T(send(s, "six", 3, 0)); memset(back, 0, 10); T(all(s, 3)); puts(back); length = sizeof b; T(getpeername(s, (void *)&b, &length)); T(ntohs(b.sin6_port) == port[2]); close(s);
    s = socket(AF_INET6, SOCK_STREAM, 0); b.sin6_port = htons(port[1]); inet_pton(AF_INET6, "::ffff:127.0.0.1", &b.sin6_addr); T(connect(s, (void *)&b, sizeof b)); T(send(s, "4in6", 4, 0)); memset(back, 0, 10); T(all(s, 4)); puts(back); close(s);
    puts("without waiting");
    s = to(port[1], "127.0.0.1", SOCK_NONBLOCK); T(wait_for(s, POLLOUT, 5000)); T(soerror(s)); a = four(port[1], "127.0.0.1"); T(connect(s, (void *)&a, sizeof a)); T(connect(s, (void *)&a, sizeof a)); T(recv(s, back, 9, 0)); T(send(s, "now", 3, 0)); T(wait_for(s, POLLIN, 5000)); memset(back, 0, 10); T(recv(s, back, 9, 0)); puts(back); T(wait_for(s, POLLIN, 20)); close(s);
    s = to(port[7], "127.0.0.1", SOCK_NONBLOCK); T(s >= 0); T(wait_for(s, POLLOUT, 5000)); T(soerror(s)); T(soerror(s)); close(s);
    int e = epoll_create1(0); struct epoll_event ev = {EPOLLIN | EPOLLOUT | EPOLLET, {.u32 = 7}}; s = to(port[1], "127.0.0.1", SOCK_NONBLOCK); T(epoll_ctl(e, EPOLL_CTL_ADD, s, &ev)); T(epoll_wait(e, &ev, 1, 5000)); wait_for(s, POLLOUT, 5000); T(send(s, "edge", 4, 0)); int seen = 0; while (!(seen & EPOLLIN)) if (epoll_wait(e, &ev, 1, 5000) == 1) seen |= ev.events; T(recv(s, back, 4, 0)); T(epoll_wait(e, &ev, 1, 0)); close(s); close(e);
    puts("nobody, and nowhere");
    T(to(port[7], "127.0.0.1", 0)); s = to(port[3], "127.0.0.1", 0); T(s >= 0); T(wait_for(s, POLLIN, 5000)); memset(back, 0, 20); T(all(s, 5)); puts(back); T(recv(s, back, 9, 0)); T(wait_for(s, POLLIN | POLLRDHUP, 100) & (POLLIN | POLLRDHUP)); close(s);
    s = to(port[4], "127.0.0.1", 0); T(send(s, "reset me", 8, 0)); T(wait_for(s, POLLIN, 5000) & POLLIN); T(recv(s, back, 9, 0)); T(recv(s, back, 9, 0)); T(send(s, "x", 1, 0)); close(s);
    puts("half closed");
    s = to(port[5], "127.0.0.1", 0); long total = 0; for (int i = 0; i < 20; i++) total += send(s, text, 100000, 0); T(total); T(shutdown(s, SHUT_WR)); memset(back, 0, 20); T(recv(s, back, 20, 0)); puts(back); T(recv(s, back, 20, 0)); close(s);
    puts("time");
    struct timeval t = {0, 50000}; s = to(port[1], "127.0.0.1", 0); T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t)); T(recv(s, back, 1, 0)); T(send(s, "late", 4, 0)); memset(back, 0, 9); T(recv(s, back, 9, MSG_WAITALL) == 4 || 1); close(s);
    puts("among guests"); /* a port that a program of this machine has is that program's */
    int l = socket(AF_INET, SOCK_STREAM, 0); a = four(0, "127.0.0.1"); T(bind(l, (void *)&a, sizeof a)); T(listen(l, 1)); length = sizeof a; getsockname(l, (void *)&a, &length); s = socket(AF_INET, SOCK_STREAM, 0); T(connect(s, (void *)&a, sizeof a)); int c = accept(l, NULL, NULL); T(send(s, "in", 2, 0)); memset(back, 0, 9); T(recv(c, back, 9, 0)); puts(back); close(s), close(c), close(l);
    puts("datagrams");
    s = socket(AF_INET, SOCK_DGRAM, 0); a = four(port[6], "127.0.0.1"); T(sendto(s, "one", 3, 0, (void *)&a, sizeof a)); memset(back, 0, 9); length = sizeof a; memset(&a, 0, sizeof a); T(recvfrom(s, back, 9, 0, (void *)&a, &length)); puts(back); T(ntohs(a.sin_port) == port[6]); T(wait_for(s, POLLIN, 20)); a = four(port[6], "127.0.0.1"); T(connect(s, (void *)&a, sizeof a)); T(send(s, "two", 3, 0)); T(wait_for(s, POLLIN, 5000)); memset(back, 0, 9); T(recv(s, back, 9, 0)); puts(back); a = four(port[7], "127.0.0.1"); T(connect(s, (void *)&a, sizeof a)); T(send(s, "x", 1, 0)); T(wait_for(s, POLLIN, 5000) & POLLERR); T(recv(s, back, 9, MSG_DONTWAIT)); close(s);
    return 0;
}
