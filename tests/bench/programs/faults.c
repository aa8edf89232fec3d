/* Page faults, PAGES in all, of the kind that KIND names: each page of a fresh mapping is touched once, below AREAS other
   mappings. Stock C library. */
#define _GNU_SOURCE
#include "areas.h"
#include <sys/wait.h>
#include <unistd.h>

#define NOTHING 0     /* the mapping alone, to be taken off the others */
#define DEMAND_ZERO 1 /* writes to anonymous memory */
#define ZERO_READ 2   /* reads of anonymous memory */
#define COW 3         /* a child writes to what its parent has written */
#define FILE_MINOR 4  /* reads of a file whose pages are in memory */

#ifndef KIND
#define KIND DEMAND_ZERO
#endif
#ifndef PAGES
#define PAGES 4096
#endif
#ifndef ROUNDS
#define ROUNDS 8
#endif

static long touch(volatile char *at, int write) {
  long sum = 0;
  for (long i = 0; i < PAGES; i++)
    if (write)
      at[i * PAGE] = (char)i;
    else
      sum += at[i * PAGE];
  return sum;
}

static char *fresh(int fd) {
  char *at = mmap(0, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
  if (at == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  return at;
}

int main(void) {
  int fd = -1;
  char *shared = 0;
  long sum = 0;
  map_areas();
  if (KIND == FILE_MINOR) {
    fd = memfd_create("faults", 0);
    if (fd < 0 || ftruncate(fd, (long)PAGES * PAGE)) {
      perror("memfd");
      return 1;
    }
    sum += touch(fresh(fd), 0); /* the first touch makes the pages */
  }
  if (KIND == COW) {
    shared = fresh(-1);
    touch(shared, 1);
  }
  for (int round = 0; round < ROUNDS; round++) {
    if (KIND == COW) {
      pid_t child = fork();
      if (child == 0) {
        touch(shared, 1);
        _exit(0);
      }
      int status;
      if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
      continue;
    }
    char *at = fresh(fd);
    if (KIND != NOTHING)
      sum += touch(at, KIND == DEMAND_ZERO);
    munmap(at, (size_t)PAGES * PAGE);
  }
  printf("%ld\n", sum);
  return 0;
}
