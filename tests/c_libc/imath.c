/* libimath: one line "name arguments = result" for each call; test_libc.py works out the same in Python. */
#include <imath.h>
#include <stdio.h>

static unsigned long state = 88172645463325252;
static unsigned long next(void) { return state ^= state << 13, state ^= state >> 7, state ^= state << 17; }

#define ONE(f, a) printf(#f " %lu = %lu\n", (unsigned long)(a), (unsigned long)f(a))
#define TWO(f, a, b) printf(#f " %lu %lu = %lu\n", (unsigned long)(a), (unsigned long)(b), (unsigned long)f(a, b))

int main(void)
{
    static const unsigned long edges[] = {0, 1, 2, 3, 4, 63, 64, 65, 251, 253, 257, 63001, 66049, 65535, 4294967295, 4294967296, 4294967291,
                                          1ul << 63, -1ul, -2ul, 18446744065119617025ul};
    for (int i = 0; i < 80; i++) {
        unsigned long a = i < 21 ? edges[i] : next() >> i % 60, b = i < 21 ? edges[20 - i] : next() >> i * 7 % 60, m = next() >> i % 40 | 1;
        TWO(gcd, a, b);
        TWO(lcm, a >> 32, b >> 32);
        ONE(isqrt, a);
        TWO(ipow, a, i);
        printf("mulmod %lu %lu %lu = %lu\n", a, b, m, mulmod(a, b, m));
        printf("powmod %lu %lu %lu = %lu\n", a, b, m, powmod(a, b, m));
        ONE(popcount, a);
        ONE(clz, a);
        ONE(ctz, a);
        ONE(reverse_bytes, a);
        ONE(fibonacci, i);
        ONE(factorial, i % 21);
        TWO(binomial, i % 40, i % 13);
        ONE(collatz_length, a >> 40);
        ONE(is_prime, a >> 34);
        printf("crc32 %lu = %lu\n", a, (unsigned long)crc32(0, &a, 8));
        printf("fnv1a %lu = %lu\n", a, fnv1a(&a, 8));
    }
    for (unsigned long n = 0; n < 70; n++) {
        ONE(is_prime, n * 977 % 70000);
        ONE(nth_prime, n);
        ONE(next_prime, n * n * 13);
    }
    ONE(is_prime, 4294967291);
    ONE(is_prime, 4295098369); /* 65537 squared */
    printf("version %s\n", imath_version());
    imath_hello();
    return 0;
}
