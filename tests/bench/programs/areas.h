/* AREAS mappings of a page that cannot join. MAX_MAP_COUNT is set first, for more of them than there may be by default. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef AREAS
#define AREAS 0
#endif
#define PAGE 4096

static void map_areas(void) {
#ifdef MAX_MAP_COUNT
  FILE *setting = fopen("/proc/sys/vm/max_map_count", "w");
  if (!setting || fprintf(setting, "%d\n", MAX_MAP_COUNT) < 0 || fclose(setting)) {
    perror("vm.max_map_count");
    exit(1);
  }
#endif
  for (long i = 0; i < AREAS; i++)
    if (mmap(0, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) {
      perror("mmap");
      exit(1);
    }
}
