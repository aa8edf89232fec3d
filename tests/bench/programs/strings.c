/* Length of a string and search in it, byte by byte. */
#include "bench.h"

static char text[1 << 16];

__attribute__((noinline)) static u64 length(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return end - s;
}

__attribute__((noinline)) static const char *find(const char *s, const char *word)
{
    for (; *s; s++) {
        const char *a = s, *b = word;
        while (*b && *a == *b) {
            a++;
            b++;
        }
        if (!*b)
            return s;
    }
    return 0;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u64 sum = 0;
    for (int i = 0; i < (1 << 16) - 1; i++)
        text[i] = 'a' + (i * i >> 3) % 23;
    for (long round = 0; round < n; round++) {
        sum += length(text);
        for (const char *at = text; (at = find(at, "aba")); at++)
            sum += at - text;
    }
    put(sum);
    return 0;
}
