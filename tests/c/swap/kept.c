/* What must stay: locked pages while everything else goes, and what a dirty mapping of a file has when its pages had to go. */
#include "../guest.h"

enum { PAGES = 400, LOCKED = 20, FILE_PAGES = 150 };
enum { OPENAT = 56, FTRUNCATE = 46, PREAD = 67, UNLINKAT = 35, MLOCK = 228, MUNLOCK = 229, MINCORE = 232 };
enum { AT_FDCWD = -100, O_RDWR_CREAT = 0102 };

static long call(long number, long a, long b, long c, long d)
{
    register long a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c, a3 asm("a3") = d, a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
    return a0;
}

static char *map(int pages, int flags, int fd)
{
    return mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
}

static int resident(char *from, int pages)
{
    static u8 present[PAGES];
    int i, count = 0;
    call(MINCORE, (long)from, pages * 4096, (long)present, 0);
    for (i = 0; i < pages; i++)
        count += present[i] & 1;
    return count;
}

static void press(char *much)
{
    int i;
    for (i = 0; i < PAGES; i++)
        much[i * 4096]++;
}

int main(void)
{
    char *locked = map(LOCKED, MAP_PRIVATE | MAP_ANONYMOUS, -1), *much = map(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, -1), *mapped;
    int i, fd, wrong = 0;

    printf("mlock: %ld\n", call(MLOCK, (long)locked, LOCKED * 4096, 0, 0));
    for (i = 0; i < LOCKED; i++)
        locked[i * 4096] = i;
    press(much);
    printf("locked pages that stayed: %d\n", resident(locked, LOCKED));
    printf("others all stayed: %d\n", resident(much, PAGES) == PAGES);
    call(MUNLOCK, (long)locked, LOCKED * 4096, 0, 0);
    press(much);
    printf("all stayed once unlocked: %d\n", resident(locked, LOCKED) == LOCKED);
    for (i = 0; i < LOCKED; i++)
        wrong += locked[i * 4096] != i;
    printf("wrong: %d\n", wrong);

    fd = call(OPENAT, AT_FDCWD, (long)"/tmp/toyvm-kept", O_RDWR_CREAT, 0600);
    call(FTRUNCATE, fd, FILE_PAGES * 4096, 0, 0);
    mapped = map(FILE_PAGES, MAP_SHARED, fd);
    for (i = 0; i < FILE_PAGES; i++)
        mapped[i * 4096 + i] = i;
    press(much);
    for (i = 0; i < FILE_PAGES; i++) {
        char byte = 0;
        call(PREAD, fd, (long)&byte, 1, i * 4096 + i);
        wrong += byte != (char)i || mapped[i * 4096 + i] != (char)i;
    }
    for (i = 0; i < PAGES; i++)
        wrong += much[i * 4096] != 3;
    printf("wrong in the file and beside it: %d\n", wrong);
    call(UNLINKAT, AT_FDCWD, (long)"/tmp/toyvm-kept", 0, 0);
    return 0;
}
