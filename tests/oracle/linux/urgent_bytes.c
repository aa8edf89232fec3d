/* MSG_OOB of AF_UNIX: SIGURG, SIOCATMARK, SO_OOBINLINE, poll; where reads stop and what is passed over. */
#include "checks.h"
#include <sys/socket.h>

static char text[300000];
static int s[2];
static volatile sig_atomic_t urgent, piped;
static void on_urgent(int n) { urgent++; }
static void on_pipe(int n) { piped++; }
static void get(int n, int flags)
{
    memset(text, 0, 100);
    int r = recv(s[1], text, n, flags | MSG_DONTWAIT);
    if (r < 0)
        printf("recv %d %x: %s\n", n, flags, strerrorname_np(errno));
    else
        printf("recv %d %x: %d '%.60s'\n", n, flags, r, text);
}
/* Not once an urgent byte has been passed over: Linux 6.18 counts that for ever. */
static int waiting(void) { int n = -1; ioctl(s[1], FIONREAD, &n); return n; }
static int put(const char *what, int flags) { return send(s[0], what, strlen(what), flags); }
static void look(void)
{
    struct pollfd f = {s[1], POLLIN | POLLPRI | POLLRDHUP};
    int mark = 0;
    poll(&f, 1, 0);
    ioctl(s[1], SIOCATMARK, &mark); /* of a stream: Linux 6.1 answers for datagrams too, Linux 6.18 does not */
    printf("  poll %x, at mark %d, SIGURG %d\n", f.revents, mark, urgent);
    urgent = 0;
}
static void fresh(int kind)
{
    close(s[0]), close(s[1]);
    socketpair(AF_UNIX, kind, 0, s);
    fcntl(s[1], F_SETOWN, getpid());
}

int main(void)
{
    int on = 1, off = 0, length = sizeof on, mark;
    signal(SIGURG, on_urgent), signal(SIGPIPE, on_pipe);
    s[0] = s[1] = -1;
    fresh(SOCK_STREAM);
    look(); get(1, MSG_OOB);
    puts("one byte"); T(put("u", MSG_OOB)); look(); get(10, MSG_OOB); look(); get(10, MSG_OOB); get(10, 0); look();
    puts("a byte among others"); fresh(SOCK_STREAM); T(put("abc", 0)); T(put("deU", MSG_OOB)); T(put("fgh", 0)); T(waiting()); look(); get(100, 0); T(waiting()); look(); get(10, MSG_OOB); look(); get(100, 0); look(); get(1, MSG_OOB);
    puts("passed over"); fresh(SOCK_STREAM); T(put("abU", MSG_OOB)); T(put("cd", 0)); get(100, 0); look(); get(100, 0); look(); get(1, MSG_OOB); get(100, 0);
    puts("in small parts"); fresh(SOCK_STREAM); T(put("abcU", MSG_OOB)); T(put("def", 0)); get(2, 0); look(); get(2, 0); look(); get(2, 0); look(); get(2, 0); look();
    puts("peeked"); fresh(SOCK_STREAM); T(put("abU", MSG_OOB)); get(10, MSG_PEEK | MSG_OOB); look(); get(10, MSG_PEEK); get(10, MSG_OOB); get(10, MSG_PEEK); get(10, 0); look();
    puts("in line"); fresh(SOCK_STREAM); T(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on)); T(getsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &mark, &length)); T(mark); T(put("abU", MSG_OOB)); T(put("cd", 0)); look(); get(10, MSG_OOB); get(100, 0); look(); get(100, 0); look(); T(put("V", MSG_OOB)); look(); get(1, 0); look();
    puts("in line later"); fresh(SOCK_STREAM); T(put("abU", MSG_OOB)); T(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on)); get(9, MSG_OOB); get(9, 0); get(9, 0);
    puts("refused"); fresh(SOCK_STREAM); T(send(s[0], "", 0, MSG_OOB)); fresh(SOCK_DGRAM); T(put("x", MSG_OOB)); get(1, MSG_OOB); look(); fresh(SOCK_SEQPACKET); T(put("x", MSG_OOB)); get(1, MSG_OOB); look(); int lone = socket(AF_UNIX, SOCK_STREAM, 0); T(send(lone, "x", 1, MSG_OOB)); T(recv(lone, text, 1, MSG_OOB)); T(recv(lone, text, 1, 0)); T(ioctl(lone, SIOCATMARK, &mark)); T(mark);
    puts("ends"); fresh(SOCK_STREAM); T(put("abU", MSG_OOB)); T(shutdown(s[0], SHUT_WR)); look(); get(9, 0); get(9, MSG_OOB); get(9, 0); T(put("x", MSG_OOB)); T(piped); fresh(SOCK_STREAM); T(put("xU", MSG_OOB)); close(s[0]); s[0] = -1; look(); get(9, MSG_OOB); get(9, 0); get(9, 0); get(9, MSG_OOB); fresh(SOCK_STREAM); close(s[1]); s[1] = -1; T(put("x", MSG_OOB)); T(piped); T(send(s[0], "x", 1, MSG_OOB | MSG_NOSIGNAL)); T(piped); 
    puts("messages"); fresh(SOCK_STREAM); T(put("abU", MSG_OOB)); struct iovec iv = {text, 10}; struct msghdr m = {0}; m.msg_iov = &iv; m.msg_iovlen = 1; T(recvmsg(s[1], &m, 0)); T(m.msg_flags); memset(text, 0, 9); T(recvmsg(s[1], &m, MSG_OOB)); T(m.msg_flags & MSG_OOB); puts(text); T(recvmsg(s[1], &m, MSG_DONTWAIT));
    puts("much"); fresh(SOCK_STREAM); memset(text, 'm', sizeof text); fcntl(s[0], F_SETFL, O_NONBLOCK); long n = send(s[0], text, 100000, MSG_OOB); T(n); look(); long total = 0; int r; while ((r = recv(s[1], text, 100000, MSG_DONTWAIT)) > 0) total += r; T(total); fresh(SOCK_STREAM); fcntl(s[0], F_SETFL, 0);
    if (!fork()) { close(s[1]); memset(text, 'p', sizeof text); text[sizeof text - 1] = 'U'; T(send(s[0], text, sizeof text, MSG_OOB)); _exit(0); }
    close(s[0]); s[0] = -1; total = 0; while ((r = recv(s[1], text, 50000, 0)) > 0) total += r; T(total); wait(NULL);
    puts("nobody is told"); socketpair(AF_UNIX, SOCK_STREAM, 0, s); T(put("U", MSG_OOB)); look();
    return 0;
}
