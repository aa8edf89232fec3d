/* AF_INET and AF_INET6 on loopback: TCP and UDP, ports, options, states, errors. */
#include "checks.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static volatile sig_atomic_t pipes;
static void on_pipe(int s) { pipes++; }
static int st(int fd) { struct pollfd p = {fd, 0x3fff, 0}; poll(&p, 1, 0); return p.revents; }
static int settled(int fd, int events) { struct pollfd p = {fd, events, 0}; poll(&p, 1, 1000); return st(fd); }
static struct sockaddr_in at(const char *host, int port) { struct sockaddr_in a = {AF_INET, htons(port)}; inet_pton(AF_INET, host, &a.sin_addr); return a; }
static struct sockaddr_in6 at6(const char *host, int port) { struct sockaddr_in6 a = {AF_INET6, htons(port)}; inet_pton(AF_INET6, host, &a.sin6_addr); return a; }
static int bind4(int s, const char *h, int p) { struct sockaddr_in a = at(h, p); return bind(s, (void *)&a, sizeof a); }
static int bind6(int s, const char *h, int p) { struct sockaddr_in6 a = at6(h, p); return bind(s, (void *)&a, sizeof a); }
static int connect4(int s, const char *h, int p) { struct sockaddr_in a = at(h, p); return connect(s, (void *)&a, sizeof a); }
static int connect6(int s, const char *h, int p) { struct sockaddr_in6 a = at6(h, p); return connect(s, (void *)&a, sizeof a); }
static int sendto4(int s, const char *t, const char *h, int p) { struct sockaddr_in a = at(h, p); return sendto(s, t, strlen(t), 0, (void *)&a, sizeof a); }
static int port_of(int s) { struct sockaddr_storage a; socklen_t n = sizeof a; getsockname(s, (void *)&a, &n); return ntohs(((struct sockaddr_in *)&a)->sin_port); }
static int get(int s, int level, int name) { int v = -7; socklen_t n = 4; errno = 0; return getsockopt(s, level, name, &v, &n) ? -errno : v; }
static int set(int s, int level, int name, int v) { return setsockopt(s, level, name, &v, 4) ? -errno : 0; }
static void name(int s, int (*f)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_storage a; socklen_t n = sizeof a; char text[100] = "";
    errno = 0; int r = f(s, (void *)&a, &n);
    printf("  name %d %s", r, r ? strerrorname_np(errno) : "");
    if (!r) {
        inet_ntop(a.ss_family, a.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&a)->sin_addr : (void *)&((struct sockaddr_in6 *)&a)->sin6_addr, text, 100);
        printf(" %d bytes, family %d, %s, %s", n, a.ss_family, text, ((struct sockaddr_in *)&a)->sin_port ? "a port" : "no port");
    }
    puts("");
}
/* The host's loopback delivers in its own time. */
static void nap(void) { struct timespec t = {0, 100000000}; nanosleep(&t, NULL); }

int main(void)
{
    char buf[200]; static char big[100000]; int n, p, s, c, f;
    signal(SIGPIPE, on_pipe);
    puts("making");
    alarm(20);
    T(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP)); T(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP)); T(socket(AF_INET, SOCK_SEQPACKET, 0)); T(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) > 0); T(socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP) > 0);
    s = socket(AF_INET, SOCK_STREAM, 0); c = socket(AF_INET, SOCK_STREAM, 0);
    T(st(s)); name(s, getsockname); name(s, getpeername); T(read(s, buf, 1)); T(write(s, buf, 1)); T(pipes); T(accept(s, NULL, NULL)); T(lseek(s, 0, 0));
    struct sockaddr_in a = at("127.0.0.1", 0); a.sin_family = 77; T(bind(s, (void *)&a, sizeof a)); T(bind(s, (void *)&a, 3)); T(connect(s, (void *)&a, sizeof a)); T(connect(s, (void *)&a, 1)); T(bind4(s, "8.8.8.8", 0)); T(bind(0, (void *)&a, 16));
    T(bind4(s, "127.0.0.1", 0)); T(bind4(s, "127.0.0.1", 0)); name(s, getsockname); p = port_of(s); T(bind4(c, "127.0.0.1", p)); T(bind4(c, "0.0.0.0", p)); T(connect4(c, "127.0.0.1", p)); T(st(c));
    puts("stream");
    close(c); c = socket(AF_INET, SOCK_STREAM, 0); T(listen(s, 5)); T(st(s)); T(get(s, SOL_SOCKET, SO_ACCEPTCONN)); T(connect4(s, "127.0.0.1", p)); T(connect4(c, "127.0.0.1", p)); T(connect4(c, "127.0.0.1", p)); T(st(s)); T(st(c)); T(write(c, "early", 5));
    f = accept4(s, NULL, NULL, SOCK_CLOEXEC); T(f > 0); name(f, getsockname); name(f, getpeername); name(c, getpeername); name(c, getsockname); T(settled(f, POLLIN)); T(ioctl(f, FIONREAD, &n)); T(n); T(recv(f, buf, 2, MSG_PEEK)); T(recv(f, buf, 100, 0)); T(recv(f, buf, 1, MSG_DONTWAIT)); T(listen(c, 1));
    T(sendto4(c, "anyway", "127.0.0.1", 9)); T(recv(f, buf, 6, MSG_WAITALL)); T(shutdown(c, 7)); T(shutdown(c, SHUT_WR)); T(st(c)); T(settled(f, POLLRDHUP)); T(read(f, buf, 1)); T(write(c, "x", 1)); T(pipes); T(send(c, "x", 1, MSG_NOSIGNAL)); T(write(f, "back", 4)); T(recv(c, buf, 4, MSG_WAITALL)); T(shutdown(f, SHUT_WR)); nap(); T(st(f)); T(st(c)); T(read(c, buf, 1)); name(c, getpeername); close(c); close(f);
    c = socket(AF_INET, SOCK_STREAM, 0); connect4(c, "127.0.0.1", p); f = accept(s, NULL, NULL); write(c, "x", 1); close(c); T(settled(f, POLLRDHUP)); T(read(f, buf, 5)); T(read(f, buf, 5)); T(write(f, "a", 1)); nap(); T(write(f, "a", 1)); T(pipes); T(read(f, buf, 1)); T(st(f)); close(f);
    c = socket(AF_INET, SOCK_STREAM, 0); connect4(c, "127.0.0.1", p); f = accept(s, NULL, NULL); write(c, "unread", 6); settled(f, POLLIN); close(f); T(settled(c, POLLIN)); T(get(c, SOL_SOCKET, SO_ERROR)); T(read(c, buf, 1)); T(write(c, "x", 1)); T(pipes); close(c);
    c = socket(AF_INET, SOCK_STREAM, 0); connect4(c, "127.0.0.1", p); f = accept(s, NULL, NULL); struct linger lg = {1, 0}; T(setsockopt(f, SOL_SOCKET, SO_LINGER, &lg, sizeof lg)); close(f); settled(c, POLLIN); T(read(c, buf, 1)); T(read(c, buf, 1)); T(write(c, "x", 1)); name(c, getpeername); close(c);
    puts("nonblocking");
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); T(connect4(c, "127.0.0.1", p)); T(settled(c, POLLOUT)); T(get(c, SOL_SOCKET, SO_ERROR)); T(connect4(c, "127.0.0.1", p)); T(connect4(c, "127.0.0.1", p)); T(read(c, buf, 1)); f = accept(s, NULL, NULL);
    long sent = 0; while ((n = write(c, big, sizeof big)) > 0) sent += n; T(n); T(st(c) & POLLOUT); long got = 0; if (!fork()) { close(c); while ((n = read(f, big, sizeof big)) > 0) got += n; printf("  all of it %d\n", got == sent); _exit(0); } close(c); close(f); wait(NULL);
    T(shutdown(s, SHUT_RD)); T(accept(s, NULL, NULL)); close(s);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); T(connect4(c, "127.0.0.1", p)); T(settled(c, POLLOUT)); T(get(c, SOL_SOCKET, SO_ERROR)); T(get(c, SOL_SOCKET, SO_ERROR)); close(c);
    c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); connect4(c, "127.0.0.1", p); settled(c, POLLOUT); T(connect4(c, "127.0.0.1", p)); close(c);
    s = socket(AF_INET, SOCK_STREAM, 0); T(listen(s, 0)); p = port_of(s); T(p > 0); name(s, getsockname); int w[3]; for (int i = 0; i < 3; i++) { w[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); connect4(w[i], "127.0.0.1", p); } nap(); T(st(w[0])); fcntl(s, F_SETFL, O_NONBLOCK); T(accept(s, NULL, NULL) > 0); T(close(s)); 
    s = socket(AF_INET, SOCK_STREAM, 0); listen(s, 5); p = port_of(s); c = socket(AF_INET, SOCK_STREAM, 0); connect4(c, "127.0.0.1", p); close(s); nap(); T(read(c, buf, 1)); close(c);
    s = socket(AF_INET, SOCK_STREAM, 0); T(set(s, SOL_SOCKET, SO_REUSEADDR, 1)); bind4(s, "127.0.0.1", 0); p = port_of(s); c = socket(AF_INET, SOCK_STREAM, 0); set(c, SOL_SOCKET, SO_REUSEADDR, 1); T(bind4(c, "127.0.0.1", p)); T(listen(s, 1)); T(listen(c, 1)); close(c); c = socket(AF_INET, SOCK_STREAM, 0); set(c, SOL_SOCKET, SO_REUSEADDR, 1); T(bind4(c, "127.0.0.1", p)); T(bind4(c, "127.0.0.2", p)); T(listen(c, 1)); f = socket(AF_INET, SOCK_STREAM, 0); T(connect4(f, "127.0.0.2", p)); name(f, getsockname); close(c); close(s); close(f);
    puts("IPv6");
    s = socket(AF_INET6, SOCK_STREAM, 0); T(bind6(s, "::", 0)); p = port_of(s); T(listen(s, 5)); name(s, getsockname); c = socket(AF_INET, SOCK_STREAM, 0); T(connect4(c, "127.0.0.1", p)); f = accept(s, NULL, NULL); name(f, getpeername); name(f, getsockname); close(c); close(f); c = socket(AF_INET6, SOCK_STREAM, 0); T(connect6(c, "::1", p)); f = accept(s, NULL, NULL); name(f, getpeername); close(c); close(f); c = socket(AF_INET, SOCK_STREAM, 0); T(bind4(c, "127.0.0.1", p)); close(c);
    c = socket(AF_INET6, SOCK_STREAM, 0); T(connect6(c, "::ffff:127.0.0.1", p)); name(c, getpeername); close(c); close(s); s = socket(AF_INET6, SOCK_STREAM, 0); T(set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1)); bind6(s, "::1", 0); listen(s, 1); p = port_of(s); c = socket(AF_INET, SOCK_STREAM, 0); T(connect4(c, "127.0.0.1", p)); close(c); close(s);
    puts("datagrams");
    int d1 = socket(AF_INET, SOCK_DGRAM, 0), d2 = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0); T(st(d1)); T(write(d2, "x", 1)); T(listen(d2, 1)); T(accept(d2, NULL, NULL)); T(bind4(d1, "127.0.0.1", 0)); p = port_of(d1); T(sendto4(d2, "hello", "127.0.0.1", p)); T(sendto4(d2, "", "127.0.0.1", p)); name(d2, getsockname); T(settled(d1, POLLIN)); T(ioctl(d1, FIONREAD, &n)); T(n);
    socklen_t len = sizeof a; memset(&a, 0, sizeof a); T(recvfrom(d1, buf, 2, MSG_TRUNC | MSG_PEEK, (void *)&a, &len)); T(len); T(ntohs(a.sin_port) == port_of(d2)); T(recv(d1, buf, 2, 0)); T(recv(d1, buf, 2, 0)); T(recv(d1, buf, 2, MSG_DONTWAIT)); T(sendto4(d2, "x", "127.0.0.1", 0)); T(send(d2, big, 65508, 0)); T(shutdown(d2, SHUT_RD));
    T(connect4(d2, "127.0.0.1", p)); name(d2, getpeername); name(d2, getsockname); T(send(d2, big, 65508, 0)); T(send(d2, "conn", 4, 0)); T(recv(d1, buf, 10, 0)); close(d1); T(send(d2, "lost", 4, 0)); nap(); T(st(d2)); T(send(d2, "again", 5, 0)); T(send(d2, "x", 1, 0)); nap(); T(recv(d2, buf, 1, 0)); a.sin_family = AF_UNSPEC; T(connect(d2, (void *)&a, sizeof a)); name(d2, getpeername); T(send(d2, "x", 1, 0));
    d1 = socket(AF_INET, SOCK_DGRAM, 0); bind4(d1, "0.0.0.0", 0); p = port_of(d1); struct mmsghdr mm[3]; struct iovec iv[3]; static char in[3][10]; memset(mm, 0, sizeof mm); connect4(d2, "127.0.0.1", p); for (int i = 0; i < 3; i++) { iv[i] = (struct iovec){"message" + i, 7 - i}; mm[i].msg_hdr.msg_iov = &iv[i]; mm[i].msg_hdr.msg_iovlen = 1; } T(sendmmsg(d2, mm, 3, 0)); T(mm[2].msg_len); for (int i = 0; i < 3; i++) iv[i] = (struct iovec){in[i], 10}; T(recvmmsg(d1, mm, 2, 0, NULL)); T(mm[1].msg_len); T(recvmmsg(d1, mm, 3, MSG_WAITFORONE, NULL)); puts(in[0]); T(recvmmsg(d1, mm, 3, MSG_DONTWAIT, NULL)); struct timespec ts = {0, -1}; T(recvmmsg(d1, mm, 3, 0, &ts));
    puts("options");
    s = socket(AF_INET, SOCK_STREAM, 0); int d = socket(AF_INET, SOCK_DGRAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0);
    T(get(s, SOL_SOCKET, SO_TYPE)); T(get(d, SOL_SOCKET, SO_TYPE)); T(get(s, SOL_SOCKET, SO_DOMAIN)); T(get(s, SOL_SOCKET, SO_PROTOCOL)); T(get(d, SOL_SOCKET, SO_PROTOCOL)); T(get(u, SOL_SOCKET, SO_PROTOCOL)); T(get(s, SOL_SOCKET, SO_REUSEADDR)); T(set(s, SOL_SOCKET, SO_REUSEADDR, 5)); T(get(s, SOL_SOCKET, SO_REUSEADDR)); T(set(s, SOL_SOCKET, SO_REUSEPORT, 1)); T(set(u, SOL_SOCKET, SO_REUSEPORT, 1)); T(set(s, SOL_SOCKET, SO_KEEPALIVE, 1)); T(get(s, SOL_SOCKET, SO_KEEPALIVE)); T(set(d, SOL_SOCKET, SO_BROADCAST, 1)); T(set(s, SOL_SOCKET, SO_OOBINLINE, 1)); T(set(s, SOL_SOCKET, SO_TYPE, 1)); T(set(s, SOL_SOCKET, SO_ERROR, 1)); T(get(s, SOL_SOCKET, 999)); T(set(s, SOL_SOCKET, 999, 1)); T(get(s, 99, 1)); T(set(s, 99, 1, 1)); T(get(u, 99, 1)); T(set(u, IPPROTO_TCP, 1, 1)); T(get(u, IPPROTO_TCP, 1)); T(get(d, IPPROTO_TCP, TCP_NODELAY)); T(get(s, IPPROTO_IPV6, 26));
    T(get(d, SOL_SOCKET, SO_SNDBUF)); T(get(u, SOL_SOCKET, SO_RCVBUF)); T(set(d, SOL_SOCKET, SO_SNDBUF, 1)); T(get(d, SOL_SOCKET, SO_SNDBUF)); T(set(d, SOL_SOCKET, SO_RCVBUF, 1)); T(get(d, SOL_SOCKET, SO_RCVBUF)); T(set(d, SOL_SOCKET, SO_RCVBUF, 10000)); T(get(d, SOL_SOCKET, SO_RCVBUF)); T(get(s, SOL_SOCKET, SO_RCVLOWAT)); T(get(s, SOL_SOCKET, SO_SNDLOWAT)); T(get(s, SOL_SOCKET, SO_PRIORITY));
    T(get(s, IPPROTO_TCP, TCP_NODELAY)); T(set(s, IPPROTO_TCP, TCP_NODELAY, 7)); T(get(s, IPPROTO_TCP, TCP_NODELAY)); T(set(s, IPPROTO_TCP, TCP_CORK, 1)); T(get(s, IPPROTO_TCP, TCP_CORK)); T(get(s, IPPROTO_TCP, TCP_KEEPIDLE)); T(set(s, IPPROTO_TCP, TCP_KEEPIDLE, 30)); T(get(s, IPPROTO_TCP, TCP_KEEPIDLE)); T(get(s, IPPROTO_TCP, TCP_KEEPINTVL)); T(get(s, IPPROTO_TCP, TCP_KEEPCNT)); T(get(s, IPPROTO_TCP, TCP_USER_TIMEOUT)); T(get(s, IPPROTO_TCP, 999)); T(get(s, IPPROTO_IP, IP_TTL)); T(get(s, IPPROTO_IP, IP_TOS)); T(set(s, IPPROTO_IP, IP_TOS, 16)); T(get(s, IPPROTO_IP, IP_TOS));
    len = sizeof lg; T(getsockopt(s, SOL_SOCKET, SO_LINGER, &lg, &len)); T(len); T(lg.l_onoff); lg.l_onoff = 3; lg.l_linger = 9; T(setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, sizeof lg)); T(getsockopt(s, SOL_SOCKET, SO_LINGER, &lg, &len)); T(lg.l_onoff); T(lg.l_linger); T(setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, 4)); T(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &lg, 3)); T(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4)); len = -1; T(getsockopt(s, SOL_SOCKET, SO_TYPE, buf, &len)); len = 2; T(getsockopt(s, SOL_SOCKET, SO_TYPE, buf, &len)); T(len); T(getsockopt(s, SOL_SOCKET, SO_TYPE, buf, (void *)8)); T(getsockopt(0, SOL_SOCKET, SO_TYPE, buf, &len)); T(getsockopt(99, SOL_SOCKET, SO_TYPE, buf, &len));
    struct timeval tv = {0, 5000}; T(setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)); memset(&tv, 0, sizeof tv); len = sizeof tv; T(getsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, &len)); T(tv.tv_sec); T(len); bind4(d, "127.0.0.1", 0); T(recv(d, buf, 1, 0)); T(read(d, buf, 1)); tv.tv_usec = 1000000; T(setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)); T(setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, 8)); tv = (struct timeval){-1, 0}; T(setsockopt(d, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv)); T(recv(d, buf, 1, 0));
    return 0;
}
