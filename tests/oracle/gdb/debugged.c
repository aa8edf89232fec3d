/* What a debugger looks at in test_gdb_sessions.py. The word after the program's name chooses what it does. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct point {
    int x, y;
    double weight;
};

static int calls;
static struct {
    long row[4];
    long x;
} spoiled = {.x = 42};

int square(int n) {
    int result = n * n;
    return result;
}

static double scale(struct point *p, double by) {
    p->weight *= by;
    return p->weight;
}

static int by_size(const void *a, const void *b) {
    calls++;
    return *(const int *)a - *(const int *)b;
}

static void on_signal(int number) {
    calls += number;
}

static int work(void) {
    struct point here = {3, 4, 2.5};
    int numbers[] = {5, 3, 9, 1};
    int sum = 0;
    for (int i = 1; i <= 10; i++)
        sum += square(i);
    scale(&here, 1.5);
    qsort(numbers, 4, sizeof *numbers, by_size);
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    printf("sum %d, first %d, weight %g\n", sum, numbers[0], here.weight);
    return sum == 385 ? 3 : 1;
}

static void fill(int count) {
    for (int i = 0; i < count; i++)
        spoiled.row[i] = i * 10;
}

static int crash(void) {
    printf("x is %ld\n", spoiled.x);
    fflush(stdout);
    fill(5);
    return *(volatile int *)spoiled.x;
}

static int forks(char *self) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int answer = square(6);
        _exit(answer);
    }
    waitpid(child, &status, 0);
    child = vfork();
    if (child == 0) {
        execl("/proc/self/exe", self, "exec", (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
    return 0;
}

static pthread_barrier_t barrier;

static void *threaded(void *number) {
    long mine = (long)number;
    pthread_barrier_wait(&barrier);
    return (void *)(long)square(mine);
}

static int threads(void) {
    pthread_t made[2];
    long total = 0;
    pthread_barrier_init(&barrier, NULL, 3);
    for (long i = 0; i < 2; i++)
        pthread_create(&made[i], NULL, threaded, (void *)(i + 2));
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(made[i], &result);
        total += (long)result;
    }
    printf("total %ld\n", total);
    return 0;
}

int main(int argc, char **argv) {
    char *what = argc > 1 ? argv[1] : "work";
    if (!strcmp(what, "crash"))
        return crash();
    if (!strcmp(what, "forks"))
        return forks(argv[0]);
    if (!strcmp(what, "exec"))
        return 12;
    if (!strcmp(what, "threads"))
        return threads();
    return work();
}
