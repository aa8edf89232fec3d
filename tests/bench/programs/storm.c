/* N rounds of: map 64 KiB, touch a page, unmap, below AREAS other mappings that cannot join; MAX_MAP_COUNT is set first, for
   more of them than there may be by default. Stock C library. */
#include <stdio.h>
#include <sys/mman.h>

#ifndef N
#define N 100000
#endif
#ifndef AREAS
#define AREAS 0
#endif
#define PAGE 4096

int main(void) {
  long sum = 0;
#ifdef MAX_MAP_COUNT
  FILE *setting = fopen("/proc/sys/vm/max_map_count", "w");
  if (!setting || fprintf(setting, "%d\n", MAX_MAP_COUNT) < 0 || fclose(setting)) {
    perror("vm.max_map_count");
    return 1;
  }
#endif
  for (long i = 0; i < AREAS; i++)
    if (mmap(0, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
      perror("mmap");
      return 1;
    }
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
