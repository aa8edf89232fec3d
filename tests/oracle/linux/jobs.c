/* Stopping, continuing and waiting for it: wait4, waitid, process groups, orphaned groups, the alternate stack. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOW(call)                                                       \
    do {                                                                 \
        errno = 0;                                                       \
        long r_ = (long)(call);                                          \
        int e_ = errno;                                                  \
        printf("%s = %ld %d\n", #call, r_ > 0 ? 1L : r_, r_ < 0 ? e_ : 0); \
    } while (0)

static siginfo_t info;
static int chld, chld_code[32];
static void on_chld(int s, siginfo_t *i, void *u) { if (chld < 32) chld_code[chld++] = i->si_code * 100 + i->si_status; }
static void on_tstp(int s) { write(1, "tstp handler\n", 13); }
static void on_hup(int s) { write(1, "hup handler\n", 12); _exit(9); }
static void waited(int r, int status) {
    printf("waited %d: exited %d/%d signaled %d/%d stopped %d/%d continued %d raw %x\n", r > 0, WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        WIFSIGNALED(status), WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFSTOPPED(status), WIFSTOPPED(status) ? WSTOPSIG(status) : 0, WIFCONTINUED(status), status & ~0x80);
}
#define WAITED(call) do { st = 0; int r_ = call; waited(r_, st); } while (0)
static void told(const char *what, int r, int child) {
    printf("%s = %d %d: signo %d code %d pid %d status %d uid %d\n", what, r, r < 0 ? errno : 0, info.si_signo, info.si_code, info.si_pid == child, info.si_status, info.si_pid == child && info.si_uid == getuid());
}
#define TOLD(kind, id, options) do { memset(&info, 0, sizeof info); info.si_signo = 77; info.si_code = 78; errno = 0; int r_ = waitid(kind, id, &info, options); told(#kind " " #options, r_, c); } while (0)

int main(void) {
    int st, c, p[2];
    struct sigaction a = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    setvbuf(stdout, 0, _IONBF, 0);
    setpgid(0, 0);

    /* a child that stops, goes on, is killed */
    sigaction(SIGCHLD, &a, 0);
    if (!(c = fork())) { for (;;) pause(); }
    setpgid(c, c);
    TOLD(P_PID, c, WSTOPPED | WNOHANG);
    kill(c, SIGSTOP);
    WAITED(waitpid(c, &st, WUNTRACED));
    st = 0; SHOW(waitpid(c, &st, WUNTRACED | WNOHANG));
    kill(c, SIGCONT);
    WAITED(waitpid(c, &st, WCONTINUED));
    SHOW(waitpid(c, &st, WCONTINUED | WNOHANG));
    kill(c, SIGTSTP);
    TOLD(P_PID, c, WSTOPPED | WNOWAIT);
    TOLD(P_PID, c, WSTOPPED);
    TOLD(P_PID, c, WSTOPPED | WNOHANG);
    kill(c, SIGCONT);
    TOLD(P_PID, c, WCONTINUED | WNOWAIT);
    TOLD(P_PID, c, WSTOPPED | WNOHANG);
    TOLD(P_ALL, 0, WCONTINUED);
    kill(c, SIGSTOP);
    waitpid(c, &st, WUNTRACED);
    kill(c, SIGKILL);
    TOLD(P_PGID, c, WEXITED | WNOWAIT);
    TOLD(P_PID, c, WSTOPPED | WCONTINUED | WNOHANG);
    WAITED(waitpid(c, &st, 0));
    TOLD(P_PID, c, WEXITED);
    printf("SIGCHLD first %d last %d\n", chld_code[0], chld_code[chld - 1]);

    /* SA_NOCLDSTOP */
    chld = 0; a.sa_flags |= SA_NOCLDSTOP; sigaction(SIGCHLD, &a, 0);
    if (!(c = fork())) { raise(SIGSTOP); _exit(3); }
    WAITED(waitpid(c, &st, WUNTRACED));
    kill(c, SIGCONT);
    WAITED(waitpid(c, &st, 0));
    printf("SIGCHLD %d: %d\n", chld, chld_code[0]);
    signal(SIGCHLD, SIG_DFL);

    /* errors */
    SHOW(waitpid(-1, &st, 0));
    SHOW(waitpid(-1, &st, 0x40));
    SHOW(waitpid(getpid(), &st, WNOHANG));
    SHOW(waitpid(1 << 30, &st, 0));
    SHOW(syscall(SYS_wait4, 0x80000000, &st, WNOHANG, 0));
    SHOW(waitid(P_ALL, 0, &info, 0));
    SHOW(waitid(P_ALL, 0, &info, WNOHANG));
    SHOW(waitid(P_ALL, 0, &info, WEXITED | 0x40));
    SHOW(waitid(P_PID, 0, &info, WEXITED));
    SHOW(waitid(P_PID, -5, &info, WEXITED));
    SHOW(waitid(P_PGID, -5, &info, WEXITED));
    SHOW(waitid(9, 0, &info, WEXITED));
    c = -1; TOLD(P_ALL, 0, WEXITED);
    if (!(c = fork())) _exit(7);
    SHOW(waitid(P_PID, c, 0, WEXITED | WNOWAIT));
    SHOW(waitid(P_PID, c, (void *)8, WEXITED | WNOWAIT));
    SHOW(waitpid(c, (void *)8, 0));
    SHOW(waitpid(c, &st, 0));

    /* a stop signal takes a pending SIGCONT away, and the other way round */
    sigset_t s, q; sigfillset(&s); sigprocmask(SIG_BLOCK, &s, 0);
    kill(getpid(), SIGTSTP); sigpending(&q); printf("pending tstp %d cont %d\n", sigismember(&q, SIGTSTP), sigismember(&q, SIGCONT));
    kill(getpid(), SIGCONT); sigpending(&q); printf("pending tstp %d cont %d\n", sigismember(&q, SIGTSTP), sigismember(&q, SIGCONT));
    kill(getpid(), SIGTTIN); sigpending(&q); printf("pending ttin %d cont %d\n", sigismember(&q, SIGTTIN), sigismember(&q, SIGCONT));
    kill(getpid(), SIGCONT);
    signal(SIGCONT, SIG_IGN); signal(SIGCONT, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &s, 0);

    /* handlers and ignored stop signals */
    signal(SIGTSTP, on_tstp); raise(SIGTSTP); signal(SIGTSTP, SIG_IGN); raise(SIGTSTP); signal(SIGTSTP, SIG_DFL);
    printf("still here\n");

    /* a read goes on after a stop; EINTR only by a handler without SA_RESTART */
    pipe(p);
    if (!(c = fork())) { char b; int r = read(p[0], &b, 1); printf("child read %d %c\n", r, b); _exit(0); }
    kill(c, SIGSTOP); waitpid(c, &st, WUNTRACED); kill(c, SIGCONT); waitpid(c, &st, WCONTINUED);
    write(p[1], "x", 1);
    WAITED(waitpid(c, &st, 0));

    /* an orphaned group: stop signals of a terminal do nothing, SIGSTOP stops; stopped members get SIGHUP and SIGCONT */
    int q2[2]; pipe(q2);
    if (!(c = fork())) {
        int g;
        if (!(g = fork())) {
            setpgid(0, 0); signal(SIGHUP, on_hup); close(q2[0]);
            raise(SIGSTOP);
            printf("continued without hup?\n"); _exit(1);
        }
        waitpid(g, &st, WUNTRACED);
        _exit(0);
    }
    close(q2[1]);
    waitpid(c, &st, 0);
    char b; printf("pipe end %d\n", (int)read(q2[0], &b, 1));
    if (!(c = fork())) {
        setsid(); raise(SIGTSTP); raise(SIGTTIN); raise(SIGTTOU); printf("not stopped in an orphaned group\n"); _exit(4);
    }
    WAITED(waitpid(c, &st, WUNTRACED));

    /* groups and sessions */
    SHOW(setpgid(0, -1)); SHOW(setpgid(1 << 30, 0)); SHOW(setpgid(0, 1 << 30)); SHOW(getpgid(1 << 30)); SHOW(getsid(1 << 30));
    SHOW(setpgid(-1, 0)); SHOW(getpgid(-1)); SHOW(getsid(-1));
    if (!(c = fork())) { printf("setsid %d\n", setsid() == getpid()); SHOW(setsid()); SHOW(setpgid(0, getppid())); SHOW(setpgid(0, 0)); pipe(p); 
        int g = fork(); if (!g) { SHOW(setsid()); _exit(0); } waitpid(g, &st, 0);
        if (!(g = fork())) { char x; read(p[0], &x, 1); _exit(0); }
        SHOW(setpgid(g, g)); printf("%d %d\n", getpgid(g) == g, getsid(g) == getpid());
        int h = fork(); if (!h) { SHOW(setpgid(0, g)); printf("joined %d\n", getpgrp() == g); _exit(0); } waitpid(h, &st, 0);
        if (!(h = fork())) { setsid(); pause(); }
        int n = 0; while (getsid(h) != h && n++ < 100000) usleep(100);
        SHOW(setpgid(h, 0)); SHOW(setpgid(g, h)); kill(h, 9); waitpid(h, &st, 0); write(p[1], "y", 1);
        waitpid(g, &st, 0);
        _exit(0); }
    WAITED(waitpid(c, &st, 0));
    SHOW(kill(1 << 30, 0)); SHOW(kill(-(1 << 30), SIGTERM)); SHOW(kill(getpid(), 65)); SHOW(kill(getpid(), -1)); SHOW(kill(0, 0));
    if (!(c = fork())) { setpgid(0, 0); raise(SIGSTOP); _exit(5); }
    setpgid(c, c);
    WAITED(waitpid(-c, &st, WUNTRACED)); SHOW(kill(-c, SIGCONT));
    TOLD(P_PGID, c, WEXITED);
    if (!(c = fork())) { execl("/nonexistent", "x", (char *)0); _exit(6); }
    setpgid(c, c);
    WAITED(waitpid(c, &st, 0));
    return 0;
}
