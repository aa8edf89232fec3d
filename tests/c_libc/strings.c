/* mem* and str* over lengths and alignments of both operands, guarded by bytes that must not change, and searching. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char from[256], to[256];
static unsigned long sum;

static void account(const void *block, size_t n)
{
    const unsigned char *p = block;
    while (n--)
        sum = (sum ^ *p++) * 0x100000001b3;
}

static int sign(int n) { return (n > 0) - (n < 0); }

static void blocks(void)
{
    for (int a = 0; a < 9; a++)
        for (int b = 0; b < 9; b++)
            for (int n = 0; n < 100; n = n < 40 ? n + 1 : n + 7) {
                for (int i = 0; i < 256; i++)
                    from[i] = i * 7 + n, to[i] = i;
                account(&(long){(unsigned char *)memcpy(to + 16 + a, from + 8 + b, n) - to}, 8);
                account(to, 256);
                account(&(long){(unsigned char *)memmove(to + 16 + a, to + 16 + b, n) - to}, 8);
                account(to, 256);
                account(&(long){(unsigned char *)memset(to + 32 + a, 0x180 + b, n) - to}, 8);
                account(to, 256);
                memcpy(to + a, from + b, n + 20);
                int difference = memcmp(to + a, from + b, n);
                to[a + n / 2] ^= 0x80 | b;
                account(&(int[]){difference, sign(memcmp(to + a, from + b, n)), sign(memcmp(from + b, to + a, n))}, 12);
                unsigned char *found = memchr(to + a, 0x1ff & (n * 3), n), *last = memrchr(to + a, n * 3, n);
                account(&(long[]){found ? found - to : -1, last ? last - to : -1}, 16);
            }
    printf("blocks %lx\n", sum);
}

static void whole(void)
{
    char s[200], d[200];
    for (int a = 0; a < 9; a++)
        for (int b = 0; b < 9; b++)
            for (int n = 0; n < 60; n++) {
                memset(s, 'x', sizeof s);
                memset(d, 'y', sizeof d);
                for (int i = 0; i < n; i++)
                    s[a + i] = 1 + (i * 37 + n * 11) % 255;
                s[a + n] = 0;
                account(&(long[]){strlen(s + a), strnlen(s + a, b * 5), strnlen(s + a, -1)}, 24);
                account(&(long[]){strcpy(d + b, s + a) - d, stpcpy(d + 80 + b, s + a) - d}, 16);
                account(d, sizeof d);
                account(&(int[]){strcmp(d + b, s + a), strncmp(d + b, s + a, n), strcoll(d + b, s + a)}, 12);
                d[b + n / 2] += 1 + a;
                account(&(int[]){sign(strcmp(d + b, s + a)), sign(strcmp(s + a, d + b)), sign(strncmp(d + b, s + a, n / 2)),
                                 sign(strncmp(s + a, d + b, n / 2 + 1)), sign(strncmp(s + a, d + b, 0))}, 20);
                account(strncpy(d + b, s + a, n / 2 + b), 60);
                d[100] = 0;
                d[101] = 'q';
                strcpy(d, "start");
                account(strcat(d, s + a), 100);
                d[3] = 0;
                account(strncat(d, s + a, b * 4), 100);
            }
    char *copy = strdup("copied"), *part = strndup("copied", 3), *all = strndup("copied", 30);
    printf("whole %lx %s %s %s\n", sum, copy, part, all);
    free(copy), free(part), free(all);
    printf("%d %d %d %d\n", sign(strcasecmp("HeLLo", "hEllO")), sign(strcasecmp("abc", "ABD")), sign(strncasecmp("abcX", "ABCy", 3)),
           sign(strcasecmp("a[", "A{")));
}

static void search(void)
{
    static const char *texts[] = {"", "a", "abc", "abcabcabd", "aaab", "mississippi", "hello, world", "a,b;;c", ",;,", "\xff\x80z"};
    static const char *parts[] = {"", "a", "b", "abd", "aab", "ssip", "issip", "world", ",", ";,", "\xff", "zz", "abcabcabdx"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *t = texts[i];
        for (size_t j = 0; j < sizeof parts / sizeof *parts; j++) {
            const char *p = parts[j], *at = strstr(t, p), *any = strpbrk(t, p), *first = strchr(t, p[0]), *last = strrchr(t, p[0]);
            const char *i1 = index(t, p[0] | 0x100), *i2 = rindex(t, p[0]);
            printf("%d %d %d %d %d %d %d %d\n", at ? (int)(at - t) : -1, any ? (int)(any - t) : -1, first ? (int)(first - t) : -1,
                   last ? (int)(last - t) : -1, (int)strspn(t, p), (int)strcspn(t, p), i1 ? (int)(i1 - t) : -1, i2 ? (int)(i2 - t) : -1);
            char copy[40], *rest, *token;
            strcpy(copy, t);
            for (token = strtok(copy, p); token; token = strtok(0, p))
                printf("<%s>", token);
            strcpy(copy, t);
            for (token = strtok_r(copy, p, &rest); token; token = strtok_r(0, p, &rest))
                printf("(%s)", token);
            printf("\n");
        }
    }
}

int main(void)
{
    blocks();
    whole();
    search();
    return 0;
}
