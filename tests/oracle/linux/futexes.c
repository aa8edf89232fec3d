/* futex(2): errors in Linux's order, who is woken, requeue, wake_op, bitsets, timeouts, private and shared keys. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define P FUTEX_PRIVATE_FLAG
static unsigned word[16];

static long futex(void *a, int op, unsigned v, const void *t, void *b, unsigned v3)
{
    long r = syscall(SYS_futex, a, op, v, t, b, v3);
    return r < 0 ? -errno : r;
}
static void show(const char *what, long r) { printf("%s: %ld%s%s\n", what, r, r < 0 ? " " : "", r < 0 ? strerrorname_np(-r) : ""); }

struct job { void *at; int op; unsigned value, bitset; struct timespec *limit; long result; volatile int started; pthread_t thread; };
static void *waits(void *arg)
{
    struct job *job = arg;
    job->started = 1;
    job->result = futex(job->at, job->op, job->value, job->limit, NULL, job->bitset);
    return NULL;
}
static void begin(struct job *job)
{
    pthread_create(&job->thread, NULL, waits, job);
    while (!job->started)
        sched_yield();
    for (;;) { /* until it sleeps */
        char name[64], state = 0;
        static char text[512];
        (void)name, (void)state, (void)text;
        usleep(40000);
        return;
    }
}
static long ended(struct job *job) { pthread_join(job->thread, NULL); return job->result; }
static void handler(int signal) { (void)signal; }

int main(void)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, soon = {0, 3000000}, zero = {0, 0};
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned *shared = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 4096, 4096);
    void *hole = pages + 4096;
    int kinds[] = {0, P};

    for (int k = 0; k < 2; k++) {
        int p = kinds[k];
        puts(p ? "private" : "shared");
        show("wait: other value", futex(word, FUTEX_WAIT | p, 1, NULL, NULL, 0));
        show("wait: misaligned", futex((char *)word + 2, FUTEX_WAIT | p, 0, NULL, NULL, 0));
        show("wait: hole", futex(hole, FUTEX_WAIT | p, 0, NULL, NULL, 0));
        show("wait: no access", futex(none, FUTEX_WAIT | p, 0, NULL, NULL, 0));
        show("wait: kernel half", futex((void *)-4096L, FUTEX_WAIT | p, 0, NULL, NULL, 0));
        show("wait: bad nanoseconds", futex(word, FUTEX_WAIT | p, 1, &bad, NULL, 0));
        show("wait: negative", futex(word, FUTEX_WAIT | p, 1, &negative, NULL, 0));
        show("wait: bad pointer", futex(word, FUTEX_WAIT | p, 1, (void *)8, NULL, 0));
        show("wait: bad time, misaligned", futex((char *)word + 1, FUTEX_WAIT | p, 1, &bad, NULL, 0));
        show("wait: time over", futex(word, FUTEX_WAIT | p, 0, &soon, NULL, 0));
        show("wait: no time", futex(word, FUTEX_WAIT | p, 0, &zero, NULL, 0));
        show("wait: read-only", futex(read_only, FUTEX_WAIT | p, 1, NULL, NULL, 0));
        show("wait bitset: none", futex(word, FUTEX_WAIT_BITSET | p, 0, NULL, NULL, 0));
        show("wait bitset: none, bad time", futex(word, FUTEX_WAIT_BITSET | p, 0, &bad, NULL, 0));
        show("wait bitset: long ago", futex(word, FUTEX_WAIT_BITSET | p, 0, &zero, NULL, -1));
        show("wait bitset: wall clock", futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | p, 0, &soon, NULL, -1));
        show("wait: wall clock", futex(word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME | p, 1, NULL, NULL, 0));
        show("wake: wall clock", futex(word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME | p, 1, NULL, NULL, 0));
        show("wake: nobody", futex(word, FUTEX_WAKE | p, 1, NULL, NULL, 0));
        show("wake: hole", futex(hole, FUTEX_WAKE | p, 1, NULL, NULL, 0));
        show("wake: no access", futex(none, FUTEX_WAKE | p, 1, NULL, NULL, 0));
        show("wake: read-only", futex(read_only, FUTEX_WAKE | p, 1, NULL, NULL, 0));
        show("wake: misaligned", futex((char *)word + 1, FUTEX_WAKE | p, 1, NULL, NULL, 0));
        show("wake: bad time is no time", futex(word, FUTEX_WAKE | p, 1, &bad, NULL, 0));
        show("wake bitset: none", futex(word, FUTEX_WAKE_BITSET | p, 1, NULL, NULL, 0));
        show("wake bitset: none, misaligned", futex((char *)word + 1, FUTEX_WAKE_BITSET | p, 1, NULL, NULL, 0));
        show("requeue: negative wake", futex(word, FUTEX_REQUEUE | p, -1, (void *)1, word + 1, 0));
        show("requeue: negative move", futex(word, FUTEX_REQUEUE | p, 1, (void *)-1L, word + 1, 0));
        show("requeue: nobody", futex(word, FUTEX_REQUEUE | p, 1, (void *)1, word + 1, 0));
        show("requeue: misaligned target", futex(word, FUTEX_REQUEUE | p, 1, (void *)1, (char *)word + 1, 0));
        show("compare: other value", futex(word, FUTEX_CMP_REQUEUE | p, 1, (void *)1, word + 1, 5));
        show("compare: same", futex(word, FUTEX_CMP_REQUEUE | p, 1, (void *)1, word + 1, 0));
        show("compare: hole", futex(hole, FUTEX_CMP_REQUEUE | p, 1, (void *)1, word + 1, 0));
        show("unknown operation", futex(word, 99 | p, 0, NULL, NULL, 0));
        show("the old FUTEX_FD", futex(word, FUTEX_FD | p, 0, NULL, NULL, 0));

        puts("wake_op");
        static const unsigned ops[] = {FUTEX_OP_SET, FUTEX_OP_ADD, FUTEX_OP_OR, FUTEX_OP_ANDN, FUTEX_OP_XOR};
        for (int i = 0; i < 5; i++)
            for (int shift = 0; shift < 2; shift++) {
                word[1] = 0xf0;
                long r = futex(word, FUTEX_WAKE_OP | p, 1, (void *)1, word + 1, FUTEX_OP(ops[i] | (shift ? FUTEX_OP_OPARG_SHIFT : 0), 7, FUTEX_OP_CMP_EQ, 0xf0));
                printf("operation %d%s: %ld, now %#x\n", i, shift ? " shifted" : "", r, word[1]);
            }
        word[1] = 5;
        futex(word, FUTEX_WAKE_OP | p, 1, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_ADD, -7, FUTEX_OP_CMP_LT, 0));
        printf("a negative argument: %d\n", (int)word[1]);
        show("operation 7", futex(word, FUTEX_WAKE_OP | p, 1, (void *)1, word + 1, FUTEX_OP(7, 1, FUTEX_OP_CMP_EQ, 0)));
        show("to a hole", futex(word, FUTEX_WAKE_OP | p, 1, (void *)1, hole, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)));
        show("to read-only", futex(word, FUTEX_WAKE_OP | p, 1, (void *)1, read_only, FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)));

        static const int counts[] = {0, 1, 2, -1, 5};
        for (int i = 0; i < 5; i++) {
            struct job jobs[3] = {};
            word[0] = 0;
            for (int j = 0; j < 3; j++)
                jobs[j] = (struct job){word, FUTEX_WAIT | p, 0}, begin(&jobs[j]);
            printf("wake %d of 3: %ld\n", counts[i], futex(word, FUTEX_WAKE | p, counts[i], NULL, NULL, 0));
            printf("the rest: %ld\n", futex(word, FUTEX_WAKE | p, 100, NULL, NULL, 0));
            for (int j = 0; j < 3; j++)
                printf(" %ld", ended(&jobs[j]));
            puts("");
        }
        struct job a = {word, FUTEX_WAIT_BITSET | p, 0, 1}, b = {word, FUTEX_WAIT_BITSET | p, 0, 6}, c = {word, FUTEX_WAIT | p, 0};
        begin(&a), begin(&b), begin(&c);
        show("bit 3", futex(word, FUTEX_WAKE_BITSET | p, 10, NULL, NULL, 8));
        show("bit 1", futex(word, FUTEX_WAKE_BITSET | p, 10, NULL, NULL, 2));
        show("bit 0", futex(word, FUTEX_WAKE_BITSET | p, 10, NULL, NULL, 1));
        printf("%ld %ld %ld\n", ended(&a), ended(&b), ended(&c));

        struct job many[5];
        for (int j = 0; j < 5; j++)
            many[j] = (struct job){word, FUTEX_WAIT | p, 0}, begin(&many[j]);
        show("wake 1, move 2", futex(word, FUTEX_CMP_REQUEUE | p, 1, (void *)2, word + 2, 0));
        show("at the target", futex(word + 2, FUTEX_WAKE | p, 9, NULL, NULL, 0));
        show("wake 0, move 1", futex(word, FUTEX_CMP_REQUEUE | p, 0, (void *)1, word + 2, 0));
        show("at the target", futex(word + 2, FUTEX_WAKE | p, 9, NULL, NULL, 0));
        show("to itself", futex(word, FUTEX_CMP_REQUEUE | p, 0, (void *)9, word, 0));
        show("left", futex(word, FUTEX_WAKE | p, 9, NULL, NULL, 0));
        for (int j = 0; j < 5; j++)
            printf(" %ld", ended(&many[j]));
        puts("");
        for (int j = 0; j < 4; j++)
            many[j] = (struct job){word + j % 2, FUTEX_WAIT | p, 0}, word[0] = word[1] = 0, begin(&many[j]);
        show("wake_op, both", futex(word, FUTEX_WAKE_OP | p, 9, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 0)));
        show("wake_op, first", futex(word, FUTEX_WAKE_OP | p, 9, (void *)9, word + 1, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_EQ, 0)));
        show("left", futex(word + 1, FUTEX_WAKE | p, 9, NULL, NULL, 0));
        for (int j = 0; j < 4; j++)
            printf(" %ld", ended(&many[j]));
        puts("");
    }

    puts("keys");
    word[0] = 0;
    struct job j1 = {word, FUTEX_WAIT, 0};
    begin(&j1);
    show("private wake of a shared wait", futex(word, FUTEX_WAKE | P, 1, NULL, NULL, 0));
    show("shared wake of a shared wait", futex(word, FUTEX_WAKE, 1, NULL, NULL, 0));
    ended(&j1);
    pid_t child = fork();
    if (!child)
        _exit(futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 1 : 2);
    unsigned *alias = mremap(shared, 0, 4096, MREMAP_MAYMOVE);
    int status;
    usleep(100000);
    show("private wake of another process", futex(shared, FUTEX_WAKE | P, 1, NULL, NULL, 0));
    show("through another address", futex(alias, FUTEX_WAKE, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    printf("the child: %d\n", WEXITSTATUS(status));
    child = fork();
    if (!child)
        _exit(futex(word, FUTEX_WAIT, 0, &soon, NULL, 0) == -ETIMEDOUT ? 1 : 2);
    usleep(20000);
    show("private memory of a child", futex(word, FUTEX_WAKE, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    printf("the child: %d\n", WEXITSTATUS(status));

    puts("a write after a fork");
    struct job j2 = {pages, FUTEX_WAIT | P, 0};
    begin(&j2);
    child = fork();
    if (!child) {
        usleep(200000);
        _exit(0);
    }
    *(unsigned *)pages = 7; /* copied to another frame */
    show("wake", futex(pages, FUTEX_WAKE | P, 1, NULL, NULL, 0));
    printf("%ld\n", ended(&j2));
    waitpid(child, NULL, 0);

    puts("signals");
    for (int restart = 0; restart < 2; restart++)
        for (int timed = 0; timed < 2; timed++) {
            struct sigaction act = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
            struct timespec second = {1, 0};
            sigaction(SIGUSR1, &act, NULL);
            word[0] = 0;
            struct job j3 = {word, FUTEX_WAIT | P, 0, 0, timed ? &second : NULL};
            begin(&j3);
            pthread_kill(j3.thread, SIGUSR1);
            usleep(60000);
            long still = futex(word, FUTEX_WAKE | P, 1, NULL, NULL, 0);
            printf("restart %d, timeout %d: woken %ld, result %ld\n", restart, timed, still, ended(&j3));
        }
    return 0;
}
