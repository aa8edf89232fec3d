/* printf of floating point: every conversion with random values, flags, widths and precisions, and the values at the
 * edges; long double, alone and between other arguments. The same source against glibc must print the same. */
#include <stdio.h>
#include <string.h>

static char result[24000];
static unsigned long state = 88172645463325252;

static unsigned long next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static double from_bits(unsigned long bits)
{
    double value;
    memcpy(&value, &bits, 8);
    return value;
}

static long double from_two(unsigned long high, unsigned long low)
{
    unsigned long words[2] = {low, high};
    long double value;
    memcpy(&value, words, 16);
    return value;
}

/* A value of a kind: any bits; near 1; an integer and a half, where ties are; a short decimal fraction; few bits set. */
static double random_double(void)
{
    unsigned long bits = next();
    switch (next() % 6) {
    case 0: return from_bits((bits & 0x800fffffffffffff) | (1023 + next() % 40 - 20) << 52);
    case 1: return (double)(long)(bits % 2000 - 1000) / 2;
    case 2: return (double)(long)(bits % 2000000) / 1000;
    case 3: return from_bits((bits & 0xfff0000000000000) | 1ul << next() % 52);
    case 4: return (double)(bits >> next() % 60) * 0.125;
    default: return from_bits(bits);
    }
}

static void make_format(char *format, const char *length, char conversion, int longest)
{
    unsigned long turn = next();
    char *f = format;
    *f++ = '%';
    for (int bit = 0; bit < 5; bit++)
        if (turn >> bit & turn >> (bit + 5) & 1)
            *f++ = "-+ #0"[bit];
    if (turn >> 10 & 1)
        f += sprintf(f, "%d", (int)(next() % 40));
    if (turn >> 11 & 3) {
        *f++ = '.';
        f += sprintf(f, "%d", (int)(next() % (turn >> 13 & 3 ? 20 : longest)));
    }
    sprintf(f, "%s%c", length, conversion);
}

static void show(const char *format, int n) { printf("%s|%s|%d\n", format, result, n); }

static void doubles(void)
{
    for (int i = 0; i < 12000; i++) {
        char format[40];
        make_format(format, i % 3 ? "" : "l", "feEgGaAF"[i % 8], 1100);
        show(format, snprintf(result, sizeof result, format, random_double()));
    }
}

static void long_doubles(void)
{
    for (int i = 0; i < 1500; i++) {
        char format[40];
        unsigned long high = next(), low = next() % 4 ? next() : 0;
        if (i % 8)
            high = (high & 0x8000ffffffffffff) | (16383 + next() % 260 - 130) << 48;
        make_format(format, "L", "feEgGaA"[i % 7], 300);
        show(format, snprintf(result, sizeof result, format, from_two(high, low)));
    }
}

static void edges(void)
{
    static const unsigned long bits[] = {
        0, 1, 2, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
        0x7ff8000000000000, 0xfff8000000000001, 0x8000000000000000, 0x3ff0000000000000, 0x3fefffffffffffff,
        0x3fe0000000000000, 0x4004000000000000, 0x400c000000000000, 0x3fb999999999999a, 0x7fe0000000000000,
        0x4340000000000000, 0x4341c37937e08000, 0x44b52d02c7e14af6, 0x0000000000000800, 0x000ffffffffffff8,
    };
    static const char *formats[] = {
        "%f", "%e", "%g", "%a", "%.0f", "%.0e", "%.0g", "%.0a", "%#.0f", "%#.0e", "%#.0g", "%#.0a", "%.1f", "%.1e",
        "%.17g", "%.1a", "%.3a", "%.12a", "%.13a", "%.20a", "%+.3e", "% g", "%020g", "%-20g|", "%020a", "%30.17e",
        "%G", "%E", "%A", "%F", "%.1074f", "%.1100e", "%.800g", "%#.800g", "%+010.2f", "%-+10.2f|", "%5.1f",
    };
    for (unsigned i = 0; i < sizeof bits / sizeof *bits; i++)
        for (unsigned j = 0; j < sizeof formats / sizeof *formats; j++)
            show(formats[j], snprintf(result, sizeof result, formats[j], from_bits(bits[i])));
}

static void mixed(void)
{
    long double tenth = from_two(0x3ffb999999999999, 0x999999999999999a), small = from_two(0, 1);
    long double large = from_two(0x7ffeffffffffffff, 0xffffffffffffffff);
    show("", sprintf(result, "%d %Lf %d %f %Lg %s %Le %c", 1, tenth, 2, 0.5, tenth, "text", tenth, 'x'));
    show("", sprintf(result, "%Lf %Lf %d %Lf", tenth, tenth, 3, tenth));
    show("", sprintf(result, "%d %d %d %d %d %d %d %d %Lf %d", 1, 2, 3, 4, 5, 6, 7, 8, tenth, 9));
    show("", sprintf(result, "%*.*f|%-*.*e|%0*g", 12, 3, 3.14159, 14, 2, 2.5e10, 9, 1e-7));
    show("", sprintf(result, "%Lf", large));
    show("", sprintf(result, "%.20000Lf", small));
    show("", sprintf(result, "%Le %Lg %La %La", small, large, small, large));
    show("", sprintf(result, "%Ld %Li %Lx", 1234567890123456789, -5L, 0xabcdefabcdeful));
    show("", snprintf(result, 5, "%f", 123.456));
    printf("%f %g\n", 1.5, 1e100);
    fprintf(stdout, "%d %.3Lf %.2e\n", 1, tenth, 1e-5);
    dprintf(2, "%.1f %.300f\n", 2.25, 1e-300);
}

int main(void)
{
    edges();
    doubles();
    long_doubles();
    mixed();
    return 0;
}
