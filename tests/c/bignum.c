/* Numbers as long as memory: 100!, a Fibonacci number, 2^512, digits of e, all with small-integer arithmetic. */
#include "guest.h"

#define LIMBS 40
#define BASE 1000000000u

struct number {
    int used;
    u32 limb[LIMBS];
};

static void set(struct number *n, u32 value)
{
    n->used = 1;
    n->limb[0] = value;
}

static void times(struct number *n, u32 factor)
{
    u64 carry = 0;
    for (int i = 0; i < n->used; i++) {
        carry += (u64)n->limb[i] * factor;
        n->limb[i] = carry % BASE;
        carry /= BASE;
    }
    if (carry)
        n->limb[n->used++] = carry;
}

static void plus(struct number *a, const struct number *b)
{
    u32 carry = 0;
    for (int i = 0; i < b->used || carry; i++) {
        if (i == a->used)
            a->limb[a->used++] = 0;
        carry += a->limb[i] + (i < b->used ? b->limb[i] : 0);
        a->limb[i] = carry % BASE;
        carry /= BASE;
    }
}

static void show(const char *what, const struct number *n)
{
    printf("%s = %u", what, n->limb[n->used - 1]);
    for (int i = n->used - 2; i >= 0; i--)
        printf("%09u", n->limb[i]);
    putchar('\n');
}

static void digits_of_e(int count)
{
    u32 a[40];
    for (int i = 0; i < 40; i++)
        a[i] = 1;
    printf("e = 2.");
    while (count--) {
        u32 carry = 0;
        for (int i = 39; i >= 0; i--) {
            carry += a[i] * 10;
            a[i] = carry % (i + 2);
            carry /= i + 2;
        }
        putchar('0' + carry);
    }
    putchar('\n');
}

int main(void)
{
    struct number n, a, b;

    set(&n, 1);
    for (u32 i = 2; i <= 100; i++)
        times(&n, i);
    show("100!", &n);
    set(&a, 0);
    set(&b, 1);
    for (int i = 0; i < 300; i++) {
        struct number t = b;
        plus(&b, &a);
        a = t;
    }
    show("fib(300)", &a);
    set(&n, 1);
    for (int i = 0; i < 512 / 16; i++)
        times(&n, 65536);
    show("2^512", &n);
    digits_of_e(40);
    return 0;
}
