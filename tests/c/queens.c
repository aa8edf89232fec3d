/* N queens by backtracking, with sets as bits and with arrays; and a knight's way by breadth-first search. */
#include "guest.h"

static int place(u32 all, u32 columns, u32 left, u32 right)
{
    if (columns == all)
        return 1;
    int solutions = 0;
    for (u32 free = all & ~(columns | left | right); free; free &= free - 1) {
        u32 bit = free & -free;
        solutions += place(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return solutions;
}

static int row_of[8];

static int first(int column)
{
    if (column == 8)
        return 1;
    for (int row = 0; row < 8; row++) {
        int other;
        for (other = 0; other < column; other++) {
            int d = row_of[other] - row;
            if (d == 0 || d == column - other || d == other - column)
                break;
        }
        if (other < column)
            continue;
        row_of[column] = row;
        if (first(column + 1))
            return 1;
    }
    return 0;
}

static int knight(int from, int to)
{
    static const signed char jumps[8][2] = {{1, 2}, {2, 1}, {2, -1}, {1, -2}, {-1, -2}, {-2, -1}, {-2, 1}, {-1, 2}};
    signed char distance[64];
    int queue[64], head = 0, tail = 0;
    memset(distance, -1, sizeof distance);
    distance[from] = 0;
    queue[tail++] = from;
    while (head < tail) {
        int here = queue[head++];
        for (int j = 0; j < 8; j++) {
            int x = here % 8 + jumps[j][0], y = here / 8 + jumps[j][1];
            if (x < 0 || x > 7 || y < 0 || y > 7 || distance[y * 8 + x] >= 0)
                continue;
            distance[y * 8 + x] = distance[here] + 1;
            queue[tail++] = y * 8 + x;
        }
    }
    return distance[to];
}

int main(void)
{
    for (int n = 1; n <= 7; n++)
        printf("%d queens: %d\n", n, place((1u << n) - 1, 0, 0, 0));
    if (first(0))
        for (int row = 0; row < 8; row++) {
            for (int column = 0; column < 8; column++)
                putchar(row_of[column] == row ? 'Q' : '.');
            putchar('\n');
        }
    printf("a knight goes from corner to corner in %d moves\n", knight(0, 63));
    return 0;
}
