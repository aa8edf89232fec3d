/* A binary tree of random keys: loads that wait for loads, and branches that nobody foresees. 2,000 pages. */
#include "bench.h"

#define NODES (1 << 17)
static struct node { u64 key; struct node *child[2]; u64 hits[5]; } nodes[NODES];

static u64 next(u64 *seed)
{
    *seed = *seed * 6364136223846793005UL + 1442695040888963407UL;
    return *seed >> 20;
}

__attribute__((noinline)) static struct node **find(struct node **at, u64 key)
{
    while (*at && (*at)->key != key)
        at = &(*at)->child[(*at)->key < key];
    return at;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    struct node *root = 0;
    u64 seed = 1, sum = 0;
    for (u32 i = 0; i < NODES; i++) {
        u64 key = next(&seed);
        struct node **place = find(&root, key);
        if (!*place) {
            nodes[i].key = key;
            *place = &nodes[i];
        }
    }
    for (long round = 0; round < n; round++) {
        seed = 1;
        for (u32 i = 0; i < NODES; i++)
            sum += (*find(&root, next(&seed)))->hits[0]++;
    }
    put(sum);
    return 0;
}
