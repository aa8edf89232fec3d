/* Calls and returns, and little else. */
#include "bench.h"

__attribute__((noinline)) u64 fib(u64 n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(void)
{
    put(fib(N));
    return 0;
}
