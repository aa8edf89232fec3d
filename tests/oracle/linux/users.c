/* Who a process is, and what an ordinary user may not do. It gives up root first, and makes no call that could harm the host. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>
#define SHOW(call) do { errno = 0; long r_ = (long)(call); int e_ = errno; printf("%s = %ld %d\n", #call, r_, r_ < 0 ? e_ : 0); } while (0)
static void drop(void) { if (!geteuid()) { setgroups(0, 0); if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) exit(77); } if (!geteuid() || geteuid() != getuid()) exit(77); }
static volatile int got; static void on_term(int s) { got = s; }
int main(void) {
    uid_t r, e, s; gid_t g[64]; unsigned me = getuid(), mg = getgid(); struct { unsigned version; int pid; } h; unsigned data[6]; char name[20]; int x;
    setvbuf(stdout, 0, _IONBF, 0); drop(); prctl(PR_SET_DUMPABLE, 1); me = getuid(); mg = getgid();
    SHOW(getresuid(&r, &e, &s)); printf("%d\n", r == me && e == me && s == me); SHOW(getresgid(&r, &e, &s)); printf("%d\n", r == mg && e == mg && s == mg); SHOW(syscall(SYS_getresuid, 8, &e, &s));
    SHOW(syscall(SYS_setuid, me)); SHOW(syscall(SYS_setuid, 0)); SHOW(syscall(SYS_setuid, -1)); SHOW(syscall(SYS_setgid, mg)); SHOW(syscall(SYS_setgid, 0)); SHOW(syscall(SYS_setreuid, -1, -1)); SHOW(syscall(SYS_setreuid, me, me)); SHOW(syscall(SYS_setreuid, 0, -1)); SHOW(syscall(SYS_setreuid, -1, 0)); SHOW(syscall(SYS_setregid, mg, -1)); SHOW(syscall(SYS_setregid, 0, -1)); SHOW(syscall(SYS_setresuid, -1, -1, -1)); SHOW(syscall(SYS_setresuid, me, me, me)); SHOW(syscall(SYS_setresuid, -1, -1, 0)); SHOW(syscall(SYS_setresgid, mg, mg, mg)); SHOW(syscall(SYS_setresgid, 0, 0, 0)); SHOW(syscall(SYS_setfsuid, 0) == me); SHOW(syscall(SYS_setfsgid, -1) == mg);
    SHOW(getgroups(-1, g)); SHOW(getgroups(64, g) >= 0); SHOW(setgroups(0, 0)); SHOW(setgroups(1, g));
    h.version = 0x20080522; h.pid = 0; SHOW(syscall(SYS_capget, &h, data)); printf("%x %x %x %x\n", data[0], data[1], data[3], data[4]); h.version = 1; SHOW(syscall(SYS_capget, &h, 0)); printf("%x\n", h.version); h.version = 1; SHOW(syscall(SYS_capget, &h, data)); h.pid = -1; SHOW(syscall(SYS_capget, &h, data)); h.pid = 1 << 30; SHOW(syscall(SYS_capget, &h, data)); SHOW(syscall(SYS_capget, 8, data)); h.pid = 0; memset(data, 0, sizeof data); SHOW(syscall(SYS_capset, &h, data)); data[0] = data[1] = 1; SHOW(syscall(SYS_capset, &h, data));
    SHOW(personality(0xffffffff)); SHOW(personality(ADDR_NO_RANDOMIZE)); SHOW(personality(0xffffffff)); if (!fork()) { SHOW(personality(0)); exit(0); } wait(0);
    SHOW(getpriority(PRIO_PROCESS, 0)); SHOW(setpriority(PRIO_PROCESS, 0, 5)); SHOW(getpriority(PRIO_PROCESS, 0)); SHOW(setpriority(PRIO_PROCESS, 0, 3)); SHOW(setpriority(PRIO_PROCESS, 0, 100)); SHOW(getpriority(PRIO_PROCESS, getpid())); SHOW(syscall(SYS_getpriority, PRIO_PROCESS, 0)); SHOW(getpriority(9, 0)); SHOW(getpriority(PRIO_PROCESS, 1 << 30)); SHOW(setpriority(PRIO_PGRP, 1 << 30, 1)); if (!fork()) { SHOW(getpriority(PRIO_PROCESS, 0)); exit(0); } wait(0);
    SHOW(prctl(PR_SET_NAME, "a name that is too long")); SHOW(prctl(PR_GET_NAME, name)); printf("%s\n", name); SHOW(prctl(PR_SET_NAME, 8)); SHOW(prctl(PR_GET_DUMPABLE)); SHOW(prctl(PR_SET_DUMPABLE, 0)); SHOW(prctl(PR_GET_DUMPABLE)); SHOW(prctl(PR_SET_DUMPABLE, 2)); SHOW(prctl(PR_SET_DUMPABLE, 1)); SHOW(prctl(PR_GET_KEEPCAPS)); SHOW(prctl(PR_SET_KEEPCAPS, 1)); SHOW(prctl(PR_GET_KEEPCAPS)); SHOW(prctl(PR_SET_KEEPCAPS, 2)); SHOW(prctl(PR_GET_SECCOMP)); SHOW(prctl(PR_CAPBSET_READ, 1000)); SHOW(prctl(PR_CAPBSET_DROP, 1)); SHOW(prctl(PR_GET_TIMERSLACK)); SHOW(prctl(PR_SET_TIMERSLACK, 1000)); SHOW(prctl(PR_GET_TIMERSLACK)); SHOW(prctl(PR_SET_TIMERSLACK, 0)); SHOW(prctl(PR_GET_TIMERSLACK)); SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0)); SHOW(prctl(PR_SET_PDEATHSIG, 65)); SHOW(prctl(PR_SET_PDEATHSIG, SIGTERM)); SHOW(prctl(PR_GET_PDEATHSIG, &x)); printf("%d\n", x); SHOW(prctl(PR_SET_PDEATHSIG, 0)); SHOW(prctl(999999, 0)); if (!fork()) { SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); prctl(PR_GET_PDEATHSIG, &x); printf("%d\n", x); exit(0); } wait(0);
    { int p[2]; pipe(p); if (!fork()) { int ready[2]; pipe(ready); if (!fork()) { char b; signal(SIGTERM, on_term); prctl(PR_SET_PDEATHSIG, SIGTERM); write(ready[1], "r", 1); while (!got) usleep(1000); printf("the parent has ended: signal %d\n", got); exit(0); } char b; read(ready[0], &b, 1); exit(0); } close(p[1]); wait(0); char b; read(p[0], &b, 1); }
    SHOW(chroot("/"));
    { struct sysinfo i; SHOW(sysinfo(&i)); printf("%d %d %d\n", i.mem_unit > 0, i.totalram >= i.freeram, i.procs > 0); SHOW(syscall(SYS_sysinfo, 8)); unsigned c, n; SHOW(syscall(SYS_getcpu, &c, &n, 0)); SHOW(syscall(SYS_getcpu, 0, 0, 0)); SHOW(syscall(SYS_getcpu, 8, 0, 0)); struct rusage u; SHOW(getrusage(RUSAGE_SELF, &u)); SHOW(getrusage(RUSAGE_CHILDREN, &u)); SHOW(getrusage(RUSAGE_THREAD, &u)); SHOW(getrusage(5, &u)); SHOW(syscall(SYS_getrusage, 0, 8)); SHOW(umask(0777) == 022 || 1); SHOW(umask(-1)); SHOW(umask(022)); }
    return 0;
}
