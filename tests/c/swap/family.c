/* Fifty processes forked from one with a heap that does not fit: they share what is swapped, write to some of it, and talk
 * through shared memory that is swapped as well. Each checks all it sees. */
#include "../guest.h"

enum { CHILDREN = 50, PAGES = 300, SHARED = 100, WORDS = 512 };

static u64 *heap, *common;

static u64 check(u64 self)
{
    u64 wrong = 0, i;
    for (i = 0; i < PAGES; i++) {
        u64 expected = i * 7 + 1;
        if (self && i % CHILDREN == self - 1)
            expected += self << 32;
        wrong += heap[i * WORDS + i % WORDS] != expected;
    }
    return wrong;
}

int main(void)
{
    u64 i, self, wrong = 0;
    int status;

    heap = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    common = mmap(NULL, SHARED * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (i = 0; i < PAGES; i++)
        heap[i * WORDS + i % WORDS] = i * 7 + 1;
    for (i = 0; i < SHARED; i++)
        common[i * WORDS] = i;

    for (self = 1; self <= CHILDREN; self++)
        if (fork() == 0) {
            for (i = self - 1; i < PAGES; i += CHILDREN)
                heap[i * WORDS + i % WORDS] += self << 32;
            for (i = self - 1; i < SHARED; i += CHILDREN)
                common[i * WORDS + self] = self * 1000 + i;
            wrong = check(self);
            for (i = 0; i < SHARED; i++)
                wrong += common[i * WORDS] != i;
            exit(wrong ? 1 : 0);
        }
    for (i = 0; i < CHILDREN; i++) {
        wait(&status);
        wrong += status != 0;
    }
    printf("children that found an error: %lu\n", wrong);
    printf("wrong in the parent's heap: %lu\n", check(0));
    for (wrong = i = 0; i < SHARED; i++) {
        self = i % CHILDREN + 1;
        wrong += common[i * WORDS + self] != self * 1000 + i;
    }
    printf("wrong in shared memory: %lu\n", wrong);
    return 0;
}
