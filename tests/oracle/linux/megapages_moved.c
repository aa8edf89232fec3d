/* The same as tests/c/thp/megapages.c, and what mremap makes of huge pages, which toyvm's own library does not have. */
#define MOVES
void *mremap(void *old, unsigned long old_size, unsigned long new_size, int flags, ...);
#include "../../c/thp/megapages.c"
