/* ROUNDS times through PAGES pages in order, reading or writing one word of each: with less memory than that, each page has
   gone when its turn comes again. Stock C library. */
#include <stdio.h>
#include <sys/mman.h>

#ifndef PAGES
#define PAGES 1250
#endif
#ifndef ROUNDS
#define ROUNDS 4
#endif
#ifndef WRITE
#define WRITE 0
#endif
#define PAGE 4096

int main(void) {
  volatile char *at = mmap(0, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  for (long i = 0; i < PAGES; i++)
    at[i * PAGE] = (char)(i % 251);
  long sum = 0;
  for (int round = 0; round < ROUNDS; round++)
    for (long i = 0; i < PAGES; i++) {
      sum += at[i * PAGE];
      if (WRITE)
        at[i * PAGE] = (char)(i % 251);
    }
  printf("%ld\n", sum);
  return 0;
}
