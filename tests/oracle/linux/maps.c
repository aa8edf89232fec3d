/* mmap, munmap, mprotect, msync, mincore, the calls that lock, madvise: good and bad arguments of each. */
#include "checks.h"
#include <setjmp.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#define HIGH ((char *)(1ul << 60))
#define LAST ((char *)-(long)PAGE)
static sigjmp_buf out;
static void caught(int signal) { siglongjmp(out, signal); }
static int byte(char *p) { int s = sigsetjmp(out, 1); return s ? -s : *(volatile char *)p; }
static int put(char *p, int c) { int s = sigsetjmp(out, 1); return s ? -s : (*(volatile char *)p = c); }
static char *arena;
/* How a mapping came to be: 0 where it was asked for, 1 elsewhere, or -1. */
static long map(char *to, long size, int prot, int flags, int fd, long offset)
{
    char *p = (char *)syscall(SYS_mmap, to, size, prot, flags, fd, offset);
    int elsewhere = p != (char *)((uintptr_t)to & -PAGE);
    if (p != MAP_FAILED && elsewhere)
        munmap(p, size);
    return p == MAP_FAILED ? -1 : elsewhere;
}
static void clear(void) { munmap(arena, 64 * PAGE); }
static void fill(int pages, int prot, int flags)
{
    clear();
    mmap(arena, pages * PAGE, RW, flags | MAP_FIXED, -1, 0);
    for (int i = 0; i < pages; i++)
        arena[i * PAGE] = 'a' + i;
    mprotect(arena, pages * PAGE, prot);
}
static char in[64];
/* The pages that are resident, as a number of bits. */
static long resident(char *p, int pages)
{
    long bits = 0;
    if (mincore(p, pages * PAGE, in))
        return -1;
    for (int i = 0; i < pages; i++)
        bits |= (in[i] & 1l) << i;
    return bits;
}
static int child_sees(char *p)
{
    int status;
    if (!fork())
        _exit(byte(p));
    wait(&status);
    return WEXITSTATUS(status);
}

int main(void)
{
    struct sigaction a = {.sa_handler = caught};
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    if (!geteuid()) { /* without the superuser's rights to lock and to map page 0 */
        setgroups(0, NULL);
        setgid(1000);
        setuid(1000);
    }
    arena = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);
    clear();
    int fd = memfd_create("file", 0), ro, wo, pipes[2];
    char name[64];
    T(ftruncate(fd, 3 * PAGE + 5));
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ro = open(name, O_RDONLY);
    wo = open(name, O_WRONLY);
    T(pipe(pipes));

    puts("mmap");
    T(map(0, 0, RW, ANON, -1, 0));
    T(map(0, -1, RW, ANON, -1, 0));
    T(map(0, 1l << 60, RW, ANON, -1, 0));
    T(map(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    T(map(0, PAGE, RW, MAP_ANONYMOUS | 4, -1, 0));
    T(map(0, PAGE, RW, MAP_ANONYMOUS | 0xf, -1, 0));
    T(map(0, PAGE, RW, ANON, -1, 1));
    T(map(0, PAGE, RW, ANON, 99, PAGE));
    T(map(0, PAGE, RW, MAP_PRIVATE, 99, 0));
    T(map(0, PAGE, RW, MAP_PRIVATE, -1, 0));
    T(map(0, PAGE, RW, MAP_PRIVATE, pipes[0], 0));
    T(map(0, PAGE, RW, MAP_PRIVATE, fd, 1));
    T(map(0, PAGE, RW, MAP_PRIVATE, fd, -PAGE));
    T(map(0, PAGE, RW, MAP_PRIVATE, fd, 0x7ffffffffffff000));
    T(map(0, PAGE, RW, MAP_PRIVATE, fd, 0x7fffffffffffe000));
    T(map(0, PAGE, RW, MAP_SHARED, ro, 0));
    T(map(0, PAGE, PROT_READ, MAP_SHARED, ro, 0));
    T(map(0, PAGE, RW, MAP_PRIVATE, ro, 0));
    T(map(0, PAGE, PROT_READ, MAP_SHARED, wo, 0));
    T(map(0, PAGE, PROT_WRITE, MAP_SHARED, wo, 0));
    T(map(0, PAGE, PROT_WRITE, MAP_PRIVATE, wo, 0));
    T(map(0, PAGE, PROT_NONE, MAP_PRIVATE, wo, 0));
    int folder = open("/tmp", O_RDONLY | O_DIRECTORY), path = open("/tmp", O_PATH), null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
    T(map(0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0));
    T(map(0, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
    T(map(0, PAGE, PROT_READ, MAP_PRIVATE, null, 0));
    T(map(arena, PAGE, RW, MAP_PRIVATE, zero, 0));
    T(byte(arena));
    T(put(arena, 3));
    T(map(arena, PAGE, RW, MAP_SHARED | MAP_FIXED, zero, 0));
    T(put(arena, 5));
    clear();
    T(map(arena, PAGE, RW, MAP_SHARED_VALIDATE, fd, 0));
    T(map(arena, PAGE, RW, MAP_SHARED_VALIDATE, ro, 0));
    T(map(arena, PAGE, RW, MAP_SHARED_VALIDATE | 0x80000, fd, 0));
    T(map(arena, PAGE, RW, MAP_SHARED_VALIDATE | 0x8000000, fd, 0));
    T(map(arena, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
    T(map(arena, PAGE, RW, MAP_SHARED | 0x8000000 | MAP_FIXED, fd, 0));
    clear();
    T(map(arena + 1, PAGE, RW, ANON, -1, 0));
    T(map(arena + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    T(map(arena + 1, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    T(map(arena, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    T(map(arena + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    T(map(arena + 2 * PAGE, 1, RW, ANON | MAP_FIXED, -1, 0));
    T(byte(arena + 3 * PAGE - 1));
    T(map(0, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    T(map(HIGH, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    T(map(LAST, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    T(map(LAST, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    T(map(HIGH, PAGE, RW, ANON, -1, 0));
    clear();
    /* behind the end of a file */
    T(map(arena, 5 * PAGE, RW, MAP_SHARED, fd, 0));
    T(put(arena + 3 * PAGE + 5, 'x'));
    T(byte(arena + 4 * PAGE));
    T(put(arena + 4 * PAGE, 1));
    T(pread(fd, in, 10, 3 * PAGE));
    T(ftruncate(fd, 2 * PAGE));
    T(byte(arena + 2 * PAGE));
    T(ftruncate(fd, 4 * PAGE));
    T(byte(arena + 3 * PAGE + 5));
    clear();
    /* what is brought in */
    T(map(arena, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, PROT_READ, ANON | MAP_POPULATE | MAP_FIXED, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, PROT_NONE, ANON | MAP_POPULATE | MAP_FIXED, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, RW, ANON | MAP_POPULATE | MAP_NONBLOCK | MAP_FIXED, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, RW, ANON | MAP_LOCKED | MAP_FIXED, -1, 0));
    T(resident(arena, 4));
    T(map(arena, 4 * PAGE, RW, ANON | MAP_NORESERVE | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_FIXED, -1, 0));
    T(map(arena, 4 * PAGE, RW | 0x70, ANON | MAP_FIXED, -1, 0));
    T(put(arena, 1));

    puts("munmap");
    T(munmap(arena + 1, PAGE));
    T(munmap(arena, 0));
    T(munmap(arena, -1));
    T(munmap(HIGH, PAGE));
    T(munmap(LAST, PAGE));
    T(munmap(arena + 30 * PAGE, PAGE));
    T(munmap(arena + PAGE, 1));
    T(byte(arena + PAGE));
    T(byte(arena + 2 * PAGE));
    T(munmap(arena, 64 * PAGE));
    T(munmap(arena, 64 * PAGE));

    puts("mprotect");
    fill(6, RW, ANON);
    T(mprotect(arena + 1, PAGE, PROT_READ));
    T(mprotect(arena, 0, PROT_READ));
    T(mprotect(arena + 1, 0, PROT_READ));
    T(mprotect(HIGH, 0, PROT_READ));
    T(mprotect(arena, -1, PROT_READ));
    T(mprotect(arena, -PAGE, PROT_READ));
    T(mprotect(HIGH, PAGE, PROT_READ));
    T(mprotect(arena, PAGE, 0x40));
    T(mprotect(arena, PAGE, PROT_READ | 8)); /* PROT_SEM */
    T(mprotect(arena, PAGE, PROT_READ | PROT_GROWSDOWN));
    T(mprotect(arena, PAGE, PROT_READ | PROT_GROWSUP));
    T(mprotect(arena, PAGE, PROT_READ | PROT_GROWSUP | PROT_GROWSDOWN));
    T(put(arena, 1));
    T(mprotect(arena, PAGE, PROT_NONE));
    T(byte(arena));
    T(mprotect(arena, 6 * PAGE, PROT_READ));
    T(byte(arena));
    T(put(arena + 5 * PAGE, 1));
    T(munmap(arena + 3 * PAGE, PAGE));
    T(mprotect(arena, 6 * PAGE, RW));
    T(put(arena + 2 * PAGE, 1));
    T(put(arena + 4 * PAGE, 1));
    T(mprotect(arena + 3 * PAGE, 2 * PAGE, RW));
    T(put(arena + 4 * PAGE, 1));
    T(mprotect(arena + 10 * PAGE, PAGE, RW));
    clear();
    T(map(arena, PAGE, PROT_READ, MAP_SHARED, ro, 0));
    T(mprotect(arena, PAGE, RW));
    T(mprotect(arena, PAGE, PROT_READ | PROT_EXEC));
    T(map(arena, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, ro, 0));
    T(mprotect(arena, PAGE, RW));
    T(put(arena, 9));
    T(map(arena, PAGE, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, 0));
    T(mprotect(arena, PAGE, RW));
    T(put(arena, 9));

    puts("msync");
    fill(4, RW, MAP_SHARED | MAP_ANONYMOUS);
    T(msync(arena, PAGE, MS_SYNC));
    T(msync(arena, PAGE, MS_ASYNC));
    T(msync(arena, PAGE, MS_INVALIDATE));
    T(msync(arena, PAGE, MS_SYNC | MS_INVALIDATE));
    T(msync(arena, PAGE, MS_ASYNC | MS_INVALIDATE));
    T(msync(arena, PAGE, MS_SYNC | MS_ASYNC));
    T(msync(arena, PAGE, 0));
    T(msync(arena, PAGE, 8));
    T(msync(arena + 1, PAGE, MS_SYNC));
    T(msync(arena, 0, MS_SYNC));
    T(msync(HIGH, 0, MS_SYNC));
    T(msync(arena, -1, MS_SYNC));
    T(msync(arena, -PAGE, MS_SYNC));
    T(msync(HIGH, PAGE, MS_SYNC));
    T(munmap(arena + PAGE, PAGE));
    T(msync(arena, 4 * PAGE, MS_SYNC));
    T(msync(arena, 4 * PAGE, MS_ASYNC));
    T(msync(arena + PAGE, PAGE, MS_ASYNC));
    T(mlock(arena, PAGE));
    T(msync(arena, PAGE, MS_INVALIDATE));
    T(msync(arena, PAGE, MS_INVALIDATE | MS_SYNC));
    T(msync(arena, PAGE, MS_SYNC));
    T(munlock(arena, PAGE));
    fill(4, PROT_NONE, ANON);
    T(msync(arena, 4 * PAGE, MS_SYNC));

    puts("mincore");
    fill(6, RW, ANON);
    T(mincore(arena + 1, PAGE, in));
    T(mincore(arena, 0, in));
    T(mincore(arena, PAGE, NULL));
    T(mincore(arena, 0, NULL));
    T(mincore(arena, -1, in));
    T(mincore(HIGH, PAGE, in));
    T(mincore(arena, PAGE + 1, in));
    T(resident(arena, 6));
    T(madvise(arena + PAGE, PAGE, MADV_DONTNEED));
    T(resident(arena, 6));
    T(munmap(arena + 3 * PAGE, PAGE));
    memset(in, 7, sizeof in);
    T(mincore(arena, 6 * PAGE, in));
    T(in[0] & 7);
    T(in[4]);
    T(resident(arena + 4 * PAGE, 2));
    T(mincore(arena + 3 * PAGE, PAGE, in));
    clear();
    T(map(arena, 4 * PAGE, RW, MAP_SHARED, fd, 0));
    T(resident(arena, 2));
    T(put(arena + PAGE, 1));
    T(resident(arena, 2));

    puts("mlock");
    struct rlimit limit, old;
    getrlimit(RLIMIT_MEMLOCK, &old);
    limit = (struct rlimit){8 * PAGE, old.rlim_max};
    T(setrlimit(RLIMIT_MEMLOCK, &limit));
    fill(6, RW, ANON);
    T(madvise(arena, 6 * PAGE, MADV_DONTNEED));
    T(mlock(arena + PAGE + 1, PAGE));
    T(resident(arena, 6));
    T(mlock(arena, 0));
    T(mlock(arena, -1));
    T(mlock(HIGH, PAGE));
    T(mlock(arena, 7 * PAGE));
    T(resident(arena, 6));
    T(mlock2(arena + 5 * PAGE, PAGE, 2));
    T(mlock2(arena + 5 * PAGE, PAGE, MLOCK_ONFAULT));
    T(resident(arena, 6));
    T(put(arena + 5 * PAGE, 1));
    T(madvise(arena + 5 * PAGE, PAGE, MADV_DONTNEED));
    T(madvise(arena + 5 * PAGE, PAGE, MADV_DONTNEED_LOCKED));
    T(byte(arena + 5 * PAGE));
    T(munlock(arena + 5 * PAGE, 1));
    T(munlock(arena + 5 * PAGE, 2 * PAGE));
    T(munlock(arena, 0));
    T(munlock(arena, -1));
    T(munlock(HIGH, PAGE));
    T(map(arena + 10 * PAGE, 9 * PAGE, RW, ANON | MAP_LOCKED, -1, 0));
    T(map(arena + 10 * PAGE, 9 * PAGE, RW, ANON, -1, 0));
    T(mlock(arena + 10 * PAGE, 9 * PAGE));
    T(mlock(arena + 10 * PAGE, 3 * PAGE));
    T(mlock(arena + 10 * PAGE, 3 * PAGE));
    T(mlockall(MCL_CURRENT));
    T(mlockall(0));
    T(mlockall(MCL_ONFAULT));
    T(mlockall(8));
    T(mlockall(MCL_FUTURE));
    T(map(arena + 30 * PAGE, PAGE, RW, ANON, -1, 0));
    T(resident(arena + 30 * PAGE, 1));
    T(map(arena + 31 * PAGE, 9 * PAGE, RW, ANON, -1, 0));
    T(mlockall(MCL_FUTURE | MCL_ONFAULT));
    T(map(arena + 31 * PAGE, PAGE, RW, ANON, -1, 0));
    T(resident(arena + 31 * PAGE, 1));
    T(munlockall());
    T(mlock(arena + 10 * PAGE, 8 * PAGE));
    T(munlockall());
    limit.rlim_cur = 0;
    T(setrlimit(RLIMIT_MEMLOCK, &limit));
    T(mlock(arena, PAGE));
    T(mlock(arena, 0));
    T(mlockall(MCL_FUTURE));
    T(mlockall(MCL_CURRENT));
    T(munlockall());
    T(map(arena + 40 * PAGE, PAGE, RW, ANON | MAP_LOCKED, -1, 0));
    T(setrlimit(RLIMIT_MEMLOCK, &old));
    fill(2, PROT_NONE, ANON);
    T(mlock(arena, 2 * PAGE));
    T(munlock(arena, 2 * PAGE));

    puts("madvise");
    fill(6, RW, ANON);
    static const int all[] = {-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 30, 99, 1000, 1 << 30};
    for (int i = 0; i < sizeof all / sizeof *all; i++) {
        int advice = all[i];
        if (advice >= 12 && advice <= 15) /* a kernel may be without them */
            continue;
        printf("%d\n", advice);
        T(madvise(arena + 1, PAGE, advice));
        T(madvise(arena, 0, advice));
        T(madvise(arena, -1, advice));
        T(madvise(HIGH, 0, advice));
        T(madvise(HIGH, PAGE, advice));
        T(madvise(arena + 10 * PAGE, PAGE, advice));
        if (advice != MADV_DONTFORK && advice != MADV_WIPEONFORK)
            T(madvise(arena + 3 * PAGE, 2 * PAGE, advice));
    }
    puts("removed");
    fill(6, RW, ANON);
    T(madvise(arena, PAGE, MADV_REMOVE));
    fill(6, RW, MAP_SHARED | MAP_ANONYMOUS);
    T(madvise(arena + PAGE, 2 * PAGE, MADV_REMOVE));
    T(byte(arena));
    T(byte(arena + PAGE));
    T(byte(arena + 2 * PAGE));
    T(byte(arena + 3 * PAGE));
    T(put(arena + PAGE, 'n'));
    T(child_sees(arena + PAGE));
    T(madvise(arena + 5 * PAGE, 2 * PAGE, MADV_REMOVE));
    T(byte(arena + 5 * PAGE));
    T(mprotect(arena, PAGE, PROT_READ));
    T(madvise(arena, PAGE, MADV_REMOVE));
    T(byte(arena));
    T(mlock(arena + 3 * PAGE, PAGE));
    T(madvise(arena + 3 * PAGE, PAGE, MADV_REMOVE));
    clear();
    char text[PAGE];
    memset(text, 'f', PAGE);
    for (int i = 0; i < 4; i++)
        pwrite(fd, text, PAGE, i * PAGE);
    T(map(arena, 4 * PAGE, RW, MAP_SHARED, fd, 0));
    T(map(arena + 10 * PAGE, 4 * PAGE, RW, MAP_PRIVATE, fd, 0));
    T(put(arena + 12 * PAGE, 'p'));
    T(madvise(arena + PAGE, 2 * PAGE, MADV_REMOVE));
    T(byte(arena + PAGE - 1));
    T(byte(arena + PAGE));
    T(byte(arena + 3 * PAGE - 1));
    T(byte(arena + 3 * PAGE));
    T(byte(arena + 11 * PAGE));
    T(byte(arena + 12 * PAGE));
    T(pread(fd, text, 1, 2 * PAGE));
    T(text[0]);
    struct stat s;
    T(fstat(fd, &s));
    T(s.st_size / PAGE);
    T(s.st_blocks);
    T(madvise(arena + 10 * PAGE, PAGE, MADV_REMOVE));
    T(map(arena + 20 * PAGE, PAGE, PROT_READ, MAP_SHARED, ro, 0));
    T(madvise(arena + 20 * PAGE, PAGE, MADV_REMOVE));

    puts("free, for a child");
    fill(4, RW, ANON);
    T(madvise(arena, PAGE, MADV_FREE));
    T(put(arena, 'w'));
    T(child_sees(arena));
    T(madvise(arena, PAGE, MADV_WIPEONFORK));
    T(child_sees(arena));
    T(child_sees(arena + PAGE));
    T(madvise(arena, PAGE, MADV_KEEPONFORK));
    T(child_sees(arena));
    T(madvise(arena, PAGE, MADV_DONTFORK));
    T(-child_sees(arena));
    T(madvise(arena, PAGE, MADV_DOFORK));
    T(child_sees(arena));
    puts("populated");
    fill(4, RW, ANON);
    T(madvise(arena, 4 * PAGE, MADV_DONTNEED));
    T(madvise(arena + PAGE, PAGE, MADV_POPULATE_READ));
    T(resident(arena, 4));
    T(madvise(arena + 2 * PAGE, 2 * PAGE, MADV_POPULATE_WRITE));
    T(resident(arena, 4));
    T(mprotect(arena, 4 * PAGE, PROT_READ));
    T(madvise(arena, PAGE, MADV_POPULATE_READ));
    T(madvise(arena, PAGE, MADV_POPULATE_WRITE));
    T(madvise(arena + 2 * PAGE, 4 * PAGE, MADV_POPULATE_READ));
    T(mprotect(arena, PAGE, PROT_NONE));
    T(madvise(arena, PAGE, MADV_POPULATE_READ));
    clear();
    T(map(arena, 6 * PAGE, RW, MAP_SHARED, fd, 0));
    T(madvise(arena, 4 * PAGE, MADV_POPULATE_WRITE));
    T(madvise(arena, 6 * PAGE, MADV_POPULATE_READ));
    return 0;
}
