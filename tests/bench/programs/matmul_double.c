/* The product of matmul.c on doubles. */
#include "bench.h"

#define SIZE 512
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = i * 0.25 + j;
            b[i][j] = (i ^ j) * 0.125;
        }
    for (long round = 0; round < n; round++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                double sum = 0;
                for (int k = 0; k < SIZE; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
    double total = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            total += c[i][j] / (1 + i + j);
    printf("%.3f\n", total);
    return 0;
}
