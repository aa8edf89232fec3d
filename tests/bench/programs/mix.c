/* A bit of everything that small computers do, in one round: a linked list that is searched, reversed and sorted, products of
   small matrices, a machine that reads numbers off a text, and a CRC of what each of them found. */
#include "bench.h"

#define NODES 96
#define SIDE 10
#define TEXT 512

static u16 crc16(u16 crc, u32 value)
{
    for (int bit = 0; bit < 32; bit++, value >>= 1)
        crc = (crc ^ value) & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
    return crc;
}

struct node {
    struct node *next;
    short key, place;
};

static struct node nodes[NODES];

static struct node *chain(u32 seed)
{
    for (int i = 0; i < NODES; i++) {
        seed = seed * 1103515245 + 12345;
        nodes[i] = (struct node){i + 1 < NODES ? &nodes[i + 1] : NULL, seed >> 18 & 1023, i};
    }
    return nodes;
}

static struct node *reverse(struct node *list)
{
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static int by_key(const struct node *a, const struct node *b)
{
    return a->key - b->key;
}

static int by_place(const struct node *a, const struct node *b)
{
    return a->place - b->place;
}

static struct node *sort(struct node *list, int (*order)(const struct node *, const struct node *))
{
    if (!list || !list->next)
        return list;
    struct node *slow = list, *fast = list->next;
    while (fast && fast->next) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct node *right = sort(slow->next, order);
    slow->next = NULL;
    struct node *left = sort(list, order);
    struct node *head = NULL, **end = &head;
    while (left && right) {
        struct node **less = order(left, right) <= 0 ? &left : &right;
        *end = *less;
        end = &(*less)->next;
        *less = *end;
    }
    *end = left ? left : right;
    return head;
}

static u16 lists(u32 seed)
{
    struct node *list = reverse(chain(seed));
    u16 crc = 0;
    for (int wanted = 0; wanted < 1024; wanted += 64) {
        struct node *at = list;
        while (at && at->key < wanted)
            at = at->next;
        crc = crc16(crc, at ? at->place : wanted);
    }
    list = sort(list, by_key);
    crc = crc16(crc, list->key);
    list = sort(list, by_place);
    for (struct node *at = list; at; at = at->next)
        crc = crc16(crc, at->key);
    return crc;
}

static u16 matrices(u32 seed)
{
    short a[SIDE][SIDE], b[SIDE][SIDE];
    int c[SIDE][SIDE];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (seed + i * j) & 255;
            b[i][j] = (seed ^ (i + 3 * j)) & 127;
        }
    u16 crc = 0;
    for (int power = 0; power < 4; power++) {
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                int sum = 0;
                for (int k = 0; k < SIDE; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
        int big = 0;
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                big += c[i][j] > 100000;
                a[i][j] = c[i][j] >> 6 & 255;
            }
        crc = crc16(crc, c[power][power] + big);
    }
    return crc;
}

enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, POWER, WRONG, STATES };

static enum state next(enum state now, char c)
{
    int digit = c >= '0' && c <= '9';
    switch (now) {
    case START:
        return digit ? WHOLE : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : WRONG;
    case SIGN:
        return digit ? WHOLE : c == '.' ? POINT : WRONG;
    case WHOLE:
        return digit ? WHOLE : c == '.' ? FRACTION : c == 'e' ? EXPONENT : WRONG;
    case POINT:
        return digit ? FRACTION : WRONG;
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : WRONG;
    case EXPONENT:
        return digit || c == '-' ? POWER : WRONG;
    case POWER:
        return digit ? POWER : WRONG;
    default:
        return WRONG;
    }
}

static u16 words(u32 seed)
{
    static const char *const samples[] = {"5012", "-12.75", "+.5e10", "3e-8", "seven", "1.2.3", "-", "874e5"};
    char text[TEXT];
    int length = 0;
    while (length < TEXT - 8) {
        seed = seed * 1103515245 + 12345;
        for (const char *from = samples[seed >> 16 & 7]; *from; from++)
            text[length++] = *from;
        text[length++] = ',';
    }
    u32 count[STATES] = {0};
    enum state now = START;
    for (int i = 0; i < length; i++)
        if (text[i] == ',') {
            count[now]++;
            now = START;
        } else
            now = next(now, text[i]);
    u16 crc = 0;
    for (int i = 0; i < STATES; i++)
        crc = crc16(crc, count[i]);
    return crc;
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    u16 crc = 0;
    for (long round = 0; round < n; round++)
        crc = crc16(crc, (u32)lists(round) << 16 ^ (u32)matrices(round) << 8 ^ words(round));
    put(crc);
    return 0;
}
