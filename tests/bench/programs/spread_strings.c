/* Little time in much code: the C library's formatting, allocation, sorting, comparison and conversion of strings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *key;
    int value;
};

static int compare(const void *a, const void *b)
{
    return strcmp((*(struct entry *const *)a)->key, (*(struct entry *const *)b)->key);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100;
    struct entry **table = malloc(count * sizeof *table);
    unsigned seed = 1;
    for (int i = 0; i < count; i++) {
        char text[64];
        seed = seed * 1103515245 + 12345;
        snprintf(text, sizeof text, "key-%u-%x-%5.2f", seed % 10007, seed, seed / 1e6);
        table[i] = malloc(sizeof *table[i]);
        table[i]->key = strdup(text);
        table[i]->value = i;
        if (i % 3 == 0)
            table[i]->key = realloc(table[i]->key, 100 + seed % 400);
        if (i % 7 == 0)
            free(calloc(1, seed % 5000));
    }
    qsort(table, count, sizeof *table, compare);
    unsigned long sum = 0;
    for (int i = 0; i < count; i++) {
        sum = sum * 31 + table[i]->value;
        if (i % 10 == 0)
            printf("%s %d %ld\n", table[i]->key, table[i]->value, strtol(table[i]->key + 4, NULL, 10));
        free(table[i]->key);
        free(table[i]);
    }
    printf("%lu\n", sum);
    return 0;
}
