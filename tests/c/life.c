/* The game of life on a torus: two-dimensional arrays, modular indices, a copy each generation. */
#include "guest.h"

#define W 20
#define H 10

typedef u8 board[H][W];

static int neighbours(board b, int y, int x)
{
    int n = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if (dy || dx)
                n += b[(y + dy + H) % H][(x + dx + W) % W];
    return n;
}

static void step(board b)
{
    board old;
    memcpy(old, b, sizeof old);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int n = neighbours(old, y, x);
            b[y][x] = n == 3 || (n == 2 && old[y][x]);
        }
}

int main(void)
{
    static const char *const start[] = {".#.", "..#", "###"};
    board b = {{0}};

    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            b[y + 1][x + 1] = start[y][x] == '#';
    b[6][10] = b[6][11] = b[6][12] = 1;
    for (int generation = 0; generation < 7; generation++)
        step(b);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++)
            putchar(b[y][x] ? '#' : '.');
        putchar('\n');
    }
    return 0;
}
