/* Stores of bytes at growing strides. */
#include "bench.h"

#define LIMIT 2000000
static u8 prime[LIMIT + 1];

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 count = 0;
    for (long round = 0; round < n; round++) {
        for (int i = 0; i <= LIMIT; i++)
            prime[i] = 1;
        for (long i = 2; i * i <= LIMIT; i++)
            if (prime[i])
                for (long j = i * i; j <= LIMIT; j += i)
                    prime[j] = 0;
        count = 0;
        for (int i = 2; i <= LIMIT; i++)
            count += prime[i];
    }
    put(count);
    return 0;
}
