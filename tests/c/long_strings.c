/* String literals: long ones, joined ones, escapes of all kinds, the same literal twice, one literal the end of another. */
#include "guest.h"

static const char poem[] =
    "Memory is a row of bytes,\n"
    "\teach has a number of its own;\n"
    "but what a program has in sights\n"
    "\tis not the number that is shown.\n"
    "A table stands between the two,\n"
    "\tand turns the one into the other:\n"
    "what belongs to me and you\n"
    "\tneither can take from his brother.\n";

static const char escapes[] = "quote\" backslash\\ bell\a null-free \x41\102 octal\1012 question\?\?/ tab\t.";
static const char with_nul[] = "before\0after";

static u32 checksum(const char *s, size_t n)
{
    u32 sum = 0;
    while (n--)
        sum = (sum << 5 | sum >> 27) ^ (u8)*s++;
    return sum;
}

int main(void)
{
    const char *whole = "a string and its tail", *tail = "tail";
    int lines = 0;

    printf("%s", poem);
    for (const char *p = poem; *p; p++)
        lines += *p == '\n';
    printf("%d lines, %lu bytes, checksum %08x\n", lines, sizeof poem, checksum(poem, sizeof poem));
    printf("%lu %08x\n", sizeof escapes, checksum(escapes, sizeof escapes));
    printf("%lu %lu %s %s\n", sizeof with_nul, strlen(with_nul), with_nul, with_nul + 7);
    printf("%s %d\n", whole + 17, strcmp(whole + 17, tail));
    printf("%s\n", "utf-8 stays what it is: \xc3\xa4\xe2\x82\xac");
    printf("%s", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
           "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij\n");
    return 0;
}
