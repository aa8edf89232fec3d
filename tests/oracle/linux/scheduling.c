/* sched_*, getpriority and setpriority of a process without privileges, membarrier, robust lists' calls. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attr { unsigned size, policy; unsigned long long flags; int nice; unsigned priority; unsigned long long runtime, deadline, period; unsigned least, most; long tail; };
static void show(const char *what, long r) { r = r < 0 ? -errno : r; printf("%s: %ld%s%s\n", what, r, r < 0 ? " " : "", r < 0 ? strerrorname_np(-r) : ""); }
static long set(long pid, long policy, int priority) { struct sched_param p = {priority}; return syscall(SYS_sched_setscheduler, pid, policy, &p); }
static long get(long pid) { return syscall(SYS_sched_getscheduler, pid); }

int main(void)
{
    if (!getuid() && setuid(1000))
        return 77;
    static const int policies[] = {0, 1, 2, 3, 4, 6, -1, 0x40000000};
    for (unsigned i = 0; i < sizeof policies / sizeof *policies; i++) {
        printf("policy %d\n", policies[i]);
        show(" least", syscall(SYS_sched_get_priority_min, policies[i]));
        show(" most", syscall(SYS_sched_get_priority_max, policies[i]));
        if (policies[i] != 0x40000000) {
            show(" set with 0", set(0, policies[i], 0));
            show(" set with 1", set(0, policies[i], 1));
            show(" set with 100", set(0, policies[i], 100));
            show(" get", get(0));
        }
    }
    show("no param", syscall(SYS_sched_setscheduler, 0, 0, NULL));
    show("bad param", syscall(SYS_sched_setscheduler, 0, 0, 8));
    show("pid -1", set(-1, 0, 0));
    show("nobody", set(0x3ffffff, 0, 0));
    show("get -1", get(-1));
    show("get nobody", get(0x3ffffff));
    show("back", set(0, 0, 0));
    fflush(stdout);
    if (!fork()) {
        show("idle", set(0, SCHED_IDLE, 0));
        show("idle with 1", set(0, SCHED_IDLE, 1));
        show("idle again", set(0, SCHED_IDLE, 0));
        show("no more", set(0, SCHED_OTHER, 0));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    struct sched_param p = {0};
    show("setparam 0", syscall(SYS_sched_setparam, 0, &p));
    p.sched_priority = 1;
    show("setparam 1", syscall(SYS_sched_setparam, 0, &p));
    show("setparam none", syscall(SYS_sched_setparam, 0, NULL));
    show("setparam nobody", syscall(SYS_sched_setparam, 0x3ffffff, &p));
    show("getparam", syscall(SYS_sched_getparam, 0, &p));
    printf("%d\n", p.sched_priority);
    show("getparam none", syscall(SYS_sched_getparam, 0, NULL));
    show("getparam -1", syscall(SYS_sched_getparam, -1, &p));
    show("getparam bad", syscall(SYS_sched_getparam, 0, 8));
    show("interval -1", syscall(SYS_sched_rr_get_interval, -1, &p));
    show("interval nobody", syscall(SYS_sched_rr_get_interval, 0x3ffffff, &p));
    show("interval bad", syscall(SYS_sched_rr_get_interval, 0, 8));

    unsigned long mask = 0, wide[16] = {};
    show("getaffinity 7 bytes", syscall(SYS_sched_getaffinity, 0, 7L, &mask));
    show("getaffinity 12 bytes", syscall(SYS_sched_getaffinity, 0, 12L, &mask));
    show("getaffinity nobody", syscall(SYS_sched_getaffinity, 0x3ffffff, sizeof wide, wide));
    show("getaffinity bad", syscall(SYS_sched_getaffinity, 0, sizeof wide, 8));
    show("getaffinity", syscall(SYS_sched_getaffinity, 0, sizeof wide, wide) > 0);
    printf("first processor %d\n", (int)(wide[0] & 1));
    mask = 0;
    show("setaffinity to none", syscall(SYS_sched_setaffinity, 0, 8L, &mask));
    mask = 1UL << 63;
    show("setaffinity to the 64th", syscall(SYS_sched_setaffinity, 0, 8L, &mask));
    mask = 1 | 1UL << 63;
    show("setaffinity to the first", syscall(SYS_sched_setaffinity, 0, 8L, &mask));
    show("getaffinity", syscall(SYS_sched_getaffinity, 0, sizeof wide, wide) > 0);
    printf("%lx\n", wide[0]);
    mask = 0x101;
    show("setaffinity with 1 byte", syscall(SYS_sched_setaffinity, 0, 1L, &mask));
    show("setaffinity nobody", syscall(SYS_sched_setaffinity, 0x3ffffff, 8L, &mask));
    show("setaffinity bad", syscall(SYS_sched_setaffinity, 0, 8L, 8));
    unsigned cpu = 9, node = 9;
    show("getcpu", syscall(SYS_getcpu, &cpu, &node, NULL));
    printf("%u %u\n", cpu, node);

    struct attr a = {sizeof a};
    memset(&a, 0, sizeof a);
    show("getattr", syscall(SYS_sched_getattr, 0, &a, 56, 0));
    printf("%u %u %llx %d %u\n", a.size, a.policy, a.flags, a.nice, a.priority);
    show("getattr: 47", syscall(SYS_sched_getattr, 0, &a, 47, 0));
    show("getattr: 4097", syscall(SYS_sched_getattr, 0, &a, 4097, 0));
    show("getattr: flags", syscall(SYS_sched_getattr, 0, &a, 56, 1));
    show("getattr: none", syscall(SYS_sched_getattr, 0, NULL, 56, 0));
    show("getattr: -1", syscall(SYS_sched_getattr, -1, &a, 56, 0));
    show("getattr: nobody", syscall(SYS_sched_getattr, 0x3ffffff, &a, 56, 0));
    memset(&a, 0, sizeof a);
    a.size = 48, a.nice = 3;
    show("setattr: nice 3", syscall(SYS_sched_setattr, 0, &a, 0));
    show("setattr: flags", syscall(SYS_sched_setattr, 0, &a, 1));
    show("setattr: none", syscall(SYS_sched_setattr, 0, NULL, 0));
    show("setattr: nobody", syscall(SYS_sched_setattr, 0x3ffffff, &a, 0));
    a.nice = 2;
    show("setattr: nice 2", syscall(SYS_sched_setattr, 0, &a, 0));
    a.nice = 3, a.policy = SCHED_BATCH;
    show("setattr: batch", syscall(SYS_sched_setattr, 0, &a, 0));
    a.policy = SCHED_FIFO, a.priority = 5;
    show("setattr: fifo", syscall(SYS_sched_setattr, 0, &a, 0));
    a.policy = 99;
    show("setattr: policy 99", syscall(SYS_sched_setattr, 0, &a, 0));
    a.size = 47, a.policy = 0, a.priority = 0;
    show("setattr: size 47", syscall(SYS_sched_setattr, 0, &a, 0));
    a.size = sizeof a, a.tail = 1;
    show("setattr: a tail", syscall(SYS_sched_setattr, 0, &a, 0));
    show("get", get(0));

    show("getpriority", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    show("setpriority 5", syscall(SYS_setpriority, PRIO_PROCESS, 0, 5));
    show("getpriority", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    show("setpriority 4", syscall(SYS_setpriority, PRIO_PROCESS, 0, 4));
    show("setpriority -30", syscall(SYS_setpriority, PRIO_PROCESS, 0, -30));
    show("setpriority: kind 3", syscall(SYS_setpriority, 3, 0, 5));
    show("getpriority: kind 3", syscall(SYS_getpriority, 3, 0));
    show("getpriority: nobody", syscall(SYS_getpriority, PRIO_PROCESS, 0x3ffffff));
    show("setpriority: nobody", syscall(SYS_setpriority, PRIO_PROCESS, 0x3ffffff, 9));
    show("getpriority: no group", syscall(SYS_getpriority, PRIO_PGRP, 0x3ffffff));
    pid_t child = fork();
    if (!child)
        _exit(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    int status;
    waitpid(child, &status, 0);
    printf("a child's: %d\n", WEXITSTATUS(status));
    show("reset on fork", set(0, SCHED_BATCH | 0x40000000, 0));
    show("get", get(0));
    show("setpriority 60", syscall(SYS_setpriority, PRIO_PROCESS, 0, 60));
    child = fork();
    if (!child)
        _exit(get(0) * 32 + syscall(SYS_getpriority, PRIO_PROCESS, 0));
    waitpid(child, &status, 0);
    printf("a child's: %d\n", WEXITSTATUS(status));
    show("reset no more", set(0, SCHED_BATCH, 0));

    show("membarrier query", (syscall(SYS_membarrier, 0, 0, 0) & 0x1f) == 0x1f);
    show("membarrier 3", syscall(SYS_membarrier, 3, 0, 0));
    show("membarrier flags", syscall(SYS_membarrier, 1, 2, 0));
    show("membarrier unregistered", syscall(SYS_membarrier, 8, 0, 0));
    show("membarrier register", syscall(SYS_membarrier, 16, 0, 0));
    show("membarrier registered", syscall(SYS_membarrier, 8, 0, 0));
    show("membarrier global expedited", syscall(SYS_membarrier, 2, 0, 0));

    long head[3] = {(long)head, 0, 0};
    void *found;
    size_t size;
    show("robust list of 23", syscall(SYS_set_robust_list, head, 23L));
    show("robust list", syscall(SYS_set_robust_list, head, 24L));
    show("get", syscall(SYS_get_robust_list, 0, &found, &size));
    printf("%d %zu\n", found == (void *)head, size);
    show("get nobody", syscall(SYS_get_robust_list, 0x3ffffff, &found, &size));
    show("get to nowhere", syscall(SYS_get_robust_list, 0, 8, &size));
    show("get the size to nowhere", syscall(SYS_get_robust_list, 0, &found, 8));
    return 0;
}
