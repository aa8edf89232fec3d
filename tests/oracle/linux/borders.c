/* Where areas begin and end after calls that change nothing, or cannot; transfers that end in the middle of a buffer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
static char *p;

/* How /proc/self/maps cuts the eight pages at p. */
static void areas(const char *what)
{
    char line[300];
    FILE *maps = fopen("/proc/self/maps", "r");
    printf("%s:", what);
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        char flags[5];
        sscanf(line, "%lx-%lx %4s", &start, &end, flags);
        if (start >= (unsigned long)p && end <= (unsigned long)p + 8 * PAGE)
            printf(" %ld+%ld %s", (start - (unsigned long)p) / PAGE, (end - start) / PAGE, flags);
    }
    printf("\n");
    fclose(maps);
}

static void told(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

static void nothing_changes(void)
{
    mprotect(p + PAGE, 2 * PAGE, RW);
    areas("the protection that it has");
    madvise(p + PAGE, PAGE, MADV_DOFORK);
    areas("the advice that it has");
    mlock(p + 2 * PAGE, PAGE);
    areas("locked");
    munlock(p + 2 * PAGE, PAGE);
    areas("unlocked");
    munlock(p + 5 * PAGE, PAGE);
    areas("unlocked twice");
    mprotect(p + 3 * PAGE, PAGE, PROT_READ);
    areas("one page read-only");
    mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ);
    areas("one of two changes");
    mprotect(p, 8 * PAGE, RW);
    areas("all as before");
}

static void cannot_change(void)
{
    struct rlimit limit, small = {1, 1};
    getrlimit(RLIMIT_DATA, &limit);
    char *q = p + 4 * PAGE;
    mmap(q, 4 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    small.rlim_max = limit.rlim_max;
    setrlimit(RLIMIT_DATA, &small);
    told("more data than it may have", mprotect(q + PAGE, PAGE, RW));
    setrlimit(RLIMIT_DATA, &limit);
    areas("refused");
    mprotect(q, 4 * PAGE, RW);
    areas("joined");
}

static void locked_pages(void)
{
    mlock(p, PAGE);
    told("MADV_DONTNEED", madvise(p, PAGE, MADV_DONTNEED));
    told("MADV_FREE", madvise(p, PAGE, MADV_FREE));
    told("MADV_COLD", madvise(p, PAGE, MADV_COLD));
    munlock(p, PAGE);
    told("MADV_FREE when unlocked", madvise(p, PAGE, MADV_FREE));
}

/* The last page of the eight cannot be used: what is before it is transferred. */
static void cut_short(void)
{
    char *end = p + 7 * PAGE;
    memset(p, 'a', 7 * PAGE);
    mprotect(end, PAGE, PROT_NONE);
    int fd = memfd_create("file", 0);
    told("write", write(fd, end - 100, 300));
    told("pwrite", pwrite(fd, end - 5000, 9000, 4096));
    told("nothing to write from", write(fd, end, 10));
    told("where the file stands", lseek(fd, 0, SEEK_CUR));
    told("the size of the file", lseek(fd, 0, SEEK_END));
    lseek(fd, 0, SEEK_SET);
    told("read", read(fd, end - 60, 300));
    told("where the file stands", lseek(fd, 0, SEEK_CUR));
    told("pread over two pages", pread(fd, end - 4196, 9000, 0));
    told("nowhere to read to", read(fd, end, 10));
    told("where the file stands", lseek(fd, 0, SEEK_CUR));
    told("nothing to read, and nowhere to read to", pread(fd, end, 10, 1 << 20));
    struct iovec pieces[] = {{end - 50, 50}, {end, 10}, {p, 10}};
    told("writev", pwritev(fd, pieces, 3, 0));
    told("readv", preadv(fd, pieces, 3, 0));
    close(fd);
}

int main(void)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    p = mmap(NULL, 16 * PAGE, PROT_NONE, ANON, -1, 0);
    p += 4 * PAGE; /* what stands beside it is no part of it */
    mmap(p, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    nothing_changes();
    cannot_change();
    locked_pages();
    cut_short();
    return 0;
}
