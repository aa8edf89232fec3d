/* Jumps of all kinds: goto out of loops and into blocks, labels as values, nested breaks, do-while, comma, ternaries. */
#include "guest.h"

static int find(int wanted)
{
    int i, j;
    for (i = 0; i < 20; i++)
        for (j = i; j < 20; j++)
            if (i * j == wanted)
                goto found;
    return -1;
found:
    return i * 100 + j;
}

static const char *classify(int n)
{
    static void *const by_remainder[] = {&&fizzbuzz, &&plain, &&plain, &&fizz, &&plain, &&buzz, &&fizz, &&plain,
                                         &&plain, &&fizz, &&buzz, &&plain, &&fizz, &&plain, &&plain};
    static char number[8];
    goto *by_remainder[n % 15];
fizzbuzz:
    return "FizzBuzz";
fizz:
    return "Fizz";
buzz:
    return "Buzz";
plain:
    sprintf(number, "%d", n);
    return number;
}

static int collatz(long n)
{
    int steps = 0;
again:
    if (n == 1)
        return steps;
    n = n & 1 ? 3 * n + 1 : n / 2;
    steps++;
    goto again;
}

/* Duff's device: a loop that begins in the middle of a switch. */
static void copy(char *to, const char *from, int n)
{
    int rounds = (n + 3) / 4;
    switch (n % 4) {
    case 0: do { *to++ = *from++; /* fall through */
    case 3:      *to++ = *from++; /* fall through */
    case 2:      *to++ = *from++; /* fall through */
    case 1:      *to++ = *from++;
            } while (--rounds);
    }
}

int main(void)
{
    char out[24] = {0};
    int i = 0, j = 10;

    printf("%d %d %d\n", find(323), find(17 * 19), find(23));
    for (int n = 1; n <= 15; n++)
        printf("%s ", classify(n));
    printf("\n%d %d\n", collatz(27), collatz(97));
    copy(out, "Duff's device", 14);
    puts(out);
    do {
        if (i == 3)
            continue;
        if (i + j == 100)
            break;
        j = i % 2 ? j + i : (j--, j - 1);
    } while (++i < 50);
    printf("%d %d\n", i, j);
    return 0;
}
