/* What every program here has: how much work to do (the first argument, or N from the compiler's command line), and one
   number on standard output that all its work went into, so that nobody can leave any of it out. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef N
#define N 1
#endif

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;

static inline long work(int argc, char **argv)
{
    return argc > 1 ? atol(argv[1]) : N;
}

static inline void put(u64 value)
{
    printf("%llu\n", (unsigned long long)value);
}
