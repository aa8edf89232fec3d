/* strtol and relatives on what people and fuzzers type, in many bases, with errno and the end pointer; ctype; div. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static const char *texts[] = {
        "0", "1", "-1", "+7", "  42", "\t\n\v\f\r -8", "", " ", "-", "+", "+-3", "--3", "0x", "0X1f", "0xg", "-0x10", "0x-1", "08", "017", "0b1",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
        "18446744073709551616", "-18446744073709551615", "-18446744073709551616", "99999999999999999999999x", "z", "Zz", "zZ9!", "7fffffffffffffff", "8000000000000000",
        "-8000000000000000", "1777777777777777777777", "2000000000000000000000", "111111111111111111111111111111111111111111111111111111111111111",
        "12abc", "2147483648", "-2147483649", "1 2", "1_000", "1e3", "0x7fffffffffffffffffff", "\x80", "3\xff"};
    static const int bases[] = {0, 2, 8, 10, 16, 36, 3, 1, 37, -1};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
            char *end = (char *)texts[i];
            errno = 0;
            long l = strtol(texts[i], &end, bases[b]);
            printf("%d:%d %ld %d %d|", (int)i, bases[b], l, (int)(end - texts[i]), errno);
            end = (char *)texts[i];
            errno = 0;
            unsigned long u = strtoul(texts[i], &end, bases[b]);
            printf("%lu %d %d|", u, (int)(end - texts[i]), errno);
            errno = 0;
            printf("%lld %llu %d %jd %ju\n", strtoll(texts[i], 0, bases[b]), strtoull(texts[i], &end, bases[b]), errno,
                   strtoimax(texts[i], 0, bases[b]), strtoumax(texts[i], 0, bases[b]));
        }
        if (strlen(texts[i]) < 19)
            printf("%d %ld %lld\n", atoi(texts[i]), atol(texts[i]), atoll(texts[i]));
    }
    for (int c = -1; c < 256; c++) {
        int bits = 0;
#define CLASS(f) bits = bits << 1 | !!f(c)
        CLASS(isalnum), CLASS(isalpha), CLASS(isblank), CLASS(iscntrl), CLASS(isdigit), CLASS(isgraph), CLASS(islower), CLASS(isprint);
        CLASS(ispunct), CLASS(isspace), CLASS(isupper), CLASS(isxdigit);
        printf("%d %x %d %d\n", c, bits, toupper(c), tolower(c));
    }
    static const int numbers[] = {0, 1, -1, 7, -7, 2147483647, -2147483647};
    for (int i = 0; i < 7; i++) {
        printf("%d %ld %lld %jd\n", abs(numbers[i]), labs(numbers[i]), llabs(numbers[i] * 1000000000LL), imaxabs(numbers[i]));
        for (int j = 1; j < 7; j++) {
            div_t d = div(numbers[i], numbers[j]);
            ldiv_t l = ldiv(numbers[i] * 10000000000L, numbers[j]);
            lldiv_t q = lldiv(numbers[i], numbers[j]);
            printf("%d %d %ld %ld %lld %lld\n", d.quot, d.rem, l.quot, l.rem, q.quot, q.rem);
        }
    }
    for (int e = 0; e < 140; e++)
        printf("%s\n", strerror(e));
    printf("%s %s\n", strerror(-1), strerror(100000));
    srand(5);
    int first = rand();
    srand(5);
    printf("%d %d\n", first == rand(), rand() >= 0 && random() <= RAND_MAX);
    return 0;
}
