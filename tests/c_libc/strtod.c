/* strtod, strtof and strtold: random numbers as text, numbers halfway between two values and just beside, long texts,
 * the edges of each format, and what is no number. Each result is printed as bits, with the bytes read and errno. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long state = 88172645463325252;

static unsigned long next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void show(const char *text)
{
    char *end;
    float f;
    double d;
    long double l;
    unsigned word, error;
    unsigned long bits, words[2];
    errno = 0;
    f = strtof(text, &end);
    error = errno;
    memcpy(&word, &f, 4);
    printf("%.40s: %x %ld %u", text, word, (long)(end - text), error);
    errno = 0;
    d = strtod(text, &end);
    error = errno;
    memcpy(&bits, &d, 8);
    printf(" %lx %ld %u", bits, (long)(end - text), error);
    errno = 0;
    l = strtold(text, &end);
    error = errno;
    memcpy(words, &l, 16);
    printf(" %lx %lx %ld %u\n", words[1], words[0], (long)(end - text), error);
}

static char text[40000];

static void digits(int n)
{
    char *t = text + strlen(text);
    while (n--)
        *t++ = "0123456789"[next() % 10];
    *t = 0;
}

static void random_decimals(void)
{
    for (int i = 0; i < 6000; i++) {
        text[0] = 0;
        if (next() % 4 == 0)
            strcpy(text, next() % 2 ? "-" : "+");
        digits(next() % 25);
        strcat(text, ".");
        digits(next() % 25);
        int range = i % 3 ? 40 : i % 2 ? 400 : 5100;
        if (i % 8)
            sprintf(text + strlen(text), "%c%d", "eE"[i % 2], (int)(next() % (2 * range)) - range);
        show(text);
    }
}

/* Exact texts of values, of the halves between them, and of these with one more digit. */
static void halves(void)
{
    for (int i = 0; i < 600; i++) {
        unsigned long bits = next() >> 1, words[2] = {next(), next() >> 1};
        double d;
        long double l;
        if (i % 4 == 0)
            bits &= 0x003fffffffffffff;
        if ((bits >> 52) == 0x7ff)
            bits ^= 1ul << 60;
        memcpy(&d, &bits, 8);
        sprintf(text, "%.1200e", d);
        show(text);
        sprintf(text, "%.*g", (int)(next() % 20) + 1, d);
        show(text);
        bits &= ~(1ul << 52);                       /* a value and a half of its last bit, as a long double */
        memcpy(&d, &bits, 8);
        unsigned long exponent = bits >> 52, low = bits << 60 | 1ul << 59;
        if (exponent) {
            words[1] = (exponent - 1023 + 16383) << 48 | (bits & 0xfffffffffffff) >> 4;
            words[0] = low;
            memcpy(&l, words, 16);
            sprintf(text, "%.1200Lf", l);
            show(text);
            strcat(text, "0000000001");
            show(text);
            sprintf(text, "%.800Le", l);
            show(text);
        }
    }
    for (int i = 0; i < 40; i++) {
        unsigned long words[2] = {next(), next() >> 1};
        long double l;
        if ((words[1] >> 48) == 0x7fff)
            words[1] ^= 1ul << 60;
        if (i % 4 == 0)
            words[1] &= 0x1ffffffffffff;
        memcpy(&l, words, 16);
        sprintf(text, "%.*Le", i % 2 ? 40 : 11600, l);
        show(text);
    }
}

static void random_hexadecimals(void)
{
    for (int i = 0; i < 2000; i++) {
        int n = next() % 36;
        strcpy(text, i % 5 ? "0x" : "-0X");
        for (char *t = text + strlen(text); n--; *++t = 0)
            *t = "0123456789abcdefABCDEF0000.0"[next() % 28];
        int range = i % 3 ? 140 : i % 2 ? 1100 : 16600;
        if (i % 8)
            sprintf(text + strlen(text), "p%d", (int)(next() % (2 * range)) - range);
        show(text);
    }
}

static const char *const special[] = {
    "", " ", "-", "+", ".", "-.", "e5", ".e5", "0", "-0", "00", "0.0", ".0", "0.", "5.", ".5", "-.5e1", "1e", "1e+", "1e-",
    "1e5x", "1.5.5", " \t\n\v\f\r 12", "inf", "INF", "-Infinity", "infinite", "infinit", "in", "nan", "-NaN", "nan(", "nan()",
    "nan(123)", "nan(0x123)", "nan(zz_9)", "nan(1-)", "nan(18446744073709551615)", "na", "0x", "0xg", "0x.", "0x.p1", "0x1",
    "0x1p", "0x1p+", "0x.8", "0x8.", "0x1.8p3", "0x1.8p-3z", "0x0p5", "-0x0", "0x1p1023", "0x1p1024", "0x1p-1074",
    "0x1p-1075", "0x1.8p-1075", "0x1.0000000000001p-1075", "0x1.fffffffffffff8p1023", "0x1.fffffffffffff7p1023",
    "0x1.fffffffffffffp-1023", "0x1.fffffffffffff8p-1023", "0x1.fffffffffffff4p-1023", "0x1.fffffffffffffcp-1023",
    "0x1.fffffep-127", "0x1.ffffffp-127", "0x1.fffffd8p-127", "0x1.fffffe8p-127", "0x1.fffffep127", "0x1.ffffffp127",
    "0x1.fffffeffffp127", "0x1p-149", "0x1p-150", "0x1.1p-150", "0x1.fffffcp-127", "0x1.000001p0", "0x1.000003p0",
    "0x1.0000000000000000000000000001p0", "0x1.00000000000000000000000000008p0", "0x1.00000000000000000000000000018p0",
    "0x1p-16494", "0x1p-16495", "0x1.8p-16495", "0x1p16384", "0x1.ffffffffffffffffffffffffffff8p-16383",
    "0x1.ffffffffffffffffffffffffffffp-16383", "0x1.ffffffffffffffffffffffffffffcp-16383",
    "1e308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1.8e308", "1e309", "1e310",
    "1e400", "2.2250738585072014e-308", "2.2250738585072011e-308", "2.2250738585072013e-308", "4.9e-324", "2.4e-324",
    "2.5e-324", "2.470328229206232720882843964341e-324", "2.470328229206232720882843964342e-324", "1e-323", "1e-400",
    "3.4028235e38", "3.4028236e38", "3.4028235677973366e38", "3.402823567797337e38", "1.17549435e-38", "1.1754943e-38",
    "1.4e-45", "7e-46", "7.1e-46", "1e-46", "1.18973149535723176508575932662800702e4932", "1.2e4932", "1e4940",
    "6.5e-4966", "3.2e-4966", "3.3e-4966", "1e-5000", "1e99999999999999999999", "1e-99999999999999999999",
    "0e99999999999999999999", "9007199254740993", "9007199254740992.99999", "9007199254740993.00000000000000000001",
    "16777217", "16777216.99", "16777217.0000001", "123456789012345678901234567890", "0.1", "0.2", "0.3", "1e22", "1e23",
    "8.5e-1", "100000000000000016777215", "100000000000000016777216",
};

int main(void)
{
    for (unsigned i = 0; i < sizeof special / sizeof *special; i++)
        show(special[i]);
    random_decimals();
    random_hexadecimals();
    halves();
    for (int i = 0; i < 3; i++) {                   /* long texts: zeros, and digits that no format has room for */
        memset(text, '0', 20000);
        strcpy(text + 20000, i == 1 ? "123e-3" : "1e-20001");
        if (i == 2)
            text[1] = '.';
        show(text);
        memset(text, '0' + 3 * i, 30000);
        text[0] = '1';
        strcpy(text + 30000, "e-30000");
        show(text);
        text[1] = '.';
        strcpy(text + 20000, "5e3");
        show(text);
    }
    printf("%g %g\n", atof("2.5x"), atof("x"));
    return 0;
}
