/* mremap: every flag, good and bad; what the bytes, the protection and the neighbours are afterwards. */
#include "checks.h"
#include <setjmp.h>
#include <sys/mman.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif
static sigjmp_buf out;
static void caught(int signal) { siglongjmp(out, signal); }
/* The byte there, or minus the signal that reading it raises. */
static int byte(char *p) { int s = sigsetjmp(out, 1); return s ? -s : *(volatile char *)p; }
static int put(char *p, int c) { int s = sigsetjmp(out, 1); return s ? -s : (*(volatile char *)p = c); }
static char *arena; /* of 64 pages, none of them mapped but for what a test puts there */
static char *at(int page, int pages, int prot, int flags, int fd)
{
    char *p = mmap(arena + page * PAGE, pages * PAGE, prot, flags | MAP_FIXED, fd, 0);
    if (prot & PROT_WRITE)
        for (int i = 0; i < pages; i++)
            p[i * PAGE] = 'a' + i;
    return p;
}
static void clear(void) { munmap(arena, 64 * PAGE); }
/* In pages from the start of the arena; minus errno when it fails. */
static long moved(char *from, long old, long size, int flags, char *to)
{
    char *p = (char *)syscall(SYS_mremap, from, old, size, flags, to);
    return p == MAP_FAILED ? -1 : p >= arena && p < arena + 64 * PAGE ? (p - arena) / PAGE : 1000;
}
static int in(int page, int pages)
{
    unsigned char v[64];
    return mincore(arena + page * PAGE, pages * PAGE, v);
}

int main(void)
{
    struct sigaction a = {.sa_handler = caught};
    sigaction(SIGSEGV, &a, NULL), sigaction(SIGBUS, &a, NULL);
    arena = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);
    clear();
    char *p;

    puts("bad");
    p = at(0, 4, RW, ANON, -1);
    T(moved(p + 1, PAGE, PAGE, 0, 0));
    T(moved(p, PAGE, 0, 0, 0));
    T(moved(p, PAGE, 0, MREMAP_MAYMOVE, 0));
    T(moved(p, PAGE, PAGE, 8, 0));
    T(moved(p, PAGE, PAGE, 16, 0));
    T(moved(p, PAGE, PAGE, MREMAP_FIXED, arena + 20 * PAGE));
    T(moved(p, PAGE, PAGE, MREMAP_DONTUNMAP, 0));
    T(moved(p, PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_FIXED, arena + 20 * PAGE));
    T(moved(p, PAGE, 2 * PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0));
    T(moved(p, 2 * PAGE, PAGE, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, 0));
    T(moved(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, arena + 20 * PAGE + 1));
    T(moved(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p));
    T(moved(p, 2 * PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE));
    T(moved(p, PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p - PAGE));
    T(moved(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, (char *)-PAGE));
    T(moved(arena + 10 * PAGE, PAGE, PAGE, 0, 0));
    T(moved(arena + 10 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0));
    T(moved(arena + 10 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE, 0));
    T(moved(p + 2 * PAGE, 4 * PAGE, 4 * PAGE, 0, 0));
    T(moved(p + 2 * PAGE, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE, 0));
    T(moved(p + 2 * PAGE, 4 * PAGE, 2 * PAGE, 0, 0));
    T(byte(p));
    T(byte(p + 3 * PAGE));
    T(moved(p, 0, PAGE, MREMAP_MAYMOVE, 0));
    T(moved(p, 0, PAGE, 0, 0));
    clear();

    puts("shrinking");
    p = at(0, 8, RW, ANON, -1);
    T(moved(p, 8 * PAGE, 6 * PAGE, 0, 0));
    T(in(5, 1)); T(in(6, 1));
    T(moved(p, 6 * PAGE, 5 * PAGE - 7, 0, 0));
    T(in(4, 1)); T(in(5, 1));
    T(moved(p + PAGE, 2 * PAGE, PAGE, 0, 0));
    T(in(2, 1)); T(byte(p + 3 * PAGE));
    T(moved(p + 3 * PAGE, 2 * PAGE, PAGE, MREMAP_MAYMOVE, 0));
    T(in(3, 1)); T(in(4, 1));
    clear();
    p = at(0, 4, RW, ANON, -1);
    T(moved(p, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 20 * PAGE));
    T(byte(arena + 20 * PAGE)); T(byte(arena + 21 * PAGE)); T(in(22, 1)); T(in(0, 4)); T(in(2, 1)); T(in(3, 1));
    clear();
    /* over two areas and a hole */
    at(0, 2, RW, ANON, -1), at(2, 2, PROT_READ, ANON, -1), at(5, 2, RW, ANON, -1);
    T(moved(arena, 7 * PAGE, PAGE, 0, 0));
    T(in(0, 1)); T(in(1, 1)); T(in(2, 1)); T(in(5, 1)); T(in(6, 1));
    clear();

    puts("growing");
    p = at(0, 2, RW, ANON, -1);
    T(moved(p, 2 * PAGE, 4 * PAGE, 0, 0));
    T(byte(p + PAGE)); T(byte(p + 2 * PAGE)); T(put(p + 3 * PAGE, 5));
    at(5, 1, PROT_READ, ANON, -1);
    T(moved(p, 4 * PAGE, 5 * PAGE, 0, 0));
    T(moved(p, 5 * PAGE, 6 * PAGE, 0, 0));
    T(moved(p, 2 * PAGE, 3 * PAGE, 0, 0));
    T(moved(p + 4 * PAGE, PAGE, 2 * PAGE, 0, 0));
    T(moved(p, 5 * PAGE, 5 * PAGE, 0, 0));
    T(moved(p, 5 * PAGE - 1, 5 * PAGE - 3000, 0, 0));
    T(moved(p, 5 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 20 * PAGE));
    T(byte(arena + 20 * PAGE)); T(byte(arena + 23 * PAGE)); T(byte(arena + 25 * PAGE)); T(byte(p)); T(in(5, 1));
    clear();
    /* the middle of an area */
    p = at(0, 6, RW, ANON, -1);
    T(moved(p + 2 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 30 * PAGE));
    T(byte(p + PAGE)); T(byte(p + 2 * PAGE)); T(byte(p + 3 * PAGE)); T(byte(p + 4 * PAGE)); T(byte(arena + 30 * PAGE)); T(byte(arena + 31 * PAGE)); T(byte(arena + 32 * PAGE));
    /* over what is there */
    at(40, 3, RW, ANON, -1);
    T(moved(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 41 * PAGE));
    T(byte(arena + 40 * PAGE)); T(byte(arena + 41 * PAGE)); T(byte(arena + 42 * PAGE)); T(in(43, 1));
    clear();
    /* read-only, PROT_NONE */
    p = at(0, 2, RW, ANON, -1);
    mprotect(p, 2 * PAGE, PROT_READ);
    T(moved(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 8 * PAGE));
    T(byte(arena + 9 * PAGE)); T(byte(arena + 10 * PAGE)); T(put(arena + 8 * PAGE, 1)); T(put(arena + 10 * PAGE, 1));
    mprotect(arena + 8 * PAGE, 3 * PAGE, PROT_NONE);
    T(moved(arena + 8 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena));
    T(byte(arena)); mprotect(arena, 3 * PAGE, PROT_READ); T(byte(arena + PAGE));
    clear();
    /* two areas at once */
    at(0, 2, RW, ANON, -1), at(2, 2, RW, ANON, -1);
    mprotect(arena + 2 * PAGE, 2 * PAGE, PROT_READ);
    T(moved(arena, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE, 0));
    T(moved(arena, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0));
    clear();

    puts("left where it was");
    p = at(0, 3, RW, ANON, -1);
    T(moved(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, arena + 10 * PAGE));
    T(byte(p)); T(put(p, 3)); T(byte(arena + 10 * PAGE)); T(byte(arena + 12 * PAGE)); T(in(0, 3));
    T(moved(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0) >= 0);
    T(byte(p));
    T(moved(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, p));
    clear();

    puts("shared");
    p = at(0, 4, RW, MAP_SHARED | MAP_ANONYMOUS, -1);
    T(moved(p, 0, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 10 * PAGE));
    T(put(p, 'z')); T(byte(arena + 10 * PAGE)); T(put(arena + 11 * PAGE, 'y')); T(byte(p + PAGE));
    T(moved(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, arena + 20 * PAGE));
    T(byte(p)); T(byte(arena + 20 * PAGE)); T(put(arena + 20 * PAGE, 'x')); T(byte(p));
    T(moved(p, 4 * PAGE, 6 * PAGE, 0, 0));
    T(byte(p + 3 * PAGE)); T(byte(p + 4 * PAGE)); T(byte(p + 5 * PAGE));
    T(moved(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 40 * PAGE));
    T(byte(arena + 40 * PAGE)); T(byte(arena + 41 * PAGE)); T(put(arena + 41 * PAGE, 'w')); T(byte(arena + 12 * PAGE));
    clear();

    puts("of a file");
    int fd = memfd_create("file", 0), ro;
    char name[64];
    T(ftruncate(fd, 5 * PAGE));
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    p = at(0, 4, RW, MAP_SHARED, fd);
    T(moved(p, 4 * PAGE, 6 * PAGE, 0, 0));
    T(byte(p + 3 * PAGE)); T(byte(p + 4 * PAGE)); T(byte(p + 5 * PAGE));
    T(moved(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 20 * PAGE));
    T(byte(arena + 20 * PAGE)); T(byte(arena + 21 * PAGE)); T(put(arena + 21 * PAGE, 'k')); T(byte(p + 3 * PAGE)); T(byte(p + 2 * PAGE));
    T(moved(p, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 30 * PAGE));
    T(byte(arena + 31 * PAGE));
    T(moved(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, arena + 40 * PAGE));
    T(byte(p)); T(byte(arena + 40 * PAGE));
    clear();
    p = at(0, 4, PROT_READ, MAP_PRIVATE, fd);
    T(byte(p + 3 * PAGE));
    T(moved(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 10 * PAGE));
    T(byte(arena + 13 * PAGE)); T(byte(arena + 14 * PAGE)); T(byte(arena + 15 * PAGE)); T(byte(p));
    T(moved(arena + 10 * PAGE, 0, 2 * PAGE, MREMAP_MAYMOVE, 0));
    T(moved(arena + 10 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, arena));
    T(byte(p)); T(byte(arena + 10 * PAGE));
    clear();

    puts("locked");
    p = at(0, 2, RW, ANON, -1);
    T(mlock(p, 2 * PAGE));
    T(moved(p, 2 * PAGE, 4 * PAGE, 0, 0));
    unsigned char v[4] = {9, 9, 9, 9};
    T(mincore(p, 4 * PAGE, v)); T(v[3] & 1);
    T(moved(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 10 * PAGE));
    T(madvise(arena + 10 * PAGE, PAGE, MADV_DONTNEED));
    T(moved(arena + 10 * PAGE, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, arena));
    T(madvise(arena, PAGE, MADV_DONTNEED)); T(madvise(arena + 10 * PAGE, PAGE, MADV_DONTNEED));
    clear();
    puts("marks of the area go along");
    p = at(0, 2, RW, ANON, -1);
    T(madvise(p, 2 * PAGE, MADV_WIPEONFORK));
    T(moved(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 10 * PAGE));
    int status;
    if (!fork())
        _exit(byte(arena + 11 * PAGE));
    wait(&status);
    T(status);
    T(madvise(arena + 10 * PAGE, 3 * PAGE, MADV_DONTFORK));
    T(moved(arena + 10 * PAGE, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 20 * PAGE));
    if (!fork())
        _exit(-byte(arena + 21 * PAGE));
    wait(&status);
    T(status);
    return 0;
}
