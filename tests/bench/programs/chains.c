/* A hash table of strings with chains from malloc: a list to follow and a string to compare for each word. */
#include "bench.h"

#define BUCKETS (1 << 14)
#define WORDS 60000
static struct entry { struct entry *next; u64 count; char word[32]; } *buckets[BUCKETS];

__attribute__((noinline)) static struct entry *find(const char *word)
{
    u64 hash = 14695981039346656037UL;
    for (const char *at = word; *at; at++)
        hash = (hash ^ (u8)*at) * 1099511628211UL;
    struct entry **place = &buckets[hash >> 20 & (BUCKETS - 1)];
    while (*place && strcmp((*place)->word, word))
        place = &(*place)->next;
    if (!*place) {
        *place = calloc(1, sizeof **place + hash % 64);
        strcpy((*place)->word, word);
    }
    return *place;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    static char words[WORDS][16];
    u64 sum = 0;
    for (u32 i = 0; i < WORDS; i++)
        sprintf(words[i], "word%u", i * 2654435761u % 1000003);
    for (long round = 0; round < n; round++)
        for (u32 i = 0; i < WORDS; i++)
            sum += ++find(words[i * 7919u % WORDS])->count;
    put(sum);
    return 0;
}
