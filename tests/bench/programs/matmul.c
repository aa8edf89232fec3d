/* A column's elements are 4096 bytes apart: every one is in another page. */
#include "bench.h"

#ifndef SIZE
#define SIZE 512
#endif
static u64 a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) {
            a[i][j] = i * 3 + j;
            b[i][j] = i ^ j;
        }
    for (long round = 0; round < n; round++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                u64 sum = 0;
                for (int k = 0; k < SIZE; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
    u64 hash = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++)
            hash = hash * 31 + c[i][j];
    put(hash);
    return 0;
}
