/* Branches that nobody can predict, in 20 MB. */
#include "bench.h"

#define COUNT 5000000
static u32 values[COUNT];

static void sort(u32 *v, long low, long high)
{
    while (low < high) {
        u32 pivot = v[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j) {
                u32 swap = v[i];
                v[i++] = v[j];
                v[j--] = swap;
            }
        }
        if (j - low < high - i) {
            sort(v, low, j);
            low = i;
        } else {
            sort(v, i, high);
            high = j;
        }
    }
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u32 seed = 1;
    u64 hash = 0;
    for (long round = 0; round < n; round++) {
        for (int i = 0; i < COUNT; i++)
            values[i] = seed = seed * 1664525 + 1013904223;
        sort(values, 0, COUNT - 1);
        for (int i = 0; i < COUNT; i += 1000)
            hash = hash * 31 + values[i];
    }
    put(hash);
    return 0;
}
