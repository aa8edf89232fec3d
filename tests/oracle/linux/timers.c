/* setitimer(2) and getitimer(2): what is armed, NULL for zeros, errors in Linux's order, each clock's signal. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught, last;
static void handler(int signal) { caught++, last = signal; }

static long set(long which, const void *new, void *old) { return syscall(SYS_setitimer, which, new, old) ? -errno : 0; }
static long get(long which, void *now) { return syscall(SYS_getitimer, which, now) ? -errno : 0; }

static void timer(const char *what, int which)
{
    struct itimerval v = {{9, 9}, {9, 9}};
    long r = get(which, &v);
    long left = v.it_value.tv_sec * 1000000 + v.it_value.tv_usec;
    printf("%s: %ld, every %ld us, %s\n", what, r, v.it_interval.tv_sec * 1000000 + v.it_interval.tv_usec, left ? "armed" : "off");
}

int main(void)
{
    static const char *names[] = {"real", "virtual", "prof"};
    static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct itimerval far = {{0, 500}, {1000, 0}}, off = {{0, 700}, {0, 0}}, bad = {{0, 0}, {0, 1000000}}, old;
    struct itimerval negative = {{0, -1}, {1, 0}}, soon = {{0, 1000}, {0, 1000}};

    for (int which = 0; which < 3; which++) {
        puts(names[which]);
        timer("at first", which);
        printf("far: %ld\n", set(which, &far, NULL));
        timer("far", which);
        printf("too many microseconds: %ld\n", set(which, &bad, NULL));
        printf("negative: %ld\n", set(which, &negative, NULL));
        printf("nothing there: %ld\n", set(which, (void *)8, NULL));
        timer("still", which);
        memset(&old, 0, sizeof old);
        printf("NULL: %ld\n", set(which, NULL, &old));
        printf("it was %ld s or a bit less, every %ld us\n", (long)old.it_value.tv_sec + (old.it_value.tv_usec > 500000), (long)old.it_interval.tv_usec);
        timer("after NULL", which);
        printf("to zero: %ld\n", set(which, &off, NULL));
        timer("after zero", which);
        printf("nowhere to put the old one: %ld\n", set(which, &far, (void *)8));
        timer("set all the same", which);
        set(which, NULL, NULL);
        printf("get to NULL: %ld\n", get(which, NULL));

        signal(signals[which], handler);
        caught = 0;
        set(which, &soon, NULL);
        while (caught < 5)
            ;
        set(which, NULL, NULL);
        printf("the signal is %d\n", last == signals[which]);
    }
    printf("no such timer: %ld %ld %ld\n", set(3, &far, NULL), get(3, &old), set(-1, NULL, NULL));
    printf("no such timer, nothing there: %ld\n", set(3, (void *)8, NULL));

    /* signal(2) of glibc sets SA_RESTART: a wait with a timeout ends all the same. */
    struct itimerval once = {{0, 0}, {0, 300000}}; /* long enough for a busy host to be waiting by then */
    struct timespec timeout = {5, 0};
    int word = 0;
    set(ITIMER_REAL, &once, NULL);
    long r = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &timeout, NULL, 0);
    printf("futex with a timeout: %ld %s\n", r, strerror(errno));
    return 0;
}
