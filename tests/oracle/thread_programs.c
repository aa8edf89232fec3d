/* thread_programs FIRST [COUNT]: COUNT programs of threads, one after the other. A seed makes up each: FIRST, FIRST + 1...

   A program has some threads. Each thread goes through rounds of operations that its list names; at the end of a round all
   threads meet. The operations of a program are a few of the kinds below (KINDS), so that each program has its own emphasis.
   An operation adds to a counter what does not depend on the schedule, and every counter is printed: a lost wake-up leaves a
   thread asleep, a torn update or a lost signal is a different number, and an unexpected errno is a line on its own.

   The file is for gcc, of RISC-V (where the atomics are written as instructions) and of the host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KINDS                                                                                                                             \
    X(LOCK) X(TRYLOCK) X(TIMEDLOCK) X(RECURSIVE) X(ERRORCHECK) X(ROBUST) X(INCONSISTENT) X(PRIORITY)                                      \
    X(SERVED) X(SERVED_IN_TIME) X(TIMED_CONDITION) X(SEMAPHORE) X(TIMED_SEMAPHORE) X(PIPELINE)                                            \
    X(READ) X(WRITE) X(TIMED_RWLOCK) X(SPIN) X(TICKET) X(ONCE)                                                                            \
    X(ADD) X(BITS) X(SWAP) X(EXTREMES) X(RESERVED) X(BYTES) X(STACK) X(SEQUENCE)                                                          \
    X(FUTEX_MUTEX) X(FUTEX_SERVED) X(FUTEX_ERRORS)                                                                                        \
    X(JOIN) X(TRYJOIN) X(DETACH) X(EXIT) X(SPECIFIC) X(YIELD)                                                                             \
    X(CANCEL) X(CANCEL_ASYNC) X(CANCEL_DISABLED) X(CANCEL_WAITER)                                                                         \
    X(SIGNAL) X(INTERRUPT) X(QUEUE) X(FORK) X(FORK_ROBUST) X(PIPE) X(EVENT) X(SOCKET)
#define X(name) name,
enum kind { KINDS KINDS_COUNT };
#undef X
#define MEETINGS X(BARRIER) X(BROADCAST) X(HAND_ON) X(WAKE_ALL) X(REQUEUE) X(CMP_REQUEUE) X(WAKE_OP) X(BITSET) X(TURNSTILE)
#define X(name) MEET_##name,
enum meeting { MEETINGS MEETINGS_COUNT };
#undef X
enum { THREADS_MOST = 6, ROUNDS_MOST = 3, OPS_MOST = 8, FEW = 9 };

typedef struct { pthread_mutex_t lock; pthread_cond_t asked, answered[THREADS_MOST]; unsigned first, last; unsigned char queue[32], waits[THREADS_MOST]; int stop; } service;

/* What one program has; zero at its start. */
static struct program {
    unsigned threads, rounds, ops;
    unsigned char list[THREADS_MOST][ROUNDS_MOST][OPS_MOST], used[KINDS_COUNT], meeting[ROUNDS_MOST];
    int futex_flag; /* FUTEX_PRIVATE_FLAG or not */
    pthread_t thread[THREADS_MOST], server, futex_server, signal_server;
    atomic_long count[KINDS_COUNT], met, destroyed, cleaned;
    pthread_mutex_t plain, timed, recursive, errorcheck, robust, cell, meet_lock;
    pthread_cond_t never, meet_cond;
    pthread_rwlock_t rw;
    pthread_spinlock_t spin;
    pthread_barrier_t barrier, last_barrier;
    pthread_once_t once;
    pthread_key_t key, detached_key;
    sem_t tokens, items, spaces, none, finished, turnstile[2];
    service service;
    long plain_count, recursive_count, written, pair[2], buffer[4], put_at, got_at;
    uint32_t futex_word, asks, answers, gate, gate2, target, arrived, serving, tickets;
    uint64_t word64, stack, bits, cell_value;
    uint32_t word32, bytes[4], sequence, sequence_lock;
    uint32_t node[THREADS_MOST], below[THREADS_MOST + 1], wake_op;
    long held[THREADS_MOST];
    int64_t most, least;
    uint32_t most32, least32;
    int pipe[2], event, epoll, sockets[2], signals;
} p;

/* What processes share. */
static struct shared { pthread_mutex_t robust; sem_t done; atomic_long sum; uint32_t word; } *shared;

static __thread long own; /* each thread's */
static uint32_t dice_state;
static atomic_long prepared, parents;

static uint32_t dice(void) /* SplitMix */
{
    uint32_t z = dice_state += 0x9e3779b9;
    z = (z ^ z >> 16) * 0x85ebca6b, z = (z ^ z >> 13) * 0xc2b2ae35;
    return z ^ z >> 16;
}
static long futex(void *a, int op, unsigned v, unsigned long v2, void *b, unsigned v3)
{
    return syscall(SYS_futex, a, op | p.futex_flag, v, v2, b, v3);
}
#define check(condition) ((condition) ? (void)0 : (void)printf("line %d: %s: errno %d\n", __LINE__, #condition, errno))
#define uninterrupted(call) ({ long r_; do r_ = (call); while (r_ < 0 && errno == EINTR); r_; })

static struct timespec from_now(clockid_t clock, long nanoseconds)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += nanoseconds % 1000000000, t.tv_sec += nanoseconds / 1000000000 + t.tv_nsec / 1000000000, t.tv_nsec %= 1000000000;
    return t;
}
static const long AN_HOUR = 3600L * 1000000000;

/* Instructions of the A extension, and what the host has instead. */
#ifdef __riscv
#define AMO(name, type, fallback)                                                                                                         \
    static type name(type *at, type value)                                                                                                \
    {                                                                                                                                     \
        type old;                                                                                                                         \
        __asm__ volatile(#fallback " %0, %2, %1" : "=r"(old), "+A"(*at) : "r"(value) : "memory");                                         \
        return old;                                                                                                                       \
    }
AMO(max_d, int64_t, amomax.d.aqrl) AMO(min_d, int64_t, amomin.d) AMO(maxu_w, uint32_t, amomaxu.w.aq) AMO(minu_w, uint32_t, amominu.w.rl)
#define RESERVE(name, type, width)                                                                                                        \
    static void name(type *at, unsigned delay)                                                                                            \
    {                                                                                                                                     \
        type t, d;                                                                                                                        \
        __asm__ volatile("1: lr." width ".aq %0, %2\n mv %1, %3\n2: addi %1, %1, -1\n bgtz %1, 2b\n addi %0, %0, 1\n"                     \
                         "sc." width ".rl %1, %0, %2\n bnez %1, 1b" : "=&r"(t), "=&r"(d), "+A"(*at) : "r"((type)delay) : "memory");       \
    }
RESERVE(reserve_w, uint32_t, "w") RESERVE(reserve_d, uint64_t, "d")
#else
#define EXTREME(name, type, better)                                                                                                       \
    static type name(type *at, type value)                                                                                                \
    {                                                                                                                                     \
        type old = __atomic_load_n(at, __ATOMIC_RELAXED);                                                                                 \
        while (value better old && !__atomic_compare_exchange_n(at, &old, value, 1, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))                  \
            ;                                                                                                                             \
        return old;                                                                                                                       \
    }
EXTREME(max_d, int64_t, >) EXTREME(min_d, int64_t, <) EXTREME(maxu_w, uint32_t, >) EXTREME(minu_w, uint32_t, <)
static void reserve_w(uint32_t *at, unsigned delay) { __atomic_fetch_add(at, 1, __ATOMIC_ACQ_REL); }
static void reserve_d(uint64_t *at, unsigned delay) { __atomic_fetch_add(at, 1, __ATOMIC_ACQ_REL); }
#endif

/* Handlers and destructors */
static void on_signal(int n) { }
static void on_queued(int n, siginfo_t *info, void *context) { atomic_fetch_add(&p.count[SIGNAL], info->si_value.sival_int); }
static void say_once(void) { p.count[ONCE] += 1000; }
static void gone(void *value) { atomic_fetch_add(&p.destroyed, (long)value); }
static void gone_detached(void *value)
{
    if ((long)value > 1)
        pthread_setspecific(p.detached_key, (void *)((long)value - 1)); /* again, in the next pass */
    else
        sem_post(&p.finished);
}
static void unlock(void *lock) { p.cleaned++, pthread_mutex_unlock(lock); }
static void clean(void *add) { p.cleaned += (long)add; }
static void before_fork(void) { prepared++; }
static void after_fork(void) { parents++; }

/* The three-state lock of "Futexes are tricky". */
static void futex_lock(uint32_t *word)
{
    uint32_t old = 0;
    if (__atomic_compare_exchange_n(word, &old, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        return;
    if (old != 2)
        old = __atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE);
    while (old) {
        futex(word, FUTEX_WAIT, 2, 0, NULL, 0);
        old = __atomic_exchange_n(word, 2, __ATOMIC_ACQUIRE);
    }
}
static void futex_unlock(uint32_t *word)
{
    if (__atomic_fetch_sub(word, 1, __ATOMIC_RELEASE) != 1) {
        __atomic_store_n(word, 0, __ATOMIC_RELEASE);
        futex(word, FUTEX_WAKE, 1, 0, NULL, 0);
    }
}

/* Servers: a thread that answers the others, each by its own condition variable, by futexes, by queued signals. */
static void *serve(void *arg)
{
    service *s = &p.service;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->first == s->last && !s->stop)
            pthread_cond_wait(&s->asked, &s->lock);
        if (s->first == s->last)
            break;
        int who = s->queue[s->first++ % 32];
        s->waits[who] = 0;
        pthread_cond_signal(&s->answered[who]);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}
static void ask(unsigned me, int in_time)
{
    service *s = &p.service;
    struct timespec when = from_now(CLOCK_MONOTONIC, AN_HOUR);
    pthread_mutex_lock(&s->lock);
    s->waits[me] = 1;
    s->queue[s->last++ % 32] = me;
    pthread_cond_signal(&s->asked);
    while (s->waits[me])
        check((in_time ? pthread_cond_timedwait(&s->answered[me], &s->lock, &when) : pthread_cond_wait(&s->answered[me], &s->lock)) == 0);
    pthread_mutex_unlock(&s->lock);
}
static void *serve_futex(void *arg)
{
    for (;;) {
        uint32_t asked = __atomic_load_n(&p.asks, __ATOMIC_ACQUIRE);
        if (p.answers != (asked & INT_MAX)) {
            __atomic_fetch_add(&p.answers, 1, __ATOMIC_RELEASE);
            futex(&p.answers, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
        } else if (asked >> 31)
            return NULL;
        else
            futex(&p.asks, FUTEX_WAIT, asked, 0, NULL, 0);
    }
}
static void ask_futex(void)
{
    uint32_t mine = __atomic_add_fetch(&p.asks, 1, __ATOMIC_RELEASE), now;
    futex(&p.asks, FUTEX_WAKE, 1, 0, NULL, 0);
    while ((int32_t)((now = __atomic_load_n(&p.answers, __ATOMIC_ACQUIRE)) - mine) < 0)
        futex(&p.answers, FUTEX_WAIT, now, 0, NULL, 0);
}
static void *serve_signals(void *by_file)
{
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGRTMIN + 2);
    for (;;) {
        siginfo_t info = {0};
        if (by_file) {
            struct signalfd_siginfo read_info;
            check(uninterrupted(read(p.signals, &read_info, sizeof read_info)) == sizeof read_info);
            info.si_value.sival_int = read_info.ssi_int;
        } else
            check(uninterrupted(sigwaitinfo(&set, &info)) == SIGRTMIN + 2);
        if (!info.si_value.sival_int)
            return NULL;
        p.count[QUEUE] += info.si_value.sival_int;
    }
}

/* Threads that operations make */
static void *child(void *arg)
{
    pthread_setspecific(p.key, (void *)1L);
    own += (long)arg;
    pthread_mutex_lock(&p.plain), p.plain_count++, pthread_mutex_unlock(&p.plain);
    return (void *)own;
}
static void leave(long value) { pthread_exit((void *)value); }
static void *leaves(void *arg)
{
    pthread_cleanup_push(clean, (void *)3L);
    leave((long)arg);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *detached(void *arg)
{
    if ((long)arg & 1)
        pthread_detach(pthread_self());
    pthread_setspecific(p.detached_key, (void *)(1 + (long)arg % 3));
    return NULL;
}
struct robbery { pthread_mutex_t *lock; sem_t done; };
static void *robber(void *arg)
{
    struct robbery *robbery = arg;
    int r = pthread_mutex_lock(robbery->lock);
    check(r == 0 || r == EOWNERDEAD);
    if (r)
        pthread_mutex_consistent(robbery->lock);
    sem_post(&robbery->done);
    sched_yield();
    return NULL; /* with the lock */
}
static void *waits_for_ever(void *how)
{
    char c;
    sigset_t set;
    struct pollfd nothing = {.fd = p.pipe[0], .events = POLLPRI};
    pthread_cleanup_push(clean, (void *)1L);
    pthread_cleanup_push(clean, (void *)2L);
    for (;;)
        switch ((long)how) {
        case 0: sem_wait(&p.none); break;
        case 1: read(p.signals, &c, 1), pause(); break;
        case 2: nanosleep(&(struct timespec){.tv_sec = 1000000}, NULL); break;
        case 3: poll(&nothing, 1, -1); break;
        case 4: pthread_testcancel(), sched_yield(); break;
        case 5: sigemptyset(&set), sigaddset(&set, SIGRTMIN + 3), sigwaitinfo(&set, NULL); break;
        case 6: read(p.pipe[0], &c, 0), pause(); break;
        default: clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){.tv_sec = LONG_MAX / 2}, NULL);
        }
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *waits_locked(void *arg)
{
    pthread_mutex_lock(&p.cell);
    pthread_cleanup_push(unlock, &p.cell);
    for (;;)
        pthread_cond_wait(&p.never, &p.cell);
    pthread_cleanup_pop(0);
    return NULL;
}
static void *runs_for_ever(void *ready)
{
    static volatile long spins;
    pthread_cleanup_push(clean, (void *)1L);
    sem_post(ready);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    for (;;)
        spins++;
    pthread_cleanup_pop(0);
    return NULL;
}
static void *not_yet(void *sems)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    sem_post((sem_t *)sems);
    uninterrupted(sem_wait((sem_t *)sems + 1)); /* would be a point of cancellation */
    p.count[CANCEL_DISABLED]++;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    return NULL;
}
static void cancel(pthread_t t, int kind)
{
    void *result;
    check(pthread_cancel(t) == 0);
    check(pthread_join(t, &result) == 0);
    check(result == PTHREAD_CANCELED);
    p.count[kind]++;
}
static pthread_t start(void *(*function)(void *), void *arg)
{
    pthread_t t;
    check(pthread_create(&t, NULL, function, arg) == 0);
    return t;
}

/* A process: it has the memory, and one thread, which makes another. */
static void *in_child(void *arg) { own += 5; shared->sum += own; return NULL; }
static void fork_one(unsigned at, int with_lock)
{
    pid_t pid = fork();
    check(pid >= 0);
    if (!pid) {
        p.plain_count += 1000000; /* its own copy */
        own = at;
        if (with_lock) {
            int r = pthread_mutex_lock(&shared->robust);
            if (r == EOWNERDEAD)
                pthread_mutex_consistent(&shared->robust);
        } else {
            pthread_t t;
            pthread_create(&t, NULL, in_child, NULL);
            pthread_join(t, NULL);
        }
        sem_post(&shared->done);
        if (at & 1)
            kill(getpid(), SIGKILL);
        _exit(7);
    }
    int status;
    check(uninterrupted(sem_wait(&shared->done)) == 0);
    if (with_lock) {
        int r = pthread_mutex_lock(&shared->robust);
        check(r == 0 || r == EOWNERDEAD);
        if (r)
            pthread_mutex_consistent(&shared->robust);
        pthread_mutex_unlock(&shared->robust);
    }
    check(uninterrupted(waitpid(pid, &status, 0)) == pid);
    p.count[with_lock ? FORK_ROBUST : FORK] += at & 1 ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void perform(unsigned me, int op, unsigned at)
{
    atomic_long *count = &p.count[op];
    struct timespec when, little = {0, 1000 + 700 * (at % 5)};
    pthread_t t;
    pthread_attr_t attr;
    void *result;
    long n;
    switch (op) {
    case LOCK: pthread_mutex_lock(&p.plain), n = p.plain_count, at & 1 ? sched_yield() : 0, p.plain_count = n + 1, pthread_mutex_unlock(&p.plain); break;
    case TRYLOCK:
        while ((n = pthread_mutex_trylock(&p.plain)))
            check(n == EBUSY), sched_yield();
        p.plain_count++, pthread_mutex_unlock(&p.plain);
        break;
    case TIMEDLOCK:
        when = from_now(CLOCK_REALTIME, AN_HOUR);
        check(pthread_mutex_timedlock(&p.timed, &when) == 0);
        when = from_now(CLOCK_MONOTONIC, little.tv_nsec);
        check(pthread_mutex_clocklock(&p.timed, CLOCK_MONOTONIC, &when) == ETIMEDOUT);
        ++*count, pthread_mutex_unlock(&p.timed);
        break;
    case RECURSIVE:
        for (int i = 0; i < 3; i++)
            pthread_mutex_lock(&p.recursive), p.recursive_count++;
        check(pthread_mutex_trylock(&p.recursive) == 0);
        for (int i = 0; i < 4; i++)
            pthread_mutex_unlock(&p.recursive);
        break;
    case ERRORCHECK:
        check(pthread_mutex_unlock(&p.errorcheck) == EPERM);
        check(pthread_mutex_lock(&p.errorcheck) == 0);
        check(pthread_mutex_lock(&p.errorcheck) == EDEADLK);
        ++*count, check(pthread_mutex_unlock(&p.errorcheck) == 0);
        break;
    case ROBUST: { /* many at one lock; an owner may die */
        sched_yield();
        int r = pthread_mutex_lock(&p.robust);
        check(r == 0 || r == EOWNERDEAD);
        if (r)
            pthread_mutex_consistent(&p.robust);
        ++*count, pthread_mutex_unlock(&p.robust);
        struct robbery robbery = {&p.robust};
        sem_init(&robbery.done, 0, 0);
        t = start(robber, &robbery);
        uninterrupted(sem_wait(&robbery.done));
        r = pthread_mutex_lock(&p.robust);
        check(r == 0 || r == EOWNERDEAD);
        if (r)
            pthread_mutex_consistent(&p.robust);
        pthread_mutex_unlock(&p.robust);
        pthread_join(t, NULL);
        break;
    }
    case INCONSISTENT: {
        pthread_mutexattr_t mutexattr;
        pthread_mutex_t mutex;
        pthread_mutexattr_init(&mutexattr), pthread_mutexattr_setrobust(&mutexattr, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&mutex, &mutexattr);
        struct robbery robbery = {&mutex};
        sem_init(&robbery.done, 0, 0);
        t = start(robber, &robbery);
        uninterrupted(sem_wait(&robbery.done));
        check(pthread_mutex_lock(&mutex) == EOWNERDEAD);
        pthread_mutex_unlock(&mutex);
        check(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
        ++*count, pthread_join(t, NULL);
        break;
    }
    case PRIORITY: { /* priority inheritance: an old kernel without it refuses */
        pthread_mutexattr_t mutexattr;
        pthread_mutex_t mutex;
        uint32_t word = 0;
        pthread_mutexattr_init(&mutexattr), pthread_mutexattr_setprotocol(&mutexattr, PTHREAD_PRIO_INHERIT);
        n = pthread_mutex_init(&mutex, &mutexattr);
#ifdef __riscv
        check(n == ENOTSUP);
        check(futex(&word, FUTEX_LOCK_PI, 0, 0, NULL, 0) == -1 && errno == ENOSYS && !word);
        check(futex(&word, FUTEX_UNLOCK_PI, 0, 0, NULL, 0) == -1 && errno == ENOSYS);
        check(futex(&word, FUTEX_TRYLOCK_PI, 0, 0, NULL, 0) == -1 && errno == ENOSYS);
        check(futex(&word, FUTEX_WAIT_REQUEUE_PI, 0, 0, &p.target, 0) == -1 && errno == ENOSYS);
        check(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, 1, &p.target, 0) == -1 && errno == ENOSYS);
#endif
        ++*count;
        break;
    }
    case SERVED: ask(me, 0), ++*count; break;
    case SERVED_IN_TIME: ask(me, 1), ++*count; break;
    case TIMED_CONDITION:
        when = from_now(CLOCK_MONOTONIC, little.tv_nsec);
        pthread_mutex_lock(&p.plain);
        while ((n = pthread_cond_timedwait(&p.never, &p.plain, &when)) == 0)
            ;
        p.plain_count++, pthread_mutex_unlock(&p.plain);
        check(n == ETIMEDOUT), ++*count;
        break;
    case SEMAPHORE: uninterrupted(sem_wait(&p.tokens)), ++*count, sched_yield(), sem_post(&p.tokens); break;
    case TIMED_SEMAPHORE:
        when = from_now(CLOCK_REALTIME, little.tv_nsec);
        check(uninterrupted(sem_timedwait(&p.none, &when)) == -1 && errno == ETIMEDOUT);
        check(sem_trywait(&p.none) == -1 && errno == EAGAIN);
        when = from_now(CLOCK_MONOTONIC, AN_HOUR);
        check(uninterrupted(sem_clockwait(&p.tokens, CLOCK_MONOTONIC, &when)) == 0);
        ++*count, sem_post(&p.tokens);
        break;
    case PIPELINE:
        uninterrupted(sem_wait(&p.spaces));
        pthread_mutex_lock(&p.cell), p.buffer[p.put_at++ % 4] = at + 1, pthread_mutex_unlock(&p.cell);
        sem_post(&p.items), uninterrupted(sem_wait(&p.items));
        pthread_mutex_lock(&p.cell), *count += p.buffer[p.got_at++ % 4], pthread_mutex_unlock(&p.cell);
        sem_post(&p.spaces);
        break;
    case READ:
        pthread_rwlock_rdlock(&p.rw), n = p.written, sched_yield(), check(p.written == n), pthread_rwlock_unlock(&p.rw), ++*count;
        break;
    case WRITE: pthread_rwlock_wrlock(&p.rw), n = p.written, sched_yield(), p.written = n + 1, pthread_rwlock_unlock(&p.rw); break;
    case TIMED_RWLOCK:
        when = from_now(CLOCK_REALTIME, AN_HOUR);
        check(pthread_rwlock_timedwrlock(&p.rw, &when) == 0);
        check(pthread_rwlock_tryrdlock(&p.rw) == EBUSY && pthread_rwlock_trywrlock(&p.rw) == EBUSY);
        p.written++, pthread_rwlock_unlock(&p.rw);
        when = from_now(CLOCK_REALTIME, AN_HOUR);
        check(pthread_rwlock_timedrdlock(&p.rw, &when) == 0);
        ++*count, pthread_rwlock_unlock(&p.rw);
        break;
    case SPIN: pthread_spin_lock(&p.spin), n = *count, *count = n + 1, pthread_spin_unlock(&p.spin); break;
    case TICKET:
        n = __atomic_fetch_add(&p.tickets, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(&p.serving, __ATOMIC_ACQUIRE) != (uint32_t)n)
            sched_yield();
        *count = *count + 1;
        __atomic_store_n(&p.serving, n + 1, __ATOMIC_RELEASE);
        break;
    case ONCE: pthread_once(&p.once, say_once), ++*count; break;
    case ADD:
        for (int i = 0; i < 10; i++)
            __atomic_fetch_add(&p.word64, i, __ATOMIC_RELAXED), __atomic_fetch_sub(&p.word32, 3, __ATOMIC_ACQ_REL), ++*count;
        break;
    case BITS: {
        uint64_t bit = 1ull << (8 * me + at % 8);
        check(!(__atomic_fetch_or(&p.bits, bit, __ATOMIC_ACQUIRE) & bit));
        check(__atomic_fetch_xor(&p.bits, bit, __ATOMIC_RELAXED) & bit);
        check(!(__atomic_fetch_xor(&p.bits, bit, __ATOMIC_SEQ_CST) & bit));
        check(__atomic_fetch_and(&p.bits, ~bit, __ATOMIC_RELEASE) & bit);
        ++*count;
        break;
    }
    case SWAP: p.held[me] = __atomic_exchange_n(&p.cell_value, p.held[me] + 1, __ATOMIC_ACQ_REL); break;
    case EXTREMES:
        n = (me + 1) * 1000 + at;
        max_d(&p.most, n), min_d(&p.least, -n), maxu_w(&p.most32, 0x80000000u + n), minu_w(&p.least32, 0x80000000u - n);
        break;
    case RESERVED: reserve_w(&p.word32, at * 3), reserve_d(&p.word64, 40), ++*count; break;
    case BYTES: {
        uint32_t *word = &p.bytes[at % 16 / 4], shift = at % 4 * 8, old = *(volatile uint32_t *)word;
        while (!__atomic_compare_exchange_n(word, &old, (old & ~(0xffu << shift)) | ((old >> shift) + 1 & 0xff) << shift, at & 1, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED))
            ;
        break;
    }
    case STACK: { /* push a node, pop one: nodes are known by number, with a count against ABA */
        uint64_t top = __atomic_load_n(&p.stack, __ATOMIC_ACQUIRE), below;
        uint32_t node = p.node[me] ? p.node[me] : me + 1;
        do
            __atomic_store_n(&p.below[node], (uint32_t)top, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&p.stack, &top, ((top >> 32) + 1) << 32 | node, 1, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE));
        at & 1 ? sched_yield() : 0;
        top = __atomic_load_n(&p.stack, __ATOMIC_ACQUIRE);
        do
            check((uint32_t)top), below = __atomic_load_n(&p.below[(uint32_t)top], __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&p.stack, &top, ((top >> 32) + 1) << 32 | below, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
        p.node[me] = (uint32_t)top;
        ++*count;
        break;
    }
    case SEQUENCE: /* a writer's and a reader's side of a sequence lock */
        while (__atomic_exchange_n(&p.sequence_lock, 1, __ATOMIC_ACQUIRE))
            sched_yield();
        __atomic_fetch_add(&p.sequence, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&p.pair[0], p.pair[0] + 1, __ATOMIC_RELAXED), __atomic_store_n(&p.pair[1], p.pair[1] + 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&p.sequence, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&p.sequence_lock, 0, __ATOMIC_RELEASE);
        for (;;) {
            uint32_t before = __atomic_load_n(&p.sequence, __ATOMIC_SEQ_CST);
            long a = __atomic_load_n(&p.pair[0], __ATOMIC_SEQ_CST), b = __atomic_load_n(&p.pair[1], __ATOMIC_SEQ_CST);
            if (!(before & 1) && __atomic_load_n(&p.sequence, __ATOMIC_SEQ_CST) == before) {
                check(a == b);
                break;
            }
            sched_yield();
        }
        break;
    case FUTEX_MUTEX: futex_lock(&p.futex_word), n = *count, at & 1 ? sched_yield() : 0, *count = n + 1, futex_unlock(&p.futex_word); break;
    case FUTEX_SERVED: ask_futex(), ++*count; break;
    case FUTEX_ERRORS: {
        uint32_t word = 3, other = 0;
        when = from_now(CLOCK_MONOTONIC, little.tv_nsec);
        check(uninterrupted(futex(&word, FUTEX_WAIT, 3, (long)&little, NULL, 0)) == -1 && errno == ETIMEDOUT);
        check(uninterrupted(futex(&word, FUTEX_WAIT_BITSET, 3, (long)&when, NULL, 4)) == -1 && errno == ETIMEDOUT);
        check(futex(&word, FUTEX_WAIT, 4, 0, NULL, 0) == -1 && errno == EAGAIN);
        check(futex(&word, FUTEX_WAIT_BITSET, 3, 0, NULL, 0) == -1 && errno == EINVAL);
        check(futex(&word, FUTEX_CMP_REQUEUE, 1, 1, &other, 4) == -1 && errno == EAGAIN);
        check(futex((char *)&word + 1, FUTEX_WAKE, 1, 0, NULL, 0) == -1 && errno == EINVAL);
        check(futex(&word, FUTEX_WAKE_OP, 1, 1, &other, FUTEX_OP(FUTEX_OP_ADD, 9, FUTEX_OP_CMP_EQ, 0)) == 0 && other == 9);
        ++*count;
        break;
    }
    case JOIN:
        pthread_attr_init(&attr), pthread_attr_setstacksize(&attr, 1 << 16), pthread_attr_setguardsize(&attr, at & 1 ? 0 : 4096);
        check(pthread_create(&t, at % 3 ? &attr : NULL, child, (void *)(long)(at + 1)) == 0);
        check(pthread_join(t, &result) == 0);
        *count += (long)result;
        break;
    case TRYJOIN:
        t = start(child, (void *)(long)(at + 1));
        while ((n = pthread_tryjoin_np(t, &result)) == EBUSY)
            if (at & 1) {
                when = from_now(CLOCK_REALTIME, AN_HOUR);
                n = pthread_timedjoin_np(t, &result, &when);
                break;
            } else
                sched_yield();
        check(n == 0), *count += (long)result;
        break;
    case DETACH:
        pthread_attr_init(&attr), pthread_attr_setdetachstate(&attr, at & 1 ? PTHREAD_CREATE_JOINABLE : PTHREAD_CREATE_DETACHED);
        ++*count, check(pthread_create(&t, &attr, detached, (void *)(long)at) == 0);
        break;
    case EXIT: pthread_join(start(leaves, (void *)(long)at), &result), *count += (long)result; break;
    case SPECIFIC:
        n = (long)pthread_getspecific(p.key);
        check(n == own), own++, pthread_setspecific(p.key, (void *)own), ++*count;
        break;
    case YIELD: sched_yield(), nanosleep(&little, NULL); break;
    case CANCEL:
        t = start(waits_for_ever, (void *)(long)(at % 8));
        if (at & 8)
            sched_yield(), nanosleep(&little, NULL);
        cancel(t, CANCEL);
        break;
    case CANCEL_WAITER:
        t = start(waits_locked, NULL);
        if (at & 1)
            sched_yield();
        cancel(t, CANCEL_WAITER);
        break;
    case CANCEL_ASYNC: {
        sem_t ready;
        sem_init(&ready, 0, 0);
        t = start(runs_for_ever, &ready);
        uninterrupted(sem_wait(&ready));
        cancel(t, CANCEL_ASYNC);
        break;
    }
    case CANCEL_DISABLED: {
        sem_t sems[2];
        sem_init(&sems[0], 0, 0), sem_init(&sems[1], 0, 0);
        t = start(not_yet, sems);
        uninterrupted(sem_wait(&sems[0]));
        check(pthread_cancel(t) == 0);
        sem_post(&sems[1]);
        check(pthread_join(t, &result) == 0 && result == PTHREAD_CANCELED);
        break;
    }
    case SIGNAL: check(pthread_sigqueue(p.thread[(me + at) % p.threads], SIGRTMIN + 1, (union sigval){.sival_int = at + 1}) == 0); break;
    case INTERRUPT: check(pthread_kill(p.thread[(me + at) % p.threads], at & 1 ? SIGUSR1 : SIGUSR2) == 0); break;
    case QUEUE: check(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = at + 1}) == 0); break;
    case FORK: fork_one(at, 0); break;
    case FORK_ROBUST: fork_one(at, 1); break;
    case PIPE: {
        long sent = at + 1, got = 0;
        check(uninterrupted(write(p.pipe[1], &sent, sizeof sent)) == sizeof sent);
        check(uninterrupted(read(p.pipe[0], &got, sizeof got)) == sizeof got);
        *count += got;
        break;
    }
    case EVENT: { /* whoever finds the event waits for it, edge or not, until it has one of its own */
        uint64_t one = 1, got = 0;
        struct epoll_event event;
        check(uninterrupted(write(p.event, &one, 8)) == 8);
        while (uninterrupted(read(p.event, &got, 8)) != 8)
            check(errno == EAGAIN), check(uninterrupted(epoll_wait(p.epoll, &event, 1, -1)) == 1);
        *count += got;
        break;
    }
    case SOCKET: {
        unsigned char sent[5] = {at, at, at, at, at}, got[8];
        check(uninterrupted(send(p.sockets[me & 1], sent, 1 + at % 5, 0)) == 1 + at % 5);
        n = uninterrupted(recv(p.sockets[~me & 1], got, sizeof got, 0)); /* a packet of some thread: each has as many as it sent */
        check(n >= 1 && got[0] == got[n - 1] && n == 1 + got[0] % 5);
        *count += n;
        break;
    }
    }
}

/* All threads meet; one of them is the last. */
static void wait_at(uint32_t *word, uint32_t seen, unsigned me, int bitset)
{
    struct timespec when = from_now(CLOCK_REALTIME, AN_HOUR);
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == seen)
        if (bitset)
            futex(word, FUTEX_WAIT_BITSET | (me & 1 ? FUTEX_CLOCK_REALTIME : 0), seen, me & 1 ? (long)&when : 0, NULL, 1u << me);
        else
            futex(word, FUTEX_WAIT, seen, 0, NULL, 0);
}
static void meet(unsigned me, unsigned round)
{
    int kind = p.meeting[round];
    uint32_t seen = p.gate, seen2 = p.gate2; /* nobody changes them before all are here */
    unsigned all = p.threads;
    switch (kind) {
    case MEET_BARRIER:
        if (pthread_barrier_wait(&p.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            p.met++;
        return;
    case MEET_BROADCAST:
    case MEET_HAND_ON:
        pthread_mutex_lock(&p.meet_lock);
        if (++p.arrived == all)
            p.arrived = 0, p.gate++, p.met++, kind == MEET_BROADCAST ? pthread_cond_broadcast(&p.meet_cond) : pthread_cond_signal(&p.meet_cond);
        while (p.gate == seen)
            pthread_cond_wait(&p.meet_cond, &p.meet_lock);
        if (kind == MEET_HAND_ON)
            pthread_cond_signal(&p.meet_cond);
        pthread_mutex_unlock(&p.meet_lock);
        return;
    case MEET_TURNSTILE:
        if (__atomic_add_fetch(&p.arrived, 1, __ATOMIC_ACQ_REL) == all)
            p.arrived = 0, p.met++, sem_post(&p.turnstile[round & 1]);
        uninterrupted(sem_wait(&p.turnstile[round & 1]));
        if (__atomic_add_fetch(&p.target, 1, __ATOMIC_ACQ_REL) != all)
            sem_post(&p.turnstile[round & 1]); /* to the next; the last one leaves it closed */
        else
            p.target = 0;
        return;
    }
    if (__atomic_add_fetch(&p.arrived, 1, __ATOMIC_ACQ_REL) != all) {
        int second = kind == MEET_WAKE_OP && me & 1;
        wait_at(second ? &p.gate2 : &p.gate, second ? seen2 : seen, me, kind == MEET_BITSET);
        if (kind == MEET_REQUEUE || kind == MEET_CMP_REQUEUE) /* those that were moved are woken one by the other */
            futex(&p.target, FUTEX_WAKE, 1, 0, NULL, 0);
        return;
    }
    p.arrived = 0, p.met++;
    __atomic_fetch_add(&p.gate, 1, __ATOMIC_RELEASE);
    switch (kind) {
    case MEET_WAKE_ALL: futex(&p.gate, FUTEX_WAKE, INT_MAX, 0, NULL, 0); break;
    case MEET_REQUEUE: futex(&p.gate, FUTEX_REQUEUE, 1, INT_MAX, &p.target, 0); break;
    case MEET_CMP_REQUEUE: check(futex(&p.gate, FUTEX_CMP_REQUEUE, 1, INT_MAX, &p.target, seen + 1) >= 0); break;
    case MEET_WAKE_OP: {
        /* each changes the second word; each comparison holds, except the last */
        static const struct { int op, compare, more; } how[] = {{FUTEX_OP_ADD, FUTEX_OP_CMP_EQ, 0}, {FUTEX_OP_XOR, FUTEX_OP_CMP_GE, 0},
            {FUTEX_OP_SET, FUTEX_OP_CMP_LE, 0}, {FUTEX_OP_OR, FUTEX_OP_CMP_LT, 1}, {FUTEX_OP_ANDN, FUTEX_OP_CMP_NE, 1}, {FUTEX_OP_ADD, FUTEX_OP_CMP_GT, 0}};
        int op = how[p.wake_op].op, bits = op == FUTEX_OP_OR || op == FUTEX_OP_ANDN || op == FUTEX_OP_XOR;
        int with = op == FUTEX_OP_SET ? seen2 + 1 : bits ? round : 1;
        if (bits)
            op |= FUTEX_OP_OPARG_SHIFT; /* of 1 */
        check(futex(&p.gate, FUTEX_WAKE_OP, INT_MAX, INT_MAX, &p.gate2, FUTEX_OP(op, with, how[p.wake_op].compare, seen2 + how[p.wake_op].more)) >= 0);
        if (how[p.wake_op].compare == FUTEX_OP_CMP_GT)
            futex(&p.gate2, FUTEX_WAKE, INT_MAX, 0, NULL, 0);
        check(p.gate2 != seen2);
        break;
    }
    case MEET_BITSET:
        for (unsigned i = 0; i < all; i++)
            futex(&p.gate, FUTEX_WAKE_BITSET, INT_MAX, 0, NULL, 1u << i);
    }
}

static void *work(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    own = 0;
    pthread_barrier_wait(&p.last_barrier); /* all threads are known from here on */
    for (unsigned round = 0; round < p.rounds; round++) {
        for (unsigned i = 0; i < p.ops; i++)
            perform(me, p.list[me][round][i], (me * ROUNDS_MOST + round) * OPS_MOST + i);
        meet(me, round);
    }
    pthread_barrier_wait(&p.last_barrier); /* nobody signals a thread that has ended */
    return (void *)(uintptr_t)(me * me + own);
}

static void make_up(uint32_t seed)
{
    static const int priorities[] = {PTHREAD_RWLOCK_PREFER_READER_NP, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP};
    unsigned char few[FEW];
    memset(&p, 0, sizeof p);
    dice_state = seed * 2654435761u;
    p.threads = 2 + dice() % (THREADS_MOST - 1), p.rounds = 1 + dice() % ROUNDS_MOST, p.ops = 3 + dice() % (OPS_MOST - 2);
    p.futex_flag = dice() & 1 ? FUTEX_PRIVATE_FLAG : 0;
    for (int i = 0; i < FEW; i++) {
        few[i] = dice() % KINDS_COUNT;
        if ((few[i] >= CANCEL && few[i] <= CANCEL_WAITER) || few[i] == EXIT) /* half as often: unwinding takes long */
            few[i] = dice() % KINDS_COUNT;
    }
    for (unsigned i = 0; i < p.threads; i++)
        for (unsigned j = 0; j < p.rounds; j++)
            for (unsigned k = 0; k < p.ops; k++)
                p.used[p.list[i][j][k] = few[dice() % FEW]] = 1;
    for (unsigned j = 0; j < p.rounds; j++)
        p.meeting[j] = dice() % MEETINGS_COUNT;
    p.wake_op = dice() % 6, p.gate2 = p.wake_op == 4 ? 7 : 0; /* and not */

    pthread_mutexattr_t attr;
    pthread_condattr_t condattr;
    pthread_rwlockattr_t rwattr;
    pthread_mutexattr_init(&attr), pthread_condattr_init(&condattr), pthread_rwlockattr_init(&rwattr);
    pthread_mutexattr_settype(&attr, dice() & 1 ? PTHREAD_MUTEX_ADAPTIVE_NP : PTHREAD_MUTEX_NORMAL);
    pthread_mutex_init(&p.plain, &attr);
    pthread_mutex_init(&p.timed, NULL), pthread_mutex_init(&p.cell, NULL), pthread_mutex_init(&p.meet_lock, NULL), pthread_mutex_init(&p.service.lock, NULL);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE), pthread_mutex_init(&p.recursive, &attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), pthread_mutex_init(&p.errorcheck, &attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_NORMAL), pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&p.robust, &attr);
    pthread_condattr_setclock(&condattr, CLOCK_MONOTONIC);
    pthread_cond_init(&p.never, &condattr), pthread_cond_init(&p.meet_cond, NULL), pthread_cond_init(&p.service.asked, NULL);
    for (unsigned i = 0; i < p.threads; i++)
        pthread_cond_init(&p.service.answered[i], &condattr);
    pthread_rwlockattr_setkind_np(&rwattr, priorities[dice() & 1]), pthread_rwlock_init(&p.rw, &rwattr);
    pthread_spin_init(&p.spin, 0);
    p.once = PTHREAD_ONCE_INIT;
    sem_init(&p.tokens, 0, 2), sem_init(&p.items, 0, 0), sem_init(&p.spaces, 0, 4), sem_init(&p.none, 0, 0), sem_init(&p.finished, 0, 0);
    sem_init(&p.turnstile[0], 0, 0), sem_init(&p.turnstile[1], 0, 0);
    pthread_barrier_init(&p.barrier, NULL, p.threads), pthread_barrier_init(&p.last_barrier, NULL, p.threads + 1);
    pthread_key_create(&p.key, gone), pthread_key_create(&p.detached_key, gone_detached);
    pipe(p.pipe);
    if (p.used[EVENT]) {
        p.event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), p.epoll = epoll_create1(0);
        epoll_ctl(p.epoll, EPOLL_CTL_ADD, p.event, &(struct epoll_event){.events = EPOLLIN | (dice() & 1 ? EPOLLEXCLUSIVE : 0)});
    }
    if (p.used[SOCKET])
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p.sockets);
    sigset_t queued;
    sigemptyset(&queued), sigaddset(&queued, SIGRTMIN + 2);
    p.signals = signalfd(-1, &queued, 0);
}

static void run(uint32_t seed)
{
    long sum = 0, result;
    make_up(seed);
    if (p.used[SERVED] || p.used[SERVED_IN_TIME])
        p.server = start(serve, NULL);
    if (p.used[FUTEX_SERVED])
        p.futex_server = start(serve_futex, NULL);
    if (p.used[QUEUE])
        p.signal_server = start(serve_signals, (void *)(long)(dice() & 1));
    for (unsigned i = 0; i < p.threads; i++)
        p.thread[i] = start(work, (void *)(uintptr_t)i);
    pthread_barrier_wait(&p.last_barrier), pthread_barrier_wait(&p.last_barrier);
    for (unsigned i = 0; i < p.threads; i++)
        check(pthread_join(p.thread[i], (void **)&result) == 0), sum += result;
    if (p.server) {
        pthread_mutex_lock(&p.service.lock), p.service.stop = 1, pthread_cond_signal(&p.service.asked), pthread_mutex_unlock(&p.service.lock);
        pthread_join(p.server, NULL);
    }
    if (p.futex_server) {
        __atomic_fetch_or(&p.asks, 1u << 31, __ATOMIC_RELEASE), futex(&p.asks, FUTEX_WAKE, 1, 0, NULL, 0);
        pthread_join(p.futex_server, NULL);
    }
    if (p.signal_server)
        sigqueue(getpid(), SIGRTMIN + 2, (union sigval){0}), pthread_join(p.signal_server, NULL);
    for (long i = 0; i < p.count[DETACH]; i++)
        uninterrupted(sem_wait(&p.finished));
    for (unsigned i = 0; i < p.threads; i++)
        sum += p.held[i];
    int tokens, items, spaces, none;
    sem_getvalue(&p.tokens, &tokens), sem_getvalue(&p.items, &items), sem_getvalue(&p.spaces, &spaces), sem_getvalue(&p.none, &none);
    printf("%u: %u threads %u rounds of %u:", seed, p.threads, p.rounds, p.ops);
    for (int i = 0; i < KINDS_COUNT; i++)
        if (p.used[i])
            printf(" %d=%ld", i, (long)p.count[i]);
    printf(" | %ld %ld %ld %ld %ld %ld | %lx %x %lx %lx %lx %x %x | %x %x %x %x | %d %d %d %d | %ld %ld %ld %ld\n", p.plain_count, p.recursive_count,
           p.written, p.pair[0], p.put_at, p.got_at, (long)p.word64, p.word32, (long)p.bits, p.most, p.least, p.most32, p.least32, p.bytes[0], p.bytes[1],
           p.bytes[2], p.bytes[3], tokens, items, spaces, none, sum + (long)p.cell_value, (long)p.met, (long)p.destroyed, (long)p.cleaned);
    pthread_key_delete(p.key), pthread_key_delete(p.detached_key);
    close(p.pipe[0]), close(p.pipe[1]), close(p.signals);
    if (p.used[EVENT])
        close(p.event), close(p.epoll);
    if (p.used[SOCKET])
        close(p.sockets[0]), close(p.sockets[1]);
}

int main(int argc, char **argv)
{
    long first = atol(argv[1]), count = argc > 2 ? atol(argv[2]) : 1;
    pthread_mutexattr_t attr;
    sigset_t queued;
    setvbuf(stdout, NULL, _IOLBF, 1 << 16); /* what is printed before a deadlock is seen */
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attr), pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->robust, &attr);
    sem_init(&shared->done, 1, 0);
    pthread_atfork(before_fork, after_fork, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL);
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = on_signal}, NULL);
    sigaction(SIGRTMIN + 1, &(struct sigaction){.sa_sigaction = on_queued, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL);
    sigemptyset(&queued), sigaddset(&queued, SIGRTMIN + 2), pthread_sigmask(SIG_BLOCK, &queued, NULL);
    start(waits_for_ever, (void *)5L); /* until the process ends */
    for (long seed = first; seed < first + count; seed++)
        run(seed);
    printf("forks %ld %ld, their sum %ld\n", (long)prepared, (long)parents, (long)shared->sum);
    return 0;
}
