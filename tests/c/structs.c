/* Structures: copied, passed and returned by value, nested, in unions, with bit-fields, of odd sizes. */
#include "guest.h"

struct point {
    int x, y;
};

struct big {
    long id;
    struct point corners[4];
    char name[21];
    u16 flags;
};

union word {
    u64 whole;
    u32 halves[2];
    u8 bytes[8];
};

struct packed_date {
    unsigned day : 5, month : 4, year : 12;
    int offset : 7;
};

struct three {
    u8 rgb[3];
};

static struct point add(struct point a, struct point b)
{
    return (struct point){a.x + b.x, a.y + b.y};
}

static struct big __attribute__((noinline)) moved(struct big b, struct point by)
{
    for (int i = 0; i < 4; i++)
        b.corners[i] = add(b.corners[i], by);
    b.name[0] = 'M';
    b.flags |= 0x8000;
    return b;
}

static struct three mix(struct three a, struct three b)
{
    struct three r;
    for (int i = 0; i < 3; i++)
        r.rgb[i] = (a.rgb[i] + b.rgb[i]) / 2;
    return r;
}

static void show(const struct big *b)
{
    printf("%ld %s %04x:", b->id, b->name, b->flags);
    for (int i = 0; i < 4; i++)
        printf(" (%d,%d)", b->corners[i].x, b->corners[i].y);
    putchar('\n');
}

int main(void)
{
    struct big a = {7, {{0, 0}, {0, 1}, {1, 1}, {1, 0}}, "unit square", 3};
    struct big copies[3];
    union word w = {0x0123456789abcdef};
    struct packed_date d = {31, 12, 1999, -60};
    struct three red = {{255, 0, 10}}, blue = {{1, 2, 255}}, purple = mix(red, blue);

    copies[0] = a;
    copies[1] = moved(a, (struct point){10, -5});
    copies[2] = copies[1];
    copies[2].id = 8;
    for (int i = 0; i < 3; i++)
        show(&copies[i]);
    printf("%d %lu %lu %lu\n", memcmp(&copies[1], &copies[2], sizeof a) != 0, sizeof(struct big), sizeof(struct packed_date),
           sizeof(struct three));
    printf("%08x %08x %02x %02x\n", w.halves[0], w.halves[1], w.bytes[0], w.bytes[7]);
    w.bytes[3] = 0xff;
    printf("%016lx\n", w.whole);
    d.day++;
    d.year += 30;
    d.offset -= 4;
    printf("%u.%u.%u %d\n", d.day, d.month, d.year, d.offset);
    printf("%d %d %d\n", purple.rgb[0], purple.rgb[1], purple.rgb[2]);
    return 0;
}
