/* Matrices: product, transposition, power by squaring, determinant modulo a prime, spiral order, rows of pointers. */
#include "guest.h"

#define P 1000003

typedef long matrix[6][6];

static void multiply(int n, matrix r, matrix a, matrix b)
{
    matrix t;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            t[i][j] = 0;
            for (int k = 0; k < n; k++)
                t[i][j] = (t[i][j] + a[i][k] * b[k][j]) % P;
        }
    memcpy(r, t, sizeof t);
}

static long inverse(long a)
{
    long r = 1;
    for (long e = P - 2; e; e >>= 1, a = a * a % P)
        if (e & 1)
            r = r * a % P;
    return r;
}

static long determinant(int n, matrix m)
{
    long d = 1;
    for (int c = 0; c < n; c++) {
        int pivot = c;
        while (pivot < n && m[pivot][c] == 0)
            pivot++;
        if (pivot == n)
            return 0;
        if (pivot != c) {
            for (int k = 0; k < n; k++) {
                long t = m[c][k];
                m[c][k] = m[pivot][k];
                m[pivot][k] = t;
            }
            d = P - d;
        }
        d = d * m[c][c] % P;
        for (int r = c + 1; r < n; r++) {
            long f = m[r][c] * inverse(m[c][c]) % P;
            for (int k = c; k < n; k++)
                m[r][k] = ((m[r][k] - f * m[c][k]) % P + P) % P;
        }
    }
    return d;
}

static void spiral(int n)
{
    int **rows = malloc(n * sizeof *rows), left = 0, right = n - 1;
    for (int i = 0; i < n; i++)
        rows[i] = calloc(n, sizeof **rows);
    for (int k = 1; left <= right; left++, right--) {
        for (int i = left; i <= right; i++)
            rows[left][i] = k++;
        for (int i = left + 1; i <= right; i++)
            rows[i][right] = k++;
        for (int i = right - 1; i >= left; i--)
            rows[right][i] = k++;
        for (int i = right - 1; i > left; i--)
            rows[i][left] = k++;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            printf("%3d", rows[i][j]);
        putchar('\n');
        free(rows[i]);
    }
    free(rows);
}

int main(void)
{
    matrix a, b, power = {{0}};
    matrix fib = {{1, 1}, {1, 0}};

    u32 x = 1;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            x = x * 1664525 + 1013904223;
            a[i][j] = x >> 28;
            b[j][i] = a[i][j] * 2 + (i == j);
        }
    multiply(6, a, a, b);
    for (int i = 0; i < 6; i += 5)
        printf("%ld %ld %ld %ld %ld %ld\n", a[i][0], a[i][1], a[i][2], a[i][3], a[i][4], a[i][5]);
    printf("determinant %ld\n", determinant(6, a));
    power[0][0] = power[1][1] = 1;
    for (int e = 1000; e; e >>= 1) {
        if (e & 1)
            multiply(2, power, power, fib);
        multiply(2, fib, fib, fib);
    }
    printf("fib(1000) mod %d = %ld\n", P, power[0][1]);
    spiral(5);
    return 0;
}
