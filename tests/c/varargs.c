/* Variable arguments: sums, a printf of our own, a va_list passed on and copied, more arguments than registers. */
#include "guest.h"

typedef __builtin_va_list va_list;
#define va_start __builtin_va_start
#define va_arg __builtin_va_arg
#define va_copy __builtin_va_copy
#define va_end __builtin_va_end

static long sum(int n, ...)
{
    va_list ap;
    long total = 0;
    va_start(ap, n);
    while (n--)
        total += va_arg(ap, int);
    va_end(ap);
    return total;
}

static char *put_number(char *out, long value)
{
    if (value < 0) {
        *out++ = '-';
        value = -value;
    }
    if (value >= 10)
        out = put_number(out, value / 10);
    *out++ = '0' + value % 10;
    return out;
}

struct pair {
    int a, b;
};

struct triple {
    long a, b, c;
};

static void vformat(char *out, const char *format, va_list ap)
{
    for (; *format; format++) {
        if (*format != '%') {
            *out++ = *format;
            continue;
        }
        switch (*++format) {
        case 'd': out = put_number(out, va_arg(ap, int)); break;
        case 'l': out = put_number(out, va_arg(ap, long)); break;
        case 'c': *out++ = va_arg(ap, int); break;
        case 's':
            for (const char *s = va_arg(ap, const char *); *s;)
                *out++ = *s++;
            break;
        case 'P': {
            struct pair p = va_arg(ap, struct pair);
            out = put_number(put_number(out, p.a), p.b);
            break;
        }
        case 'T': {
            struct triple t = va_arg(ap, struct triple);
            out = put_number(put_number(put_number(out, t.a), t.b), t.c);
            break;
        }
        }
    }
    *out = 0;
}

static void format_twice(char *first, char *second, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    vformat(first, format, ap);
    vformat(second, format, again);
    va_end(again);
    va_end(ap);
}

int main(void)
{
    char a[200], b[200];
    struct pair p = {12, 34};
    struct triple t = {5, 6, 7};

    printf("%ld %ld %ld\n", sum(0), sum(3, 1, 2, 3), sum(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1000));
    format_twice(a, b, "%d %s %c %l %d %s %d %d %s %P %T.", 1, "two", '3', -4000000000l, 5, "six", 7, 8, "nine", p, t);
    printf("%s\n%s\n", a, strcmp(a, b) ? "different" : "the same again");
    printf("%d %d %d %d %d %d %d %d %d %d %ld %s\n", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11l, "twelve");
    return 0;
}
