/* 5,000 functions that are called in turn: much code, little repetition, as when CPython or openssl starts. */
#include "bench.h"

static u64 a[64];

#define HASH(i) ((i) * 2654435761u)
#define F(i) __attribute__((noinline)) static u64 f##i(u64 x)                    \
{                                                                                \
    if (x & 1 << (HASH(1##i) >> 8 & 7))                                          \
        a[x & 63] += x * (HASH(1##i) >> 16 & 1023);                              \
    else                                                                         \
        x ^= a[HASH(1##i) >> 10 & 63];                                           \
    return x * (HASH(1##i) >> 12 | 1) + 1##i;                                    \
}
#define NAME(i) f##i,
#define TEN(of, i) of(i##0) of(i##1) of(i##2) of(i##3) of(i##4) of(i##5) of(i##6) of(i##7) of(i##8) of(i##9)
#define HUNDRED(of, i) TEN(of, i##0) TEN(of, i##1) TEN(of, i##2) TEN(of, i##3) TEN(of, i##4) \
    TEN(of, i##5) TEN(of, i##6) TEN(of, i##7) TEN(of, i##8) TEN(of, i##9)
#define THOUSAND(of, i) HUNDRED(of, i##0) HUNDRED(of, i##1) HUNDRED(of, i##2) HUNDRED(of, i##3) HUNDRED(of, i##4) \
    HUNDRED(of, i##5) HUNDRED(of, i##6) HUNDRED(of, i##7) HUNDRED(of, i##8) HUNDRED(of, i##9)
#define ALL(of) THOUSAND(of, 0) THOUSAND(of, 1) THOUSAND(of, 2) THOUSAND(of, 3) THOUSAND(of, 4)

ALL(F)
static u64 (*const functions[])(u64) = { ALL(NAME) };

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 x = 1;
    for (long round = 0; round < n; round++)
        for (u32 i = 0; i < sizeof functions / sizeof *functions; i++)
            x = functions[i](x);
    put(x);
    return 0;
}
