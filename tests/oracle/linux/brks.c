/* brk: what the call answers to good and bad wishes, and what the bytes, the neighbours and a child are afterwards. */
#include "checks.h"
#include <sys/mman.h>
#include <sys/resource.h>

enum { PAGE = 4096 };
static char *raw(void *to) { return (char *)syscall(SYS_brk, to); }
/* By how many bytes the end is off the first one. */
static char *first;
static long end_after(char *to) { return raw(to) - first; }

int main(void)
{
    puts("one line, so that stdio has its buffer");
    first = raw(NULL);
    first = raw((char *)(((uintptr_t)first + PAGE - 1) & -PAGE)); /* a whole page */
    T(end_after(NULL));
    T(end_after((char *)1));
    T(end_after(first + 1));
    T(first[0] = 7);
    T(end_after(first + PAGE));
    T(first[PAGE - 1]);
    T(end_after(first + PAGE + 5));
    T(first[PAGE + 4] = 8);
    T(end_after(first + 3 * PAGE));
    T(first[PAGE + 4]);
    T(end_after(first + 2 * PAGE + 1));
    T(first[2 * PAGE] = 9);
    T(end_after(first + 2 * PAGE));
    T(end_after(first + 3 * PAGE));
    T(first[2 * PAGE]); /* a page that was given back is zero */
    T(end_after(first + 2 * PAGE + 100));
    first[2 * PAGE + 200] = 5;
    T(end_after(first + 2 * PAGE + 50));
    T(end_after(first + 3 * PAGE));
    T(first[2 * PAGE + 200]); /* inside a page nothing is cleared */
    T(end_after((char *)-1));
    T(end_after((char *)(1ul << 62)));
    T(end_after((char *)0x1000));
    T(end_after(first - 0x100000000));

    /* a mapping above the end is a border */
    char *wall = mmap(first + 8 * PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    T(wall - first);
    T(end_after(first + 4 * PAGE));
    T(end_after(first + 8 * PAGE));
    T(end_after(first + 9 * PAGE));
    T(end_after(first + 20 * PAGE));
    T(munmap(wall, PAGE));
    T(end_after(first + 9 * PAGE));

    /* protection stays, new pages are as at first */
    T(mprotect(first, 2 * PAGE, PROT_READ));
    T(end_after(first + 10 * PAGE));
    T(first[9 * PAGE] = 3);
    T(first[0]);
    T(mprotect(first, 2 * PAGE, PROT_READ | PROT_WRITE));
    T(first[0] = 4);
    /* a hole in the heap */
    T(munmap(first + 4 * PAGE, PAGE));
    T(end_after(first + 11 * PAGE));
    T(end_after(first + 3 * PAGE));
    T(end_after(first + 6 * PAGE));
    T(first[4 * PAGE + 9]);
    T(munmap(first, 6 * PAGE));
    T(end_after(first + 7 * PAGE));
    T(first[6 * PAGE + 9] = 1);
    T(end_after(first + 2 * PAGE));
    T(end_after(first + 3 * PAGE));
    T(first[2 * PAGE + 9] = 1);

    /* a limit of data */
    struct rlimit old, small;
    T(getrlimit(RLIMIT_DATA, &old));
    small = (struct rlimit){4 * PAGE, old.rlim_max};
    T(setrlimit(RLIMIT_DATA, &small));
    T(end_after(first + 4000 * PAGE));
    T(end_after(first + PAGE));
    T(setrlimit(RLIMIT_DATA, &old));
    getrlimit(RLIMIT_AS, &old);
    small = (struct rlimit){1, old.rlim_max};
    T(setrlimit(RLIMIT_AS, &small));
    T(end_after(first + 5 * PAGE));
    T(end_after(first));
    T(setrlimit(RLIMIT_AS, &old));
    T(end_after(first + 5 * PAGE));

    /* a child has the same end, and moves its own */
    first[100] = 'p';
    if (!fork()) {
        T(end_after(NULL));
        T(first[100]);
        T(end_after(first + 9 * PAGE));
        exit(0);
    }
    int status;
    wait(&status);
    T(status);
    T(end_after(NULL));

    /* what is locked in future is brought in */
    T(mlockall(MCL_FUTURE));
    T(end_after(first + 7 * PAGE));
    unsigned char in[2];
    T(mincore(first + 5 * PAGE, 2 * PAGE, in));
    T(in[0] & 1);
    T(in[1] & 1);
    T(munlockall());
    return 0;
}
