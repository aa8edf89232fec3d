/* malloc, calloc, realloc, free under a random load: every block is filled with its own pattern, checked before it is given
 * back, and must overlap no other; then the edges. */
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 400

static unsigned char *block[BLOCKS];
static size_t size[BLOCKS];
static unsigned seed = 7, wrong;
static unsigned next(void) { return seed = seed * 1664525 + 1013904223, seed >> 8; }

static void fill(int i, size_t from)
{
    for (size_t k = from; k < size[i]; k++)
        block[i][k] = i * 31 + k * 7 + (k >> 8);
}

static void check(int i, size_t n)
{
    for (size_t k = 0; k < n; k++)
        wrong += block[i][k] != (unsigned char)(i * 31 + k * 7 + (k >> 8));
}

static size_t some_size(void)
{
    unsigned kind = next() % 100;
    return kind < 60 ? next() % 200 : kind < 90 ? next() % 3000 : kind < 98 ? next() % 60000 : 120000 + next() % 100000;
}

static void load(int rounds)
{
    unsigned long sum = 0;
    for (int round = 0; round < rounds; round++) {
        int i = next() % BLOCKS;
        unsigned what = next() % 10;
        if (!block[i]) {
            size[i] = some_size();
            block[i] = what < 3 ? calloc(size[i], 1) : malloc(size[i]);
            if (what < 3)
                for (size_t k = 0; k < size[i]; k++)
                    wrong += block[i][k] != 0;
            wrong += ((unsigned long)block[i] & 15) != 0;
            wrong += malloc_usable_size(block[i]) < size[i];
            fill(i, 0);
        } else if (what < 4) {
            size_t old = size[i];
            size[i] = some_size() + 1;
            block[i] = realloc(block[i], size[i]);
            wrong += ((unsigned long)block[i] & 15) != 0;
            check(i, old < size[i] ? old : size[i]);
            fill(i, old < size[i] ? old : size[i]);
        } else {
            check(i, size[i]);
            sum += size[i];
            free(block[i]);
            block[i] = 0;
        }
        if (round % 500 == 250) /* somebody else moves the break */
            wrong += sbrk(24) == (void *)-1;
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (block[i])
            check(i, size[i]);
        free(block[i]);
        block[i] = 0;
    }
    printf("%lu bytes, %u wrong\n", sum, wrong);
}

static void *volatile sink;

int main(void)
{
    load(12000);
    seed = 99;
    load(4000);
    static const size_t huge[] = {(size_t)-1, (size_t)-16, (size_t)-4096, (size_t)-5000, (size_t)1 << 63, ((size_t)1 << 63) - 1, (size_t)1 << 46};
    for (int i = 0; i < 7; i++) {
        errno = 0;
        sink = malloc(huge[i]);
        printf("%d %d ", sink == 0, errno);
        errno = 0;
        char *p = malloc(10);
        strcpy(p, "still");
        sink = realloc(p, huge[i]);
        printf("%d %d %s ", sink == 0, errno, p);
        free(p);
        errno = 0;
        sink = calloc(huge[i] / 2 + 1, 4);
        printf("%d %d\n", sink == 0, errno);
    }
    char *p = malloc(0), *q = malloc(0);
    printf("%d\n", p && q && p != q);
    free(p), free(q), free(0);
    p = realloc(0, 20);
    strcpy(p, "twenty");
    for (size_t n = 30; n < 2000000; n = n * 3 / 2)
        p = realloc(p, n);
    printf("%s\n", p);
    for (size_t n = 2000000; n > 10; n = n / 3)
        p = realloc(p, n);
    printf("%s\n", p);
    printf("%d\n", realloc(p, 0) == 0);
    char **list = 0; /* many small ones: back in the order they came, then from both ends */
    for (int i = 0; i < 5000; i++) {
        char **cell = malloc(16 + i % 50);
        cell[0] = (char *)list;
        list = cell;
    }
    while (list) {
        char **rest = (char **)list[0];
        free(list);
        list = rest;
    }
    printf("done\n");
    return 0;
}
