/* An array of four times physical memory, gone through in every way: forwards, backwards, by columns, at random; and a product of
 * matrices that do not fit either. Every value is checked. */
#include "../guest.h"

enum { PAGES = 512, WORDS = 512, SIDE = 96 };

static u64 wrong;

static u64 mixed(u64 x)
{
    x ^= x >> 31;
    x *= 0x9E3779B97F4A7C15;
    return x ^ x >> 29;
}

static u64 a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];

int main(void)
{
    u64 *data = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    u64 sum = 0, place = 1;
    int i, j, k;

    for (i = 0; i < PAGES; i++)
        for (j = 0; j < WORDS; j += 64)
            data[i * WORDS + j] = mixed(i * WORDS + j);
    for (i = PAGES - 1; i >= 0; i--)
        for (j = 0; j < WORDS; j += 64)
            wrong += data[i * WORDS + j] != mixed(i * WORDS + j);
    for (j = 0; j < WORDS; j += 128)
        for (i = 0; i < PAGES; i++)
            data[i * WORDS + j] += i;
    for (i = 0; i < 2000; i++) {
        place = mixed(place + i) & PAGES - 1;
        sum += data[place * WORDS] - mixed(place * WORDS) - place;
    }
    for (i = 0; i < PAGES; i++)
        sum += data[i * WORDS + 128] - mixed(i * WORDS + 128);
    printf("wrong %lu, sum %lu\n", wrong, sum);
    munmap(data, PAGES * 4096);

    for (i = 0; i < SIDE; i++)
        for (j = 0; j < SIDE; j++)
            a[i][j] = i + 2 * j, b[i][j] = 3 * i - j;
    for (i = 0; i < SIDE; i += 8)
        for (j = 0; j < SIDE; j += 8) {
            u64 dot = 0;
            for (k = 0; k < SIDE; k++)
                dot += a[i][k] * b[k][j];
            c[i][j] = dot;
        }
    for (sum = i = 0; i < SIDE; i++)
        for (j = 0; j < SIDE; j++)
            sum = sum * 31 + c[i][j];
    printf("product %lx\n", sum);
    return 0;
}
