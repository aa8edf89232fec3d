/* Copy-on-write seen from C: three generations write to the same variables, and each keeps its own. */
#include "guest.h"

static int number = 1;
static int zeros[5000];

int main(void)
{
    int on_stack = 10, status;
    int *on_heap = malloc(sizeof *on_heap);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *on_heap = 100;
    strcpy(page, "first");
    strcpy(page + 4096, "generation");
    if (fork() == 0) {
        number++, on_stack++, zeros[4999]++, ++*on_heap;
        strcpy(page, "second");
        if (fork() == 0) {
            number++, on_stack++, zeros[4999]++, ++*on_heap;
            strcpy(page, "third");
            printf("%d %d %d %d %s %s\n", number, on_stack, *on_heap, zeros[4999], page, page + 4096);
            exit(3);
        }
        wait(&status);
        printf("%d %d %d %d %s %s, child returned %d\n", number, on_stack, *on_heap, zeros[4999], page, page + 4096, status >> 8);
        exit(2);
    }
    wait(&status);
    printf("%d %d %d %d %s %s, child returned %d\n", number, on_stack, *on_heap, zeros[4999], page, page + 4096, status >> 8);
    munmap(page, 8192);
    free(on_heap);
    return 0;
}
