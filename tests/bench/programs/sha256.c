/* SHA-256's rounds (with constants of our own): straight arithmetic on 32 bits. */
#include "bench.h"

static u32 constants[64];
static u8 data[1 << 16];
#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))

__attribute__((noinline)) static void block(u32 *h, const u8 *p)
{
    u32 w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        u32 s0 = ROTATE(w[i - 15], 7) ^ ROTATE(w[i - 15], 18) ^ w[i - 15] >> 3;
        u32 s1 = ROTATE(w[i - 2], 17) ^ ROTATE(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    u32 a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], last = h[7];
    for (int i = 0; i < 64; i++) {
        u32 t1 = last + (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
        u32 t2 = (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        last = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e, h[5] += f, h[6] += g, h[7] += last;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u32 seed = 7, h[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int i = 0; i < 64; i++)
        constants[i] = seed = seed * 1664525 + 1013904223;
    for (int i = 0; i < 1 << 16; i++)
        data[i] = i;
    for (long round = 0; round < n; round++)
        for (int i = 0; i < 1 << 16; i += 64)
            block(h, data + i);
    put(h[0] ^ h[7]);
    return 0;
}
