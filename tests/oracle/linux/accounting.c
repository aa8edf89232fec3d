/* What /proc/self says of memory, where it does not depend on the layout: sizes of areas after each kind of touch, of forks and copies. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };

static const char *const FIELDS[] = {"Size", "Rss", "Pss", "Shared", "Private", "Anonymous", "Swap", "Locked"};
enum { COUNT = sizeof FIELDS / sizeof *FIELDS };

/* The sizes of the area that begins at p, and its flags of protection. */
static void area(const char *what, void *p)
{
    char line[512], flags[512] = "";
    long value[COUNT] = {0};
    int mine = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, f)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            mine = start == (unsigned long)p;
        else if (mine) {
            char *colon = strchr(line, ':');
            if (!colon)
                continue;
            *colon = 0;
            long kilobytes = strtol(colon + 1, NULL, 10);
            char *half = strchr(line, '_'); /* clean and dirty together: which a page of a file is depends on write-back */
            if (half && (!strcmp(half, "_Clean") || !strcmp(half, "_Dirty")) && strncmp(line, "Pss", 3))
                *half = 0;
            for (int i = 0; i < COUNT; i++)
                if (!strcmp(line, FIELDS[i]))
                    value[i] += kilobytes;
            if (!strcmp(line, "VmFlags"))
                snprintf(flags, sizeof flags, "%s", colon + 2), flags[strcspn(flags, "\n")] = 0;
        }
    }
    fclose(f);
    printf("%-28s", what);
    for (int i = 0; i < COUNT; i++)
        printf(" %s=%ld", FIELDS[i], value[i]);
    printf(" [%s]\n", flags);
    fflush(stdout);
}

/* An area of its own: what comes before and behind cannot be joined with it. */
static char *map(int pages, int flags, int fd)
{
    char *p = mmap(NULL, (pages + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mmap(p + PAGE, pages * PAGE, RW, flags | MAP_FIXED, fd, 0);
}

/* The words of pagemap without frame numbers: P present, S swapped, F file or shared, X exclusive. */
static void pagemap(const char *what, char *p, int pages)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    printf("%-28s", what);
    for (int i = 0; i < pages; i++) {
        uint64_t word = 0;
        pread(fd, &word, 8, ((uintptr_t)p / PAGE + i) * 8);
        printf(" %s%s%s%s", word >> 63 & 1 ? "P" : "-", word >> 62 & 1 ? "S" : "-", word >> 61 & 1 ? "F" : "-", word >> 56 & 1 ? "X" : "-");
    }
    printf("\n");
    fflush(stdout);
    close(fd);
}

static void run_child(void (*child)(char *), char *p)
{
    if (!fork()) {
        child(p);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void child_looks(char *p) { area("in the child", p); }
static void child_writes(char *p)
{
    for (int i = 0; i < 3; i++)
        p[i * PAGE] = 'c';
    area("in the child that wrote 3", p);
    pagemap("its pages", p, 8);
}

static void child_touches(char *p)
{
    for (int i = 0; i < 5; i++)
        p[i * PAGE] += 1;
    area("in the child that wrote 5", p);
    pagemap("its pages", p, 6);
}

static long statm(int which)
{
    long v[7] = {0};
    FILE *f = fopen("/proc/self/statm", "r");
    for (int i = 0; i < 7; i++)
        fscanf(f, "%ld", &v[i]);
    fclose(f);
    return v[which];
}

static long status(const char *name)
{
    char line[256];
    long value = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
            value = strtol(line + strlen(name) + 1, NULL, 10);
    fclose(f);
    return value;
}

int main(void)
{
    statm(0), status("VmSize"); /* buffers and code of the library are there from now on */
    char *a = map(8, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    area("untouched", a);
    pagemap("its pages", a, 8);
    volatile char sink = a[0] + a[PAGE];
    area("two pages read", a);
    for (int i = 0; i < 5; i++)
        a[i * PAGE] = 'a';
    area("five pages written", a);
    pagemap("its pages", a, 8);
    run_child(child_looks, a);
    run_child(child_writes, a);
    area("after the children", a);
    mprotect(a, 8 * PAGE, PROT_READ);
    area("read-only", a);
    madvise(a, 2 * PAGE, MADV_DONTNEED);
    area("two given back", a);
    mprotect(a, 8 * PAGE, RW);
    mlock(a, 8 * PAGE);
    area("locked", a);
    munlock(a, 8 * PAGE);
    area("unlocked", a);

    char *s = map(6, MAP_SHARED | MAP_ANONYMOUS, -1);
    for (int i = 0; i < 4; i++)
        s[i * PAGE] = 's';
    area("shared, four written", s);
    pagemap("its pages", s, 6);
    sink = s[4 * PAGE];
    area("and one read", s);
    run_child(child_touches, s); /* Linux leaves the child's tables empty where the mapping is shared; touched, they are as ours */
    area("shared, after the child", s);

    int fd = memfd_create("m", 0);
    ftruncate(fd, 4 * PAGE);
    char *one = map(4, MAP_SHARED, fd), *two = map(4, MAP_SHARED, fd);
    one[0] = two[0] = one[PAGE] = 'm';
    area("one of two views", one);
    area("the other", two);
    char *priv = map(4, MAP_PRIVATE, fd);
    sink = priv[0] + priv[PAGE]; /* both that there are: Linux may map the second with the first */
    area("a private view, two read", priv);
    priv[PAGE] = 'p';
    area("and one written", priv);
    pagemap("its pages", priv, 4);

    long size = statm(0), vm = status("VmSize"), anon = status("RssAnon"), shm = status("RssShmem"), data = status("VmData");
    char *big = mmap(NULL, 100 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(big, 1, 40 * PAGE);
    printf("100 mapped, 40 written: statm +%ld, VmSize +%ld, RssAnon +%ld, RssShmem +%ld, VmData +%ld\n", statm(0) - size, status("VmSize") - vm,
           status("RssAnon") - anon, status("RssShmem") - shm, status("VmData") - data);
    long peak = status("VmPeak");
    munmap(big, 100 * PAGE);
    printf("unmapped: VmPeak %+ld, VmSize %+ld\n", status("VmPeak") - peak, status("VmSize") - vm);

    long high = status("VmHWM");
    big = mmap(NULL, 2000 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(big, 1, 2000 * PAGE);
    munmap(big, 2000 * PAGE);
    long grown = status("VmHWM"), now = status("VmRSS"); /* Linux's counters lag by some pages */
    printf("2000 written, unmapped: VmHWM more by most of them %d, above VmRSS by most %d\n", grown > high + 1500 * 4, grown > now + 1500 * 4);
    if (!fork()) {
        printf("the child's VmHWM is far below %d\n", status("VmHWM") < grown - 1500 * 4);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    (void)sink;
    return 0;
}
