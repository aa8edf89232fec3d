/* System V shared memory: keys, identifiers, attachments in relatives and strangers, removal, and every error. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static void result(const char *what, long value)
{
    printf("%s: %s\n", what, value == -1 ? strerror(errno) : "done");
}

static void show(const char *when, int id)
{
    struct shmid_ds d;
    if (shmctl(id, IPC_STAT, &d) == -1) {
        result(when, -1);
        return;
    }
    printf("%s: size %zu mode %o attached %lu creator %d last %d atime %d dtime %d ctime %d\n", when, d.shm_segsz,
           d.shm_perm.mode, (unsigned long)d.shm_nattch, d.shm_cpid == getpid(), d.shm_lpid == getpid(), d.shm_atime != 0,
           d.shm_dtime != 0, d.shm_ctime != 0);
}

static int signal_of(void (*f)(char *), char *p)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        f(p);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void store(char *p) { *(volatile char *)p = 1; }

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    key_t key = 0x70770000 | (getpid() & 0xffff);
    result("find none", shmget(key, 1, 0));
    result("size 0", shmget(key, 0, IPC_CREAT | 0600));
    int id = shmget(key, 10000, IPC_CREAT | IPC_EXCL | 0600);
    result("create", id);
    result("exclusive", shmget(key, 1, IPC_CREAT | IPC_EXCL | 0600));
    printf("found again: %d\n", shmget(key, 10000, 0) == id && shmget(key, 0, IPC_CREAT | 0600) == id);
    result("too small", shmget(key, 10001, 0));
    show("fresh", id);
    char *p = shmat(id, NULL, 0);
    show("attached", id);
    strcpy(p, "written by the parent");
    p[3 * 4096 - 1] = 'e'; /* the last page is whole */
    char *q = shmat(id, NULL, SHM_RDONLY);
    printf("two views: %d %s\n", p != q, q);
    printf("store to the read-only one: signal %d\n", signal_of(store, q));
    result("mprotect of it", mprotect(q, 4096, PROT_READ | PROT_WRITE));
    if (!fork()) {
        show("in the child", id);
        strcpy(p + 4096, "written by the child");
        int again = shmget(key, 0, 0); /* as a stranger would */
        char *r = shmat(again, NULL, 0);
        strcpy(r + 8192, "and by a stranger");
        _exit(0);
    }
    wait(NULL);
    printf("%s, %s, %c\n", q + 4096, q + 8192, q[3 * 4096 - 1]);
    show("after its exit", id);

    char *hole = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    result("over a mapping", (long)shmat(id, hole, 0));
    result("unaligned", (long)shmat(id, hole + 5, 0));
    char *r = shmat(id, hole + 4096 + 5, SHM_RND | SHM_REMAP);
    printf("rounded and replaced: %ld %s\n", (long)(r - hole), r);
    munmap(hole, 8192); /* its first page too */
    show("cut", id);
    result("detach the rest by its beginning", shmdt(r));
    show("gone", id);
    result("detach again", shmdt(r));
    result("detach unaligned", shmdt(p + 1));
    result("detach in the middle", shmdt(p + 4096));
    result("attach nothing", (long)shmat(-1, NULL, 0));

    struct shmid_ds d;
    shmctl(id, IPC_STAT, &d);
    d.shm_perm.mode = 0640;
    result("set", shmctl(id, IPC_SET, &d));
    show("set", id);
    result("bad command", shmctl(id, 77, &d));
    result("bad buffer", shmctl(id, IPC_STAT, (void *)8));
    struct shm_info info;
    result("info", shmctl(0, SHM_INFO, (void *)&info));
    struct shminfo most;
    result("limits", shmctl(0, IPC_INFO, (void *)&most));
    printf("limits %lu %lu %lu %d\n", most.shmmin, most.shmmni, most.shmseg, most.shmmax > 1UL << 40);

    result("remove", shmctl(id, IPC_RMID, NULL));
    show("removed but attached", id);
    result("by its key", shmget(key, 0, 0));
    char *late = shmat(id, NULL, 0);
    printf("attached late: %s\n", late);
    result("detach", shmdt(late));
    result("detach", shmdt(q));
    printf("still there: %s\n", p);
    result("detach", shmdt(p));
    result("nothing left", shmctl(id, IPC_STAT, &d));
    result("remove again", shmctl(id, IPC_RMID, NULL));
    id = shmget(IPC_PRIVATE, 4096, 0600);
    int other = shmget(IPC_PRIVATE, 4096, 0600);
    printf("private ones differ: %d\n", id != other);
    p = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    shmctl(other, IPC_RMID, NULL);
    fflush(stdout);
    if (!fork()) {
        execl("/nonexistent", "x", NULL);
        _exit(p[0]);
    }
    wait(NULL);
    return 0;
}
