/* N rounds of: map 64 KiB, touch a page, unmap, below AREAS other mappings. Stock C library. */
#include "areas.h"

#ifndef N
#define N 100000
#endif

int main(void) {
  long sum = 0;
  map_areas();
  for (long i = 0; i < N; i++) {
    char *at = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
      perror("mmap");
      return 1;
    }
    at[i % 16 * PAGE] = (char)i;
    sum += at[i % 16 * PAGE];
    munmap(at, 65536);
  }
  printf("%ld\n", sum);
  return 0;
}
