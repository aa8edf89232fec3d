/* Recursion of several shapes: deep, branching, mutual, with memory, with permutations in place. */
#include "guest.h"

static u64 fib(int n)
{
    return n < 2 ? (u64)n : fib(n - 1) + fib(n - 2);
}

static u64 memo[91];

static u64 fast_fib(int n)
{
    if (n < 2)
        return n;
    if (!memo[n])
        memo[n] = fast_fib(n - 1) + fast_fib(n - 2);
    return memo[n];
}

static int ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static int moves;

static void hanoi(int n, char from, char to, char over)
{
    if (!n)
        return;
    hanoi(n - 1, from, over, to);
    if (++moves <= 7)
        printf("%c%c ", from, to);
    hanoi(n - 1, over, to, from);
}

static int is_odd(u32 n);

static int __attribute__((noinline)) is_even(u32 n)
{
    return n == 0 || is_odd(n - 1);
}

static int __attribute__((noinline)) is_odd(u32 n)
{
    return n != 0 && is_even(n - 1);
}

static void permute(char *s, int from, int n)
{
    if (from == n - 1) {
        printf("%s ", s);
        return;
    }
    for (int i = from; i < n; i++) {
        char c = s[from];
        s[from] = s[i];
        s[i] = c;
        permute(s, from + 1, n);
        s[i] = s[from];
        s[from] = c;
    }
}

static int depth(int n)
{
    volatile char room[200];
    room[n % 200] = 1;
    return n ? room[n % 200] + depth(n - 1) : 0;
}

static u64 gcd(u64 a, u64 b)
{
    return b ? gcd(b, a % b) : a;
}

int main(void)
{
    char letters[] = "abc";

    printf("fib(15) %lu, fib(90) %lu\n", fib(15), fast_fib(90));
    printf("ackermann(2, 9) %d\n", ackermann(2, 9));
    hanoi(8, 'a', 'c', 'b');
    printf("... %d moves\n", moves);
    printf("77 is %s\n", is_even(77) ? "even" : "odd");
    permute(letters, 0, 3);
    printf("and back: %s\n", letters);
    printf("depth %d\n", depth(500));
    printf("gcd %lu\n", gcd(1234567890123456789ul, 987654321098765432ul));
    return 0;
}
