/* Pseudo-terminals, their line discipline, sessions and job control. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#define SHOW(call) do { errno = 0; long r_ = (long)(call); int e_ = errno; printf("%s = %ld %d\n", #call, r_, r_ < 0 ? e_ : 0); } while (0)
static int m, s; static char name[64];
static void dump(const char *what, const char *b, int n) { printf("%s %d:", what, n); for (int i = 0; i < n; i++) printf(b[i] >= 32 && b[i] < 127 ? " %c" : " %02x", b[i] & 255); printf("\n"); }
static void from(int fd, const char *what) { char b[256]; errno = 0; int n = read(fd, b, 256); if (n < 0) printf("%s: errno %d\n", what, errno); else dump(what, b, n); }
static void type(const char *text) { printf("type "); dump("", text, strlen(text)); write(m, text, strlen(text)); usleep(50000); /* the host hands it on in its own time */ }
static int waiting(int fd) { int n = -1; ioctl(fd, FIONREAD, &n); return n; }
static volatile int hup; static void got(int sig) { if (sig == SIGHUP) hup = 1; char t[] = "signal 00\n"; t[7] += sig / 10; t[8] += sig % 10; write(1, t, 10); }
static void pair(void) { m = posix_openpt(O_RDWR | O_NOCTTY); grantpt(m); unlockpt(m); strcpy(name, ptsname(m)); s = open(name, O_RDWR | O_NOCTTY); }
int main(void) {
    struct termios t, u; struct winsize w; struct stat st_; int n, st, p[2]; pid_t c, d;
    setvbuf(stdout, 0, _IONBF, 0);
    m = posix_openpt(O_RDWR | O_NOCTTY); printf("master %d\n", m >= 0); SHOW(isatty(m)); SHOW(ioctl(m, TIOCGPTN, &n)); snprintf(name, sizeof name, "/dev/pts/%d", n); SHOW(open(name, O_RDWR | O_NOCTTY)); n = -1; SHOW(ioctl(m, TIOCGPTLCK, &n)); printf("locked %d\n", n); SHOW(unlockpt(m)); SHOW(ioctl(m, TIOCGPTLCK, &n)); printf("locked %d\n", n); printf("same name %d\n", !strcmp(name, ptsname(m)));
    s = open(name, O_RDWR | O_NOCTTY); printf("slave %d\n", s >= 0); SHOW(isatty(s)); fstat(s, &st_); printf("%o\n", st_.st_mode & S_IFMT); SHOW(ioctl(s, TIOCGPTN, &n)); SHOW(lseek(s, 0, 0)); SHOW(tcgetpgrp(s)); SHOW(tcgetsid(s)); SHOW(tcsetpgrp(s, getpgrp()));
    SHOW(tcgetattr(s, &t)); printf("%x %x %x %x\n", t.c_iflag, t.c_oflag, t.c_cflag & ~CBAUD, t.c_lflag); dump("cc", (char *)t.c_cc, 17); SHOW(tcgetattr(m, &u)); printf("%x\n", u.c_lflag);
    SHOW(ioctl(s, TIOCGWINSZ, &w)); printf("%d %d\n", w.ws_row, w.ws_col); w.ws_row = 25; w.ws_col = 80; SHOW(ioctl(m, TIOCSWINSZ, &w)); w.ws_row = 0; SHOW(ioctl(s, TIOCGWINSZ, &w)); printf("%d %d\n", w.ws_row, w.ws_col); SHOW(ioctl(s, 0x5499, &w)); SHOW(ioctl(1, TCGETS, &t) < 0 && isatty(1)); SHOW(ioctl(s, TCGETS, 8)); SHOW(ioctl(99, TCGETS, &t));
    /* the line discipline */
    type("hello\n"); from(m, "echo"); printf("waiting %d\n", waiting(s)); from(s, "line"); printf("waiting %d\n", waiting(s));
    type("ab\177c\r"); from(m, "echo"); from(s, "line"); type("rubbish\025ok\n"); from(m, "echo"); from(s, "line"); type("two words\027x\n"); from(m, "echo"); from(s, "line"); type("one\ntwo\n"); from(s, "first"); from(s, "second"); from(m, "echo"); type("par\004"); from(s, "eof in a line"); from(m, "echo"); type("\004"); from(s, "eof"); type("\001\t\n"); from(m, "echo"); from(s, "line");
    write(s, "out\n", 4); from(m, "output"); printf("waiting at the master %d\n", waiting(m)); { char b[3]; type("abcdef\n"); n = read(s, b, 3); dump("part", b, n); from(s, "rest"); from(m, "echo"); }
    tcgetattr(s, &t); u = t; u.c_lflag &= ~ECHO; SHOW(tcsetattr(s, TCSANOW, &u)); type("secret\n"); from(s, "line"); printf("no echo %d\n", waiting(m)); u.c_lflag |= ECHONL; tcsetattr(s, TCSANOW, &u); type("x\n"); from(m, "only newline"); from(s, "line");
    u = t; u.c_oflag &= ~OPOST; tcsetattr(s, TCSANOW, &u); write(s, "a\nb", 3); from(m, "raw output"); u.c_oflag = OPOST; tcsetattr(s, TCSANOW, &u); write(s, "a\nb", 3); from(m, "no onlcr"); u = t; u.c_iflag = 0; tcsetattr(s, TCSANOW, &u); type("a\rb\n"); from(s, "no icrnl"); from(m, "echo"); u.c_iflag = IGNCR | INLCR; tcsetattr(s, TCSANOW, &u); type("a\rb\004"); from(s, "igncr"); from(m, "echo"); u.c_iflag = ISTRIP; tcsetattr(s, TCSANOW, &u); type("\341\n"); from(s, "istrip"); from(m, "echo");
    u = t; u.c_lflag &= ~(ICANON | ECHO); u.c_cc[VMIN] = 1; u.c_cc[VTIME] = 0; tcsetattr(s, TCSANOW, &u); type("xy"); printf("waiting %d\n", waiting(s)); from(s, "raw"); type("\004\177"); from(s, "raw controls"); u.c_cc[VMIN] = 0; tcsetattr(s, TCSANOW, &u); from(s, "nothing"); type("q"); from(s, "something"); cfmakeraw(&u); tcsetattr(s, TCSANOW, &u); type("\003\r\n"); from(s, "cfmakeraw"); type("lost"); SHOW(tcflush(s, TCIFLUSH)); printf("waiting %d\n", waiting(s)); SHOW(tcflush(s, 9)); type("kept"); tcsetattr(s, TCSAFLUSH, &t); printf("flushed %d\n", waiting(s)); SHOW(tcdrain(s)); SHOW(tcsendbreak(s, 0));
    fcntl(s, F_SETFL, O_NONBLOCK); from(s, "nonblocking"); fcntl(s, F_SETFL, 0); fcntl(m, F_SETFL, O_NONBLOCK); from(m, "nonblocking master"); fcntl(m, F_SETFL, 0);
    close(s); from(m, "slaves gone"); s = open(name, O_RDWR | O_NOCTTY); type("again\n"); from(s, "line"); from(m, "echo"); type("late\n"); close(m); from(s, "master gone"); from(s, "master gone"); SHOW(write(s, "x", 1)); SHOW(open(name, O_RDWR | O_NOCTTY)); close(s);
    /* a session with a controlling terminal */
    pair(); pipe(p);
    if (!(c = fork())) {
        char b; SHOW(open("/dev/tty", O_RDWR)); SHOW(setsid() == getpid()); SHOW(open("/dev/tty", O_RDWR)); SHOW(ioctl(s, TIOCSCTTY, 0)); SHOW(ioctl(s, TIOCSCTTY, 0)); n = open("/dev/tty", O_RDWR); printf("tty %d\n", n >= 0); SHOW(isatty(n)); SHOW(tcgetpgrp(s) == getpid()); SHOW(tcgetsid(n) == getpid()); SHOW(tcgetsid(m) == getpid()); SHOW(tcsetpgrp(s, 1 << 30)); SHOW(tcsetpgrp(s, -1)); SHOW(tcsetpgrp(m, getpid()));
        signal(SIGINT, got); signal(SIGQUIT, got); signal(SIGTSTP, got); signal(SIGWINCH, got); signal(SIGHUP, got); signal(SIGCONT, got);
        type("\003"); from(m, "echo"); type("\034"); from(m, "echo"); type("\032"); from(m, "echo"); w.ws_row = 30; ioctl(s, TIOCSWINSZ, &w); ioctl(s, TIOCSWINSZ, &w);
        /* a background group reads, writes, sets the terminal */
        if (!(d = fork())) { setpgid(0, 0); signal(SIGHUP, SIG_DFL); signal(SIGCONT, SIG_DFL); signal(SIGTSTP, SIG_DFL); signal(SIGWINCH, SIG_DFL); from(s, "background, then foreground"); _exit(3); }
        setpgid(d, d); waitpid(d, &st, WUNTRACED); printf("stopped %d by %d\n", WIFSTOPPED(st), WSTOPSIG(st)); SHOW(tcsetpgrp(s, d)); SHOW(tcgetpgrp(s) == d); type("for it\n"); kill(d, SIGCONT); waitpid(d, &st, 0); printf("ended %d with %d\n", WIFEXITED(st), WEXITSTATUS(st)); from(m, "echo");
        signal(SIGTTOU, SIG_IGN); SHOW(tcsetpgrp(s, getpid())); signal(SIGTTOU, SIG_DFL);
        if (!(d = fork())) { setpgid(0, 0); write(s, "allowed\n", 8); tcgetattr(s, &t); t.c_lflag |= TOSTOP; tcsetattr(s, TCSANOW, &t); printf("set\n"); _exit(4); }
        setpgid(d, d); waitpid(d, &st, WUNTRACED); printf("stopped %d by %d\n", WIFSTOPPED(st), WSTOPSIG(st)); tcsetpgrp(s, d); kill(d, SIGCONT); waitpid(d, &st, 0); printf("ended %d with %d\n", WIFEXITED(st), WEXITSTATUS(st)); from(m, "output"); signal(SIGTTOU, SIG_IGN); tcsetpgrp(s, getpid()); signal(SIGTTOU, SIG_DFL);
        if (!(d = fork())) { setpgid(0, 0); SHOW(write(s, "tostop\n", 7)); _exit(5); }
        setpgid(d, d); waitpid(d, &st, WUNTRACED); printf("stopped %d by %d\n", WIFSTOPPED(st), WSTOPSIG(st)); kill(d, SIGKILL); kill(d, SIGCONT); waitpid(d, &st, 0);
        if (!(d = fork())) { setpgid(0, 0); signal(SIGTTIN, SIG_IGN); from(s, "ignoring SIGTTIN"); signal(SIGTTOU, SIG_IGN); SHOW(write(s, "ignored\n", 8)); _exit(0); }
        setpgid(d, d); waitpid(d, &st, 0); from(m, "output");
        /* a foreground child stops by ^Z */
        if (!(d = fork())) { setpgid(0, 0); signal(SIGTSTP, SIG_DFL); signal(SIGTTOU, SIG_IGN); tcsetpgrp(s, getpid()); signal(SIGCONT, SIG_DFL); write(p[1], "r", 1); from(s, "after ^Z"); _exit(6); }
        read(p[0], &b, 1); type("\032"); waitpid(d, &st, WUNTRACED); printf("stopped %d by %d\n", WIFSTOPPED(st), WSTOPSIG(st)); from(m, "echo"); type("go\n"); kill(d, SIGCONT); waitpid(d, &st, 0); printf("ended %d with %d\n", WIFEXITED(st), WEXITSTATUS(st)); from(m, "echo");
        if (!(d = fork())) { setpgid(0, 0); signal(SIGINT, SIG_DFL); signal(SIGTTOU, SIG_IGN); tcsetpgrp(s, getpid()); write(p[1], "r", 1); for (;;) pause(); }
        read(p[0], &b, 1); type("\003"); waitpid(d, &st, 0); printf("killed %d by %d\n", WIFSIGNALED(st), WTERMSIG(st)); from(m, "echo");
        signal(SIGTTOU, SIG_IGN); tcsetpgrp(s, getpid()); if (!(d = fork())) { signal(SIGHUP, got); signal(SIGCONT, SIG_DFL); hup = 0; write(p[1], "r", 1); while (!hup) usleep(1000); usleep(20000); printf("hung up\n"); _exit(8); } read(p[0], &b, 1); _exit(0);
    }
    close(s); close(p[1]); waitpid(c, &st, 0); { char b; while (read(p[0], &b, 1) > 0); } printf("session ended %d\n", WEXITSTATUS(st));
    /* the first terminal a session's leader opens */
    pair(); close(s); if (!(c = fork())) { setsid(); s = open(name, O_RDWR); SHOW(tcgetpgrp(s) == getpid()); int two = posix_openpt(O_RDWR); SHOW(ioctl(two, TIOCSCTTY, 0)); signal(SIGHUP, SIG_IGN); SHOW(ioctl(s, TIOCNOTTY)); SHOW(tcgetpgrp(s)); SHOW(open("/dev/tty", O_RDWR)); SHOW(ioctl(s, TIOCNOTTY)); SHOW(ioctl(s, TIOCSCTTY, 0)); n = -1; n = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY); printf("peer %d\n", n >= 0); SHOW(write(n, "peer\n", 5)); from(m, "output"); _exit(0); } waitpid(c, &st, 0);
    return 0;
}
