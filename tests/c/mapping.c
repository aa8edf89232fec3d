/* Memory from the kernel: private mappings, protection, large blocks, realloc across sizes, the stack's own pages. */
#include "guest.h"

static int touch(volatile char *p)
{
    int status;
    fflush(NULL);
    if (fork() == 0) {
        *p = 1;
        exit(0);
    }
    wait(&status);
    return status & 0x7f;
}

int main(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    printf("fresh pages: %d %d\n", p[0], p[3 * 4096 - 1]);
    printf("aligned: %lu\n", (u64)p % 4096);
    printf("writing: %d\n", touch(p + 4096));
    mprotect(p + 4096, 4096, PROT_READ);
    printf("writing when read-only: %d\n", touch(p + 4096));
    printf("its neighbours: %d %d\n", touch(p), touch(p + 8192));
    mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE);
    printf("writing again: %d\n", touch(p + 4096));
    munmap(p + 4096, 4096);
    printf("with a hole: %d %d %d\n", touch(p), touch(p + 4096), touch(p + 8192));
    munmap(p, 3 * 4096);

    char *block = malloc(10);
    strcpy(block, "kept");
    for (size_t n = 20; n < 3000000; n *= 7) {
        block = realloc(block, n);
        block[n - 1] = 'x';
        printf("%lu %s\n", n, block);
    }
    free(block);
    printf("mapping nothing fails: %d\n", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    return 0;
}
