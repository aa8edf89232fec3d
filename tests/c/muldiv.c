/* 64-bit and 32-bit multiplication, division and shifts, with signs and at the edges. */
#include "guest.h"

static const i64 values[] = {0, 1, -1, 7, -7, 1000000007, -1000000007, 0x7fffffffffffffff, -0x7fffffffffffffff - 1, 0x123456789abcdef};

static u64 mulhu(u64 a, u64 b)
{
    return (unsigned __int128)a * b >> 64;
}

static i64 mulh(i64 a, i64 b)
{
    return (__int128)a * b >> 64;
}

static u64 power(u64 base, u64 exponent, u64 modulus)
{
    u64 result = 1;
    for (base %= modulus; exponent; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

static u64 root(u64 n)
{
    u64 r = 0;
    for (u64 bit = 1ul << 31; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= n)
            r += bit;
    return r;
}

int main(void)
{
    u64 check = 0;

    for (size_t i = 0; i < COUNT(values); i++)
        for (size_t j = 0; j < COUNT(values); j++) {
            i64 a = values[i], b = values[j];
            u64 ua = a, ub = b;
            check = check * 31 + ua * ub;
            check = check * 31 + mulhu(a, b) + (u64)mulh(a, b) * 3;
            if (b) {
                check = check * 31 + ua / ub + ua % ub;
                if (b != -1)
                    check = check * 31 + (u64)(a / b) * 5 + (u64)(a % b);
                if ((i32)b && (i32)b != -1)
                    check = check * 31 + (u64)((i32)a / (i32)b) + (u32)a % (u32)b;
            }
        }
    printf("checksum %016lx\n", check);
    printf("%ld %ld %ld %ld\n", 7l / -2, 7l % -2, -7l / values[3], -8l % values[3]);
    printf("mulhu %016lx mulh %016lx\n", mulhu(-1, -1), (u64)mulh(values[8], values[7]));
    printf("by constants: %ld %ld %d %u\n", values[9] / 10, values[4] / 3, (i32)values[6] / 1000, (u32)values[5] % 60);
    printf("shifts: %ld %lx %d %x\n", values[8] >> 63, (u64)values[8] >> 60, (i32)0x80000000 >> 4, 0x80000000u >> 4);
    printf("2^1000 mod 1000000007 = %lu\n", power(2, 1000, 1000000007));
    printf("sqrt(10^18 - 1) = %lu\n", root(999999999999999999ul));
    printf("wrapped: %d %ld\n", (i32)(0x7fffffffu + 1u), (i64)((u64)values[7] + 1));
    return 0;
}
