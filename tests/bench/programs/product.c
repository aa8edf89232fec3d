/* The product of two N x N matrices of 64-bit integers, rows by rows (B is given transposed): how it ends does not depend on
   how much memory there is, only how soon. Stock C library. */
#include <stdint.h>
#include <stdio.h>

#ifndef N
#define N 256
#endif

static uint64_t a[N][N], b[N][N], c[N][N];

int main(void) {
  for (uint64_t i = 0; i < N; i++)
    for (uint64_t j = 0; j < N; j++) {
      a[i][j] = i * 31 + j;
      b[i][j] = i ^ j * 17;
    }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      uint64_t sum = 0;
      for (int k = 0; k < N; k++)
        sum += a[i][k] * b[j][k];
      c[i][j] = sum;
    }
  uint64_t check = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      check = check * 31 + c[i][j];
  printf("%llu\n", (unsigned long long)check);
  return 0;
}
