/* qsort on orders that defeat careless algorithms and on elements of many sizes; bsearch. Keys are different wherever the
 * order of equal ones could show (qsort is not stable). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long calls;
static size_t width;

static int by_int(const void *a, const void *b)
{
    calls++;
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, width); }

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static unsigned seed = 1;
static unsigned next(void) { return seed = seed * 1664525 + 1013904223, seed >> 8; }

static void orders(int n)
{
    int *v = malloc(n * sizeof *v + 1), log = 1;
    while (1 << log < n)
        log++;
    for (int kind = 0; kind < 8; kind++) {
        for (int i = 0; i < n; i++)
            v[i] = kind == 0 ? i : kind == 1 ? -i : kind == 2 ? 5 : kind == 3 ? (int)next() : kind == 4 ? i % 3 : kind == 5 ? (i < n / 2 ? i : n - i)
                 : kind == 6 ? (int)(next() % 10) : (i ^ 1);
        unsigned before = 0, after = 0;
        for (int i = 0; i < n; i++)
            before += v[i] * 31u * v[i] + v[i];
        calls = 0;
        qsort(v, n, sizeof *v, by_int);
        int sorted = 1;
        for (int i = 0; i < n; i++) {
            after += v[i] * 31u * v[i] + v[i];
            sorted &= i == 0 || v[i - 1] <= v[i];
        }
        printf("%d %d: %d %d %d %d %d\n", n, kind, sorted, before == after, calls <= 2L * n * log + 2, n ? v[0] : 0, n ? v[n - 1] : 0);
    }
    free(v);
}

int main(void)
{
    static const int sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 100, 1000, 4097};
    for (int i = 0; i < 13; i++)
        orders(sizes[i]);
    for (width = 1; width <= 40; width++) {
        unsigned char *v = malloc(50 * width + 1);
        for (size_t i = 0; i < 50 * width; i++)
            v[i] = next();
        qsort(v, 50, width, by_bytes);
        unsigned long sum = 0;
        for (size_t i = 0; i < 50 * width; i++)
            sum = (sum ^ v[i]) * 0x100000001b3;
        unsigned char *found = bsearch(v + 17 * width, v, 50, width, by_bytes);
        printf("%d %lx %d\n", (int)width, sum, found && memcmp(found, v + 17 * width, width) == 0);
        free(v);
    }
    char *names[] = {"pear", "fig", "apple", "quince", "date", "lemon", "grape"}, *key = "lemon", *none = "melon";
    qsort(names, 7, sizeof *names, by_name);
    for (int i = 0; i < 7; i++)
        printf("%s ", names[i]);
    printf("%d %d\n", (int)((char **)bsearch(&key, names, 7, sizeof *names, by_name) - names), !bsearch(&none, names, 7, sizeof *names, by_name));
    int odd[] = {1, 3, 5, 7, 9, 11, 13};
    for (int n = 0; n < 8; n++)
        for (int k = 0; k < 15; k++) {
            int *at = bsearch(&k, odd, n, sizeof *odd, by_int);
            printf("%d", at ? (int)(at - odd) : 9);
        }
    printf("\n");
    return 0;
}
