/* Open addressing in 2 MiB: loads at random places. */
#include "bench.h"

#define SLOTS (1 << 17)
static struct { u64 key, value; } slots[SLOTS];

static u64 mix(u64 x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdUL;
    return x ^ x >> 29;
}

__attribute__((noinline)) static u64 *find(u64 key)
{
    u64 i = mix(key) & (SLOTS - 1);
    while (slots[i].key && slots[i].key != key)
        i = (i + 1) & (SLOTS - 1);
    slots[i].key = key;
    return &slots[i].value;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 sum = 0;
    for (long round = 0; round < n; round++)
        for (u64 i = 1; i <= 80000; i++)
            sum += *find(i * 2654435761u) += i;
    put(sum);
    return 0;
}
