/* Memory mapped, one page of it touched, and unmapped again, while a few other mappings come and go. */
#include "bench.h"
#include <sys/mman.h>

#define KEPT 64
#define LENGTH (64 << 10)

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u8 *kept[KEPT] = {0};
    u64 sum = 0;
    for (long i = 0; i < n; i++) {
        u8 *at = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            perror("mmap");
            return 1;
        }
        at[i * 4096 % LENGTH] = i;
        u8 **slot = &kept[i * 29 % KEPT];
        if (*slot) {
            sum += (*slot)[(i - KEPT) * 4096 % LENGTH];
            munmap(*slot, LENGTH);
        }
        *slot = at;
    }
    put(sum);
    return 0;
}
