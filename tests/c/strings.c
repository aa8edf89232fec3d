/* String building: a growing buffer, numbers in every base, replacing, palindromes, run-length coding. */
#include "guest.h"

struct builder {
    char *text;
    size_t length, room;
};

static void add(struct builder *b, const char *s, size_t n)
{
    if (b->length + n + 1 > b->room) {
        b->room = (b->length + n + 1) * 2;
        b->text = realloc(b->text, b->room);
    }
    memcpy(b->text + b->length, s, n);
    b->length += n;
    b->text[b->length] = 0;
}

static char *in_base(u64 value, unsigned base)
{
    static char digits[65];
    char *p = digits + sizeof digits - 1;
    *p = 0;
    do
        *--p = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
    while (value /= base);
    return p;
}

static void replace(struct builder *b, const char *s, const char *old, const char *new)
{
    size_t n = strlen(old);
    while (*s)
        if (strncmp(s, old, n) == 0) {
            add(b, new, strlen(new));
            s += n;
        } else
            add(b, s++, 1);
}

static int palindrome(const char *s)
{
    const char *end = s + strlen(s);
    while (s < end) {
        if (*s == ' ')
            s++;
        else if (end[-1] == ' ')
            end--;
        else if ((*s | 32) != (*--end | 32))
            return 0;
        else
            s++;
    }
    return 1;
}

static void run_lengths(const char *s, char *out)
{
    while (*s) {
        int n = 1;
        while (s[n] == *s)
            n++;
        out += n > 1 ? sprintf(out, "%d%c", n, *s) : sprintf(out, "%c", *s);
        s += n;
    }
}

int main(void)
{
    struct builder b = {0};
    char coded[64];

    for (int i = 0; i < 30; i++) {
        char piece[12];
        int n = snprintf(piece, sizeof piece, "%d,", i * i);
        add(&b, piece, n);
    }
    printf("%lu characters: %s\n", b.length, b.text);
    for (unsigned base = 2; base <= 36; base += 7)
        printf("1234567890 in base %u is %s\n", base, in_base(1234567890, base));
    b.length = 0;
    replace(&b, "one fish two fish red fish blue fish", "fish", "octopus");
    puts(b.text);
    free(b.text);
    printf("%d %d %d\n", palindrome("A man a plan a canal Panama"), palindrome("not one"), palindrome(""));
    run_lengths("aaabccddddde", coded);
    puts(coded);
    printf("[%5d] [%-5d] [%05d] [%x] [%o] [%c] [%s] [%5s] [%-5s] [%%] [%ld] [%lx] [%u]\n", 42, 42, 42, 48879, 8, 'z', "ok",
           "ab", "cd", -1234567890123l, 0xdeadbeefcafel, 4294967295u);
    return 0;
}
