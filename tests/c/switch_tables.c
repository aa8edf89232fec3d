/* Switches: dense ones become jump tables, sparse ones comparisons; a state machine; fall-through. */
#include "guest.h"

static const char *day(int n)
{
    switch (n) {
    case 0: return "Monday";
    case 1: return "Tuesday";
    case 2: return "Wednesday";
    case 3: return "Thursday";
    case 4: return "Friday";
    case 5: return "Saturday";
    case 6: return "Sunday";
    default: return "no day";
    }
}

static int compute(int op, int a, int b)
{
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return b ? a / b : 0;
    case '%': return b ? a % b : 0;
    case '&': return a & b;
    case '|': return a | b;
    case '^': return a ^ b;
    case '<': return a << b;
    case '>': return a >> b;
    default: return -1;
    }
}

static int sparse(long n)
{
    switch (n) {
    case -1000000000000: return 1;
    case -5: return 2;
    case 100: return 3;
    case 70000: return 4;
    case 0x123456789abcdef: return 5;
    default: return 0;
    }
}

static int fall(int n)
{
    int r = 0;
    switch (n) {
    case 5: r += 5; /* fall through */
    case 4: r += 4; /* fall through */
    case 3: r += 3; /* fall through */
    case 2: r += 2; break;
    case 1: r = 100; /* fall through */
    default: r += 1000;
    }
    return r;
}

enum state { START, NUMBER, NAME, SPACE, DONE };

static void scan(const char *s)
{
    enum state state = START;
    int numbers = 0, names = 0, others = 0;
    for (;; s++) {
        switch (state) {
        case NUMBER:
            if (*s >= '0' && *s <= '9')
                continue;
            numbers++;
            break;
        case NAME:
            if ((*s | 32) >= 'a' && (*s | 32) <= 'z')
                continue;
            names++;
            break;
        default:
            break;
        }
        switch (*s) {
        case 0: state = DONE; break;
        case '0' ... '9': state = NUMBER; break;
        case 'a' ... 'z': case 'A' ... 'Z': state = NAME; break;
        case ' ': case '\t': state = SPACE; break;
        default: others++; state = START;
        }
        if (state == DONE)
            break;
    }
    printf("%d numbers, %d names, %d others\n", numbers, names, others);
}

int main(void)
{
    const char *ops = "+-*/%&|^<>?";

    for (int i = -1; i < 8; i++)
        printf("%s%c", day(i), i < 7 ? ' ' : '\n');
    for (; *ops; ops++)
        printf("%d ", compute(*ops, 1234, 7));
    putchar('\n');
    printf("%d%d%d%d%d%d\n", sparse(-1000000000000), sparse(-5), sparse(100), sparse(70000), sparse(0x123456789abcdef), sparse(6));
    for (int i = 0; i < 7; i++)
        printf("%d ", fall(i));
    putchar('\n');
    scan("let x1 = 42 + foo * (7 - bar)");
    return 0;
}
