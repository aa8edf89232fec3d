/* N forks in turn; each child writes 64 pages of a touched heap of MIB MiB, the parent waits for it. Stock C library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef N
#define N 2000
#endif
#ifndef MIB
#define MIB 16
#endif
#define PAGE 4096
#define WRITTEN 64

int main(void) {
  size_t pages = (size_t)MIB * 1048576 / PAGE;
  char *heap = malloc(pages * PAGE);
  if (!heap)
    return 1;
  for (size_t i = 0; i < pages; i++)
    heap[i * PAGE] = (char)i;
  unsigned long sum = 0;
  for (int round = 0; round < N; round++) {
    pid_t child = fork();
    if (child < 0) {
      perror("fork");
      return 1;
    }
    if (child == 0) {
      size_t step = pages / WRITTEN;
      for (size_t i = 0; i < WRITTEN; i++)
        heap[(i * step + round % step) * PAGE] += 1;
      _exit((unsigned char)heap[(size_t)round % WRITTEN * step * PAGE]);
    }
    int status;
    if (waitpid(child, &status, 0) != child)
      return 1;
    sum = sum * 31 + WEXITSTATUS(status);
  }
  printf("%d forks, sum %lu\n", N, sum);
  return 0;
}
