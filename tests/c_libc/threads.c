/* Threads that share what the library keeps: atexit's functions, the environment, rand. Nothing is lost and nothing is twice. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 4
#define TIMES 300

static int numbers[THREADS * TIMES], expected[THREADS * TIMES];
static int called;

static void counted(void) { called++; }
static void last(void) { printf("%d functions\n", called); }
static int order(const void *a, const void *b) { return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b); }

static void *work(void *argument)
{
    int me = (int)(long)argument;
    char name[20], value[20];
    for (int i = 0; i < TIMES; i++) {
        numbers[me * TIMES + i] = rand();
        if (i % 4 == 0 && atexit(counted))
            puts("no room");
        if (i % 10 == 0) {
            sprintf(name, "T%d_%d", me, i);
            sprintf(value, "%d", me * i);
            if (setenv(name, value, 1) || !getenv(name) || strcmp(getenv(name), value))
                puts("a variable is lost");
            if (i % 20 == 0 && (unsetenv(name) || getenv(name)))
                puts("a variable is still there");
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int found = 0;
    char name[20];
    atexit(last);
    srand(7);
    for (int i = 0; i < THREADS * TIMES; i++)
        expected[i] = rand();
    srand(7);
    for (long i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i))
            puts("no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(numbers, THREADS * TIMES, sizeof *numbers, order);
    qsort(expected, THREADS * TIMES, sizeof *expected, order);
    printf("rand: %s\n", memcmp(numbers, expected, sizeof numbers) ? "not the sequence" : "the sequence");
    for (int me = 0; me < THREADS; me++)
        for (int i = 0; i < TIMES; i += 10) {
            sprintf(name, "T%d_%d", me, i);
            found += getenv(name) != NULL;
        }
    printf("%d variables\n", found);
    return 0;
}
