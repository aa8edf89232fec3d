/* Calls and returns, and little else. */
#include "bench.h"

__attribute__((noinline)) u64 fib(u64 n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 sum = 0;
    for (long round = 0; round < n; round++)
        sum += fib(30 + (round & 1));
    put(sum);
    return 0;
}
