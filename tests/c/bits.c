/* Bit tricks: counting, reversing, rotating, finding ends, Gray code, permutations of bits, sign tricks. */
#include "guest.h"

static int population(u64 x)
{
    x -= x >> 1 & 0x5555555555555555;
    x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return x * 0x0101010101010101 >> 56;
}

static u64 reverse(u64 x)
{
    u64 mask = ~0ul;
    for (int s = 32; s; s >>= 1) {
        mask ^= mask << s;
        x = (x >> s & mask) | (x << s & ~mask);
    }
    return x;
}

static u32 rotate(u32 x, int n)
{
    return x << (n & 31) | x >> (-n & 31);
}

static int leading_zeros(u64 x)
{
    int n = 64;
    for (int s = 32; s; s >>= 1)
        if (x >> s) {
            n -= s;
            x >>= s;
        }
    return n - (x != 0);
}

static u32 swap_bytes(u32 x)
{
    return x >> 24 | (x >> 8 & 0xff00) | (x << 8 & 0xff0000) | x << 24;
}

static u64 next_with_same_population(u64 x)
{
    u64 low = x & -x, ripple = x + low;
    return ripple | ((x ^ ripple) >> 2) / low;
}

static i64 sign_extend(u64 x, int bits)
{
    return (i64)(x << (64 - bits)) >> (64 - bits);
}

static u64 interleave(u32 x, u32 y)
{
    u64 r = 0;
    for (int i = 0; i < 32; i++)
        r |= (u64)(x >> i & 1) << (2 * i) | (u64)(y >> i & 1) << (2 * i + 1);
    return r;
}

int main(void)
{
    static const u64 samples[] = {0, 1, 0x8000000000000000, 0x123456789abcdef, ~0ul, 0xaaaa5555ffff0000};

    for (size_t i = 0; i < COUNT(samples); i++)
        printf("%016lx: %2d bits, %2d leading zeros, reversed %016lx\n", samples[i], population(samples[i]),
               leading_zeros(samples[i]), reverse(samples[i]));
    printf("%08x %08x %08x\n", rotate(0x80000001, 1), rotate(0x12345678, -8), swap_bytes(0x01020304));
    printf("gray:");
    for (u32 i = 0; i < 8; i++)
        printf(" %x", i ^ i >> 1);
    printf("\nthree of six:");
    for (u64 x = 7; x < 64; x = next_with_same_population(x))
        printf(" %lx", x);
    printf("\n%ld %ld %ld\n", sign_extend(0xff, 8), sign_extend(0x7ff, 12), sign_extend(0x80000000, 32));
    printf("%016lx\n", interleave(0xdeadbeef, 0x12345678));
    int a = -17, negative = a >> 31;
    printf("abs %d, lowest bit %d, power of two %d %d\n", (a ^ negative) - negative, 88 & -88, !(64 & 63), !(65 & 64));
    i32 w = 0x7fffffff;
    u8 byte = 200;
    signed char small = (signed char)byte;
    u16 half = (u16)-1;
    printf("%d %d %d %u %ld\n", byte, small, half, (u32)w + 1, (i64)(i32)((u32)w + 1));
    return 0;
}
