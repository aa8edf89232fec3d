/* thread_programs SEED: a program of threads that the seed makes up. What it prints depends on no schedule.

   Each thread goes through a list of operations on mutexes, condition variables, semaphores, barriers, reader-writer locks,
   atomics, bare futexes (with requeue) and threads of its own. An operation changes a counter that it protects. At the end
   each counter is what the lists say, and every thread has come through: a lost wake-up leaves one asleep. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOCK, RECURSIVE, CONDITION, TIMED_CONDITION, SEMAPHORE, PIPELINE, READ, WRITE, ATOMIC, BYTES, SPIN, FUTEX_LOCK, REQUEUE, SPAWN, CANCEL,
       ROBUST, YIELD, SIGNAL, ONCE, KINDS };
#define THREADS_MOST 8
#define OPS_MOST 40

static unsigned threads, rounds, ops;
static uint32_t seed;
static unsigned char list[THREADS_MOST][OPS_MOST];
static pthread_t thread[THREADS_MOST];

static uint32_t dice(void) { seed = seed * 1664525 + 1013904223; return seed >> 8; }
static long futex(void *a, int op, unsigned v, unsigned long v2, void *b, unsigned v3)
{
    return syscall(SYS_futex, a, op | FUTEX_PRIVATE_FLAG, v, v2, b, v3);
}

static struct { pthread_mutex_t plain, recursive, robust, cell; pthread_cond_t turn, room; pthread_rwlock_t rw; pthread_spinlock_t spin; sem_t tokens, items, spaces; } s;
static long locked, recursed, tokens_used, written, spun, futexed, spawned, robbed, once_count, pair;
static atomic_long added, xored, least, most, reads_bad, woken_all, signalled;
static unsigned char bytes[16] __attribute__((aligned(16)));
static uint32_t word, gate, gate_target;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static atomic_long destroyed;
static long buffer[4], put_at, got_at, got_sum;

static void say_once(void) { once_count++; }
static void gone(void *p) { atomic_fetch_add(&destroyed, (long)p); }
static void on_signal(int n) { atomic_fetch_add(&signalled, 1); }

/* The three-state lock of "Futexes are tricky". */
static void futex_lock(void)
{
    uint32_t old = 0;
    if (__atomic_compare_exchange_n(&word, &old, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        return;
    if (old != 2)
        old = __atomic_exchange_n(&word, 2, __ATOMIC_ACQUIRE);
    while (old) {
        futex(&word, FUTEX_WAIT, 2, 0, NULL, 0);
        old = __atomic_exchange_n(&word, 2, __ATOMIC_ACQUIRE);
    }
}
static void futex_unlock(void)
{
    if (__atomic_fetch_sub(&word, 1, __ATOMIC_RELEASE) != 1) {
        __atomic_store_n(&word, 0, __ATOMIC_RELEASE);
        futex(&word, FUTEX_WAKE, 1, 0, NULL, 0);
    }
}
static void *child(void *arg)
{
    pthread_setspecific(key, (void *)1L);
    pthread_mutex_lock(&s.plain);
    locked += (long)arg;
    pthread_mutex_unlock(&s.plain);
    return arg;
}
static void tidy(void *arg) { pthread_mutex_unlock(arg); }
static void *cancelled(void *arg)
{
    pthread_mutex_lock(&s.cell);
    pthread_cleanup_push(tidy, &s.cell);
    for (;;)
        pthread_cond_wait(&s.room, &s.cell);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *robber(void *arg)
{
    int r = pthread_mutex_lock(&s.robust);
    if (r == EOWNERDEAD)
        pthread_mutex_consistent(&s.robust);
    robbed++;
    return NULL; /* with the lock */
}

static void put(long value)
{
    sem_wait(&s.spaces);
    pthread_mutex_lock(&s.cell);
    buffer[put_at++ % 4] = value;
    pthread_mutex_unlock(&s.cell);
    sem_post(&s.items);
}
static void get(void)
{
    sem_wait(&s.items);
    pthread_mutex_lock(&s.cell);
    got_sum += buffer[got_at++ % 4];
    pthread_mutex_unlock(&s.cell);
    sem_post(&s.spaces);
}

static void perform(unsigned me, int op, unsigned at)
{
    pthread_t t;
    struct timespec when;
    void *result;
    switch (op) {
    case LOCK: pthread_mutex_lock(&s.plain), locked += at + 1, pthread_mutex_unlock(&s.plain); break;
    case RECURSIVE:
        for (int i = 0; i < 3; i++)
            pthread_mutex_lock(&s.recursive), recursed++;
        for (int i = 0; i < 3; i++)
            pthread_mutex_unlock(&s.recursive);
        break;
    case CONDITION: /* hand a token on: whoever finds the pair even makes it odd, and the other way round */
        pthread_mutex_lock(&s.plain), pair++, pthread_cond_broadcast(&s.turn), pthread_mutex_unlock(&s.plain);
        break;
    case TIMED_CONDITION:
        clock_gettime(CLOCK_REALTIME, &when);
        when.tv_nsec += 1000 * (1 + at % 5);
        if (when.tv_nsec >= 1000000000)
            when.tv_nsec -= 1000000000, when.tv_sec++;
        pthread_mutex_lock(&s.plain);
        while (pthread_cond_timedwait(&s.turn, &s.plain, &when) != ETIMEDOUT)
            ;
        locked++;
        pthread_mutex_unlock(&s.plain);
        break;
    case SEMAPHORE: sem_wait(&s.tokens), __atomic_fetch_add(&tokens_used, 1, __ATOMIC_RELAXED), sem_post(&s.tokens); break;
    case PIPELINE: put(at + 1), get(); break;
    case READ: {
        pthread_rwlock_rdlock(&s.rw);
        long first = written;
        sched_yield();
        if (written != first)
            reads_bad++;
        pthread_rwlock_unlock(&s.rw);
        break;
    }
    case WRITE: pthread_rwlock_wrlock(&s.rw), written += at, pthread_rwlock_unlock(&s.rw); break;
    case ATOMIC:
        for (int i = 0; i < 20; i++)
            added++, xored ^= (at + 1) * 0x10001 + i;
        break;
    case BYTES: { /* a byte of a word, by lr and sc */
        uint32_t *whole = (uint32_t *)bytes + at % 16 / 4, old = *whole, shift = at % 4 * 8;
        while (!__atomic_compare_exchange_n(whole, &old, (old & ~(0xffu << shift)) | ((old >> shift) + 1 & 0xff) << shift, 1, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
            ;
        break;
    }
    case SPIN: pthread_spin_lock(&s.spin), spun++, pthread_spin_unlock(&s.spin); break;
    case FUTEX_LOCK: futex_lock(), futexed++, futex_unlock(); break;
    case REQUEUE: { /* wait at the gate until someone opens it; those moved to the second futex are woken there */
        uint32_t now = __atomic_load_n(&gate, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&gate, 1, __ATOMIC_SEQ_CST);
        futex(&gate, FUTEX_CMP_REQUEUE, 1, 8, &gate_target, now + 1);
        futex(&gate_target, FUTEX_WAKE, 8, 0, NULL, 0);
        struct timespec little = {0, 2000};
        futex(&gate, FUTEX_WAIT, now + 1, (unsigned long)&little, NULL, 0);
        woken_all++;
        break;
    }
    case SPAWN:
        if (pthread_create(&t, NULL, child, (void *)(long)(at + 1)))
            abort();
        pthread_join(t, &result);
        __atomic_fetch_add(&spawned, (long)result, __ATOMIC_RELAXED);
        break;
    case CANCEL:
        pthread_create(&t, NULL, cancelled, NULL);
        if (at % 2)
            sched_yield();
        pthread_cancel(t), pthread_join(t, &result);
        if (result != PTHREAD_CANCELED)
            abort();
        break;
    case ROBUST:
        pthread_create(&t, NULL, robber, NULL), pthread_join(t, NULL);
        if (pthread_mutex_lock(&s.robust) == EOWNERDEAD)
            pthread_mutex_consistent(&s.robust);
        pthread_mutex_unlock(&s.robust);
        break;
    case YIELD: sched_yield(); break;
    case SIGNAL: pthread_kill(thread[(me + at) % threads], SIGUSR1); break;
    case ONCE: pthread_once(&once, say_once); break;
    }
}

static void *work(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    pthread_barrier_wait(&barrier); /* all numbers are known from here on */
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < ops; i++)
            perform(me, list[me][i], i);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            woken_all += 1000;
    }
    static long next; /* the threads leave one after the other, each woken by the one before */
    pthread_mutex_lock(&s.cell);
    while (next != me)
        pthread_cond_wait(&s.turn, &s.cell);
    next++;
    pthread_cond_broadcast(&s.turn);
    pthread_mutex_unlock(&s.cell);
    pthread_barrier_wait(&barrier); /* nobody signals a thread that has ended */
    return (void *)(uintptr_t)(me * me);
}

int main(int argc, char **argv)
{
    seed = atoi(argv[1]) * 2654435761u + 1;
    threads = 2 + dice() % (THREADS_MOST - 1), rounds = 1 + dice() % 3, ops = 5 + dice() % (OPS_MOST - 4);
    for (unsigned i = 0; i < threads; i++)
        for (unsigned j = 0; j < ops; j++)
            list[i][j] = dice() % KINDS;
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &act, NULL);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutex_init(&s.plain, NULL), pthread_mutex_init(&s.cell, NULL);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s.recursive, &attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_NORMAL);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s.robust, &attr);
    pthread_cond_init(&s.turn, NULL), pthread_cond_init(&s.room, NULL);
    pthread_rwlock_init(&s.rw, NULL), pthread_spin_init(&s.spin, 0);
    sem_init(&s.tokens, 0, 2), sem_init(&s.items, 0, 0), sem_init(&s.spaces, 0, 4);
    pthread_key_create(&key, gone);
    pthread_barrier_init(&barrier, NULL, threads);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work, (void *)(uintptr_t)i))
            return 1;
    long sum = 0;
    for (unsigned i = 0; i < threads; i++) {
        void *r;
        pthread_join(thread[i], &r);
        sum += (long)r;
    }
    int tokens, items, spaces;
    sem_getvalue(&s.tokens, &tokens), sem_getvalue(&s.items, &items), sem_getvalue(&s.spaces, &spaces);
    printf("%u threads, %u rounds of %u\n", threads, rounds, ops);
    printf("locked %ld recursed %ld tokens %ld written %ld spun %ld futexed %ld spawned %ld robbed %ld once %ld\n", locked, recursed,
           tokens_used, written, spun, futexed, spawned, robbed, once_count);
    printf("pair %ld added %ld xored %lx torn reads %ld passed %ld destroyed %ld\n", pair, added, (long)xored, reads_bad, woken_all, destroyed);
    printf("semaphores %d %d %d, buffer %ld %ld %ld, word %u, threads %ld\nbytes", tokens, items, spaces, put_at, got_at, got_sum, word, sum);
    for (int i = 0; i < 16; i++)
        printf(" %d", bytes[i]);
    puts("");
    return 0;
}
