/* A linked list in no order: each load waits for the one before, on another page. 3,200 pages. */
#include "bench.h"

#define NODES (1 << 17)
static struct node { struct node *next; u64 value[11]; } nodes[NODES];
static u32 order[NODES];

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 seed = 1, sum = 0;
    for (u32 i = 0; i < NODES; i++)
        order[i] = i;
    for (u32 i = NODES - 1; i; i--) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        u32 other = (seed >> 33) % (i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (u32 i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value[0] = i;
    }
    struct node *at = nodes;
    for (long round = 0; round < n; round++)
        for (u32 i = 0; i < NODES; i++) {
            sum += at->value[0];
            at = at->next;
        }
    put(sum);
    return 0;
}
