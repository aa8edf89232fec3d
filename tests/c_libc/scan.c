/* scanf: random formats on random texts, chosen conversions, and streams. What is stored, what is returned, and where
 * the next read begins must be as in glibc. */
#include <errno.h>
#include <stdarg.h>
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

static void dump(const void *at, int size)
{
    const unsigned char *bytes = at;
    while (size && bytes[size - 1] == 0xee)
        size--;
    putchar('[');
    for (int i = 0; i < size; i++)
        printf("%02x", bytes[i]);
    putchar(']');
}

static void show(const char *text, const char *format)
{
    unsigned char places[5][64] __attribute__((aligned(16)));
    int last = -2;
    memset(places, 0xee, sizeof places);
    errno = 0;
    int result = sscanf(text, format, places[0], places[1], places[2], places[3], places[4]);
    printf("%s|%s|%d", text, format, result);
    for (int i = 0; i < 5; i++)
        dump(places[i], 64);
    printf("\n");
}

static const char *const conversions[] = {
    "%d", "%i", "%u", "%o", "%x", "%X", "%p", "%ld", "%hd", "%hhd", "%lli", "%hhx", "%ho", "%zu", "%jd", "%tx", "%Ld",
    "%f", "%lf", "%Lf", "%e", "%lg", "%a", "%La", "%s", "%c", "%[a-f0-9]", "%[^ ]", "%[]x1-]", "%[^]a]", "%n", "%ln",
    "%%", "%*d", "%*s", "%*c", "%*f", "%*[0-9]", "%*i", "%hn",
};

static const char *const between[] = {"", "", " ", " ", ",", "x", "  ", "-", "0", ".", "e"};

static void random_formats(void)
{
    for (int i = 0; i < 30000; i++) {
        char format[80] = "", text[80];
        int n = next() % 4 + 1;
        for (int j = 0; j < n; j++) {
            const char *c = conversions[next() % (sizeof conversions / sizeof *conversions)];
            strcat(format, between[next() % (sizeof between / sizeof *between)]);
            if (next() % 3 == 0 && c[1] != '%' && !strchr(c, 'n')) {
                int star = c[1] == '*';
                strncat(format, c, 1 + star);
                sprintf(format + strlen(format), "%d", (int)(next() % 8) + 1);
                strcat(format, c + 1 + star);
            } else
                strcat(format, c);
        }
        strcat(format, between[next() % (sizeof between / sizeof *between)]);
        int length = next() % 40;
        for (int j = 0; j < length; j++)
            text[j] = "0123456789  --++..eExXpPabcdefinty,%\t\n0000"[next() % 42];
        text[length] = 0;
        if (i % 4 == 0) {
            static const char *const starts[] = {"inf", "nan", "-infinity", "0x1.8p3 ", "1e5", "0x", "(nil)", "NaN", "Infin", "-0x", "1e+", "0xp", "+", "(ni"};
            const char *start = starts[next() % (sizeof starts / sizeof *starts)];
            memcpy(text, start, strlen(start) < (unsigned)length ? strlen(start) : length);
        }
        show(text, format);
    }
}

static void chosen(void)
{
    static const char *const pairs[][2] = {
        {"", "%d"}, {" ", "%d"}, {"", ""}, {"", " "}, {"", "x"}, {"", "%c"}, {"", "%s"}, {"", "%[a]"}, {"", "%n"},
        {"", "%*d"}, {"5", "%*d%d"}, {"5 6", "%*d%d%n"}, {"x", "%d"}, {"12x", "%dx%n"}, {"12", "%dx%n"}, {"12", "%d%n"},
        {"-", "%d"}, {"+5", "%d"}, {"--5", "%d"}, {"- 5", "%d"}, {"99999999999", "%d"}, {"99999999999999999999", "%ld"},
        {"-99999999999999999999", "%ld"}, {"99999999999999999999", "%lu"}, {"-1", "%u"}, {"-1", "%lu"}, {"300", "%hhd"},
        {"70000", "%hu"}, {"0x1F", "%x"}, {"1F", "%x"}, {"0x1F", "%i"}, {"017", "%i"}, {"017", "%d"}, {"0x", "%i%c"},
        {"0xg", "%x%c"}, {"089", "%i%c"}, {"-0x10", "%i"}, {"0x10", "%1x%c"}, {"0x10", "%2x%c"}, {"0x10", "%3x%c"},
        {"12345", "%2d%3d"}, {"12345", "%1d%c%2d"}, {"abcdef", "%3c%c"}, {"ab", "%3c"}, {"  ab", "%2c"}, {"  ab", "%2s"},
        {"abc def", "%s %s"}, {"abc]def", "%[]abc]%s"}, {"abc-def", "%[a-c-]%s"}, {"abc^", "%[^c]%s"}, {"a^b", "%[a^]%s"},
        {"abc", "%[abc"}, {"zz-a", "%[z-a]%n"}, {"key=value", "%[^=]=%s"}, {"50%", "%d%%%n"}, {"50 %", "%d%%%n"},
        {"3.14", "%d.%d"}, {"3.14", "%f"}, {"3.14", "%lf"}, {"3.14e", "%lf%n"}, {"3.14e+", "%lf%n"}, {"3.14e+2x", "%lf%c"},
        {".", "%lf"}, {".5", "%lf"}, {"5.", "%lf%n"}, {"-.5e-1", "%lf"}, {"1e400", "%lf"}, {"1e-400", "%lf"}, {"e5", "%lf"},
        {"0x1.8p1", "%lf"}, {"0x1.8", "%lf"}, {"0x", "%lf"}, {"0x.8", "%lf"}, {"infx", "%lf%c"}, {"infi", "%lf%c"},
        {"infinity5", "%lf%d"}, {"nanx", "%lf%c"}, {"na", "%lf%c"}, {"-inf", "%f"}, {"1.5", "%Lf"}, {"123.456", "%4lf%lf"},
        {"123.456", "%3lf%lf"}, {"1e10", "%2lf%d"}, {"1e10", "%3lf%d"}, {"(nil)", "%p"}, {"(nix", "%p"}, {"0x7fff", "%p"},
        {"7fff", "%p"}, {"10:20:30", "%d:%d:%d"}, {"10 : 20", "%d :%d"}, {"a b", "a%cb"}, {"1 2 3", "%d%d%d"},
        {"1,2,,3", "%d,%d,%d,%d"}, {"x 5", " x %d"}, {"12 34", "%*d %d"}, {"5", "%q"}, {"5", "%"}, {"5", "%5"}, {"  %", "%%%n"},
    };
    for (unsigned i = 0; i < sizeof pairs / sizeof *pairs; i++)
        show(pairs[i][0], pairs[i][1]);
}

static int through_list(const char *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = vsscanf(text, format, arguments);
    va_end(arguments);
    return result;
}

static char text[3000];

/* %ms, %mc, %m[: blocks that the program frees. */
static void allocated(void)
{
    char *one = NULL, *two = NULL, *three = NULL;
    int n, a = 0;
    n = sscanf("first second,third", "%ms %m[a-z],%mc", &one, &two, &three);
    printf("%d %s %s %c\n", n, one, two, *three);
    free(one), free(two), free(three);
    n = sscanf("  abcdefgh 12", "%3ms%m[^ ] %md", &one, &two, &a);
    printf("%d %s %s %d\n", n, one, two, a);
    free(one), free(two);
    n = sscanf("xyz123", "%5mc%d", &one, &a);
    printf("%d %.5s %d\n", n, one, a);
    free(one);
    n = sscanf("word skipped next", "%ms %*ms %ms", &one, &two);
    printf("%d %s %s\n", n, one, two);
    free(one), free(two);
    one = two = NULL;
    printf("%d %d\n", sscanf("", "%ms", &one), one == NULL);
    printf("%d %d\n", sscanf("7", "%d %ms", &a, &one), a);
    memset(text, 'w', 2999);
    text[1000] = ' ';
    text[2999] = 0;
    n = sscanf(text, "%ms%m[ w]", &one, &two);
    printf("%d %d %d %c%c\n", n, (int)strlen(one), (int)strlen(two), two[0], two[1998]);
    free(one), free(two);
    n = sscanf(text, "%31ms%32mc%1ms", &one, &two, &three);
    printf("%d %d %.32s %s\n", n, (int)strlen(one), two, three);
    free(one), free(two), free(three);
}

int main(void)
{
    int a = 0, b = 0, c, n;
    char word[100] = "", rest[100] = "";
    double d = 0;
    chosen();
    allocated();
    memset(text, 0, sizeof text);
    random_formats();
    printf("%d %d\n", through_list("7 8", "%d %d", &a, &b), a * 10 + b);

    memset(text, '0', 2000);                        /* numbers longer than any buffer */
    strcpy(text + 2000, "42 17");
    n = sscanf(text, "%d %d", &a, &b);
    printf("%d %d %d\n", n, a, b);
    text[1] = '.';
    n = sscanf(text, "%lf %d", &d, &b);
    printf("%d %g %d\n", n, d, b);
    n = sscanf(text, "%1999lf%lf", &d, &d);
    printf("%d %g\n", n, d);

    n = scanf("%s%n", word, &a);                    /* from the standard input: "ab\nsecond line is long\n..." */
    printf("%d %s %d\n", n, word, a);
    n = scanf(" second %[a-z]%c", word, rest);
    printf("%d %s %x\n", n, word, rest[0]);
    n = fscanf(stdin, "is%d", &a);
    printf("%d next %c\n", n, getchar());
    n = scanf("%99[^\n]", word);
    printf("%d %s\n", n, word);
    n = scanf("%d", &a);
    printf("%d next %c\n", n, getchar());
    c = ungetc('7', stdin);
    n = scanf("%d%5s", &a, word);
    printf("%c %d %d %s\n", c, n, a, word);
    n = scanf("%*[^1]%4d%lf%s", &a, &d, word);
    printf("%d %d %g %s\n", n, a, d, word);
    n = scanf("%s", word);
    n += scanf("%s", word);
    printf("%d %d\n", n, feof(stdin) != 0);
    return 0;
}
