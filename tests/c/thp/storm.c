/* Hundreds of things done to 8 MiB at random, by a process and its children, each page held against what it should be. */
#include "../guest.h"

int madvise(void *address, size_t length, int advice);

enum { PAGE = 4096, PAGES = 2048, RW = PROT_READ | PROT_WRITE, STEPS = 150 };
enum { MADV_DONTNEED = 4, MADV_COLD = 20, MADV_HUGEPAGE = 14, MAP_FIXED = 0x10 };

static char *base;
static u64 expected[PAGES]; /* the first word of each page */
static u8 writable[PAGES];
static u64 state = 88172645463325252u;
static int depth;

static u32 below(u32 limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (u32)(state >> 20) % limit;
}

static u64 *page(u32 number) { return (u64 *)(base + (size_t)number * PAGE); }

static void check(u32 first, u32 end, u32 step)
{
    for (u32 i = first; i < end; i += step)
        if (*page(i) != expected[i]) {
            printf("depth %d, page %d: %d for %d\n", depth, (int)i, (int)*page(i), (int)expected[i]);
            exit(1);
        }
}

static void step(void)
{
    u32 first = below(PAGES), count = below(3) ? below(40) + 1 : 512, what = below(10), status;
    if (below(2))
        first &= -512;
    u32 end = first + count < PAGES ? first + count : PAGES;
    size_t length = (size_t)(end - first) * PAGE;
    if (what < 5) {
        for (u32 i = first; i < end; i += 1 + below(3))
            if (writable[i])
                *page(i) = expected[i] = state;
    } else if (what == 5) {
        int prot = below(3) ? RW : PROT_READ;
        mprotect(page(first), length, prot);
        memset(writable + first, prot == RW, end - first);
    } else if (what == 6) {
        madvise(page(first), length, MADV_DONTNEED);
        memset(expected + first, 0, (end - first) * sizeof expected[0]);
    } else if (what == 7) {
        mmap(page(first), length, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        madvise(page(first), length, MADV_HUGEPAGE);
        memset(expected + first, 0, (end - first) * sizeof expected[0]);
        memset(writable + first, 1, end - first);
    } else if (what == 8) {
        madvise(page(first), length, MADV_COLD);
    } else if (depth < 2 && !below(4)) {
        int pid = fork();
        if (!pid) {
            depth++;
            for (int i = 0; i < 25; i++)
                step();
            check(0, PAGES, 1);
            exit(0);
        }
        step();
        waitpid(pid, (int *)&status, 0);
        if (status) {
            printf("a child: %d\n", (int)status);
            exit(1);
        }
    }
    check(first, end, 1 + below(7));
}

int main(void)
{
    char *room = mmap(NULL, 3 * PAGES * PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base = (char *)((u64)(room + (PAGES * PAGE)) & -(u64)(2 << 20));
    mmap(base, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(base, PAGES * PAGE, MADV_HUGEPAGE);
    memset(writable, 1, sizeof writable);
    for (int i = 0; i < STEPS; i++)
        step();
    check(0, PAGES, 1);
    u64 sum = 0;
    for (int i = 0; i < PAGES; i++)
        sum = sum * 31 + *page(i);
    printf("%d\n", (int)(sum >> 33));
    return 0;
}
