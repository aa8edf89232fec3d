/* Robust mutexes: what the end of a thread or process leaves in the words it holds, and whom that wakes. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct node { struct node *next; unsigned word, other; };
struct head { struct node *list; long offset; struct node *pending; };
static struct { pthread_mutex_t mutex[3]; struct head head; struct node node[4]; unsigned waits[4]; } *s;
static void *bad;

static unsigned me(void) { return syscall(SYS_gettid); }
static void set(void) { syscall(SYS_set_robust_list, &s->head, sizeof s->head); }
static void init(void)
{
    memset(s->node, 0, sizeof s->node);
    s->head.list = (struct node *)&s->head;
    s->head.offset = offsetof(struct node, word);
    s->head.pending = NULL;
}
static void link_all(int n, unsigned bits)
{
    for (int i = 0; i < n; i++)
        s->node[i].word = me() | bits, s->node[i].next = i + 1 < n ? &s->node[i + 1] : (struct node *)&s->head;
    s->head.list = n ? &s->node[0] : (struct node *)&s->head;
}

static void plain(void) { link_all(3, 0), set(); }
static void with_waiters(void) { link_all(3, FUTEX_WAITERS), set(); }
static void not_owner(void) { link_all(2, 0), s->node[0].word = 5, set(); }
static void circle(void) { link_all(2, 0), s->node[1].next = &s->node[0], set(); }
static void broken(void) { link_all(3, 0), s->node[1].next = bad, set(); }
static void pending(void) { link_all(0, 0), s->head.pending = &s->node[0], s->node[0].word = me(), set(); }
static void pending_too(void) { link_all(2, 0), s->head.pending = &s->node[0], set(); }
static void pending_free(void) { link_all(0, 0), s->head.pending = &s->node[0], set(); }
static void pending_free_held(void) { link_all(0, 0), s->head.pending = &s->node[0], s->node[0].word = 77, set(); }
static void inheriting(void) { link_all(2, FUTEX_WAITERS), s->head.list = (void *)((uintptr_t)s->head.list | 1), set(); }
static void killed(void) { link_all(2, FUTEX_WAITERS), set(), raise(SIGKILL); }
static void executes(void) { link_all(2, FUTEX_WAITERS), set(), execl("/proc/self/exe", "x", "x", NULL); }
static void odd_offset(void) { link_all(2, 0), s->head.offset += 2, set(); }
static void no_head(void) { link_all(2, 0), syscall(SYS_set_robust_list, bad, sizeof s->head); }

static void try(const char *what, void (*prepare)(void), int waiters)
{
    init();
    pid_t waiter[2];
    for (int i = 0; i < waiters; i++)
        if (!(waiter[i] = fork())) {
            struct timespec limit = {1, 0};
            long r = syscall(SYS_futex, &s->node[i].word, FUTEX_WAIT, s->node[i].word, &limit, NULL, 0);
            _exit(r ? errno : 0);
        }
    if (waiters)
        usleep(100000);
    pid_t child = fork();
    if (!child) {
        prepare();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("%s:", what);
    for (int i = 0; i < 3; i++)
        printf(" %x", s->node[i].word == child ? 1 : (s->node[i].word & FUTEX_TID_MASK) == child ? s->node[i].word - child + 1 : s->node[i].word);
    for (int i = 0; i < waiters; i++) {
        int status;
        if (WEXITSTATUS(status = 0) == 0 && waitpid(waiter[i], &status, 0))
            printf(" %s", WEXITSTATUS(status) == 0 ? "woken" : WEXITSTATUS(status) == EAGAIN ? "other value" : "timed out");
    }
    puts("");
}

static void *takes(void *mutex) { pthread_mutex_lock(mutex); return NULL; }
static void *waits(void *mutex)
{
    int r = pthread_mutex_lock(mutex);
    if (r == EOWNERDEAD)
        pthread_mutex_consistent(mutex);
    pthread_mutex_unlock(mutex);
    return (void *)(long)r;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    s = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    try("held", plain, 0);
    try("held, with waiters", with_waiters, 0);
    try("of another", not_owner, 0);
    try("a circle", circle, 0);
    try("a bad pointer", broken, 0);
    try("pending", pending, 0);
    try("pending and in the list", pending_too, 0);
    try("pending, free", pending_free, 1);
    try("pending, of another", pending_free_held, 0);
    try("with priority inheritance", inheriting, 0);
    try("killed", killed, 0);
    try("execve", executes, 0);
    try("an odd offset", odd_offset, 0);
    try("a bad head", no_head, 0);

    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    for (int i = 0; i < 3; i++)
        pthread_mutex_init(&s->mutex[i], &attr);
    pid_t child = fork();
    if (!child) {
        pthread_mutex_lock(&s->mutex[0]), pthread_mutex_lock(&s->mutex[1]);
        usleep(100000);
        raise(SIGKILL);
    }
    usleep(40000);
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, waits, &s->mutex[0]), pthread_join(t, &result);
    printf("waited for a process that was killed: %s\n", strerrorname_np((long)result));
    printf("its other one: %s\n", strerrorname_np(pthread_mutex_lock(&s->mutex[1])));
    pthread_mutex_unlock(&s->mutex[1]);
    printf("not made consistent: %s\n", strerrorname_np(pthread_mutex_lock(&s->mutex[1])));
    pthread_create(&t, NULL, takes, &s->mutex[2]), pthread_join(t, NULL);
    printf("of a thread that has ended: %s\n", strerrorname_np(pthread_mutex_trylock(&s->mutex[2])));
    pthread_mutex_consistent(&s->mutex[2]), pthread_mutex_unlock(&s->mutex[2]);
    printf("and again: %d\n", pthread_mutex_trylock(&s->mutex[2]));
    waitpid(child, NULL, 0);
    return 0;
}
