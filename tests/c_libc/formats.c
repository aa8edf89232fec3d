/* printf's formats: every combination of flags, width and precision for each conversion, with the values at the edges.
 * Each result is printed with its format and return value; the same source against glibc must print the same. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static char result[600];

static void show(const char *format, int n) { printf("%s|%s|%d\n", format, result, n); }

static void integers(void)
{
    static const char *widths[] = {"", "1", "7", "25"}, *precisions[] = {"", ".", ".0", ".3", ".23"};
    static const char *lengths[] = {"hh", "h", "", "l", "ll", "z", "j", "t"}, conversions[] = "diuxXo";
    static const long values[] = {0, 1, -1, 42, 255, 0x8000, INT_MIN, LONG_MIN, LONG_MAX, 1234567890123456789};
    int turn = 0;
    for (int flags = 0; flags < 32; flags++)
        for (int w = 0; w < 4; w++)
            for (int p = 0; p < 5; p++)
                for (int c = 0; conversions[c]; c++) {
                    char format[40];
                    char *f = format;
                    *f++ = '%';
                    for (int bit = 0; bit < 5; bit++)
                        if (flags >> bit & 1)
                            *f++ = "-+ #0"[bit];
                    strcpy(f, widths[w]);
                    strcat(f, precisions[p]);
                    const char *length = lengths[turn % 8];
                    strcat(f, length);
                    f += strlen(f);
                    *f++ = conversions[c];
                    *f = 0;
                    for (int v = 0; v < 2; v++) {
                        long value = values[turn++ % 10];
                        int n = length[0] == 'h' || length[0] == 0 ? snprintf(result, sizeof result, format, (int)value)
                                                                   : snprintf(result, sizeof result, format, value);
                        show(format, n);
                    }
                }
}

#define TRY(...) (n = snprintf(result, sizeof result, __VA_ARGS__), show("", n))

static void others(void)
{
    int n, count = -1;
    long long_count = -1;
    TRY("%d %i %u %x %X %o", INT_MIN, INT_MAX, UINT_MAX, 0xabcdu, 0xabcdu, 8u);
    TRY("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    TRY("%-08x|%+5d|%.3s|%05ld|%#x|% d", 255u, 42, "abcdef", -7L, 4096u, 5);
    TRY("[%s] [%10s] [%-10s] [%.2s] [%10.2s] [%-10.2s] [%.0s] [%.s]", "abc", "abc", "abc", "abc", "abc", "abc", "abc", "abc");
    TRY("[%*d] [%-*d] [%*d] [%.*d] [%.*d] [%*.*d]", 6, 42, 6, 42, -6, 42, 4, 42, -4, 42, 8, 3, -42);
    TRY("[%*s] [%.*s] [%-*.*s]", 5, "ab", 1, "ab", 5, 1, "ab");
    TRY("[%c] [%5c] [%-5c]", 'a', 'b', 'c');
    TRY("[%p] [%20p] [%-20p] [%p]", (void *)0x1234abcd, (void *)0xffff0000ffff, (void *)16, (void *)0);
    TRY("[%s] [%10s] [%.3s] [%.6s]", (char *)0, (char *)0, (char *)0, (char *)0);
    TRY("100%% %5%|%-5%|");
    TRY("%d%n, %s%ln.", 12345, &count, "long", &long_count);
    printf("%d %ld\n", count, long_count);
    TRY("%d %d %d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    TRY("%s %d %s %ld %c %u", "a", 1, "b", 2L, 'c', 3u);
    TRY("%hhd %hhu %hd %hu", 300, 300, 70000, 70000);
    TRY("%zu %zd %jd %ju %td", sizeof(long), (size_t)-1, (long)-5, (long)-5, (long)7);
    TRY("%2$s %1$s|%1$s", "one", "two");
    TRY("%1$s %1$s %1$.2s|%2$*3$d|%2$-*3$d|%2$.*3$d", "again", 42, 6);
    TRY("%3$c%2$c%1$c%%%2$5c", 'a', 'b', 'c');
    TRY("%2$Lf %1$d %3$d %4$.1Lf %5$s", 1, 2.5L, 3, 4.25L, "five");
    TRY("%5$s %4$Lg %1$Ld %2$f %3$x", 1LL, 2.5, 0xabc, 0.125L, "last");
    TRY("%10$d %9$d %8$d %1$d", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    TRY("%1$+d %1$05d %1$#x %2$10.3f|%2$-10.2e|", 77, 3.14159);
    TRY("%3$*1$.*2$f", 10, 2, 2.71828);
    TRY("%300d|", 7);
    TRY("%-300d|%.300d", 7, 7);
    TRY("");
}

static void truncation(void)
{
    char text[16];
    for (int size = 0; size < 14; size++) {
        memset(text, '#', sizeof text);
        int n = snprintf(text, size, "%s-%05d", "abc", 42);
        printf("%d %d ", size, n);
        for (int i = 0; i < 14; i++)
            putchar(text[i] ? text[i] : '.');
        putchar('\n');
    }
    printf("%d\n", snprintf(0, 0, "%1000d %s", 1, "x"));
    printf("%d\n", sprintf(text, "%s", "whole"));
    printf("%s\n", text);
    errno = 0;
    printf("%d", snprintf(0, 0, "%2147483648d", 1));
    printf(" %d\n", errno);
    printf("%d\n", printf("%s", "returned: "));
}

int main(void)
{
    integers();
    others();
    truncation();
    return 0;
}
