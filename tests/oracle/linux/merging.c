/* Same-page merging, as far as a program can see it: what may be offered, and that nobody's page ever shows another's write. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static void offered(const char *what, void *p, size_t size, int advice)
{
    int result = madvise(p, size, advice);
    printf("%s: %s\n", what, result ? strerror(errno) : "taken");
}

/* Time for the scanner to come round. */
static void rest(void) { nanosleep(&(struct timespec){0, 200000000}, NULL); }

static char *map(int flags, int fd) { return mmap(NULL, PAGES * PAGE, RW, flags, fd, 0); }

static void fill(char *p, int different)
{
    for (int i = 0; i < PAGES; i++)
        memset(p + i * PAGE, 'a' + (different ? i : i / 8), PAGE);
}

static unsigned long sum(const char *p)
{
    unsigned long s = 0;
    for (int i = 0; i < PAGES * PAGE; i += 64)
        s = s * 31 + p[i];
    return s;
}

static void show(const char *what, const char *p)
{
    printf("%s: %016lx ", what, sum(p));
    for (int i = 0; i < PAGES; i++)
        putchar(p[i * PAGE + 17] ? p[i * PAGE + 17] : '.');
    putchar('\n');
}

/* Whether /proc/self/smaps says "mg" of the area that begins at p. */
static int marked(char *p)
{
    char line[500];
    int here = 0, found = -1;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, smaps)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            here = start == (unsigned long)p;
        else if (here && !strncmp(line, "VmFlags:", 8))
            found = strstr(line, " mg") != NULL;
    }
    fclose(smaps);
    return found;
}

int main(void)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    char *p = map(ANON, -1), *q = map(ANON, -1), *shared = map(MAP_SHARED | MAP_ANONYMOUS, -1);
    int fd = memfd_create("file", 0);
    ftruncate(fd, PAGES * PAGE);
    char *file = map(MAP_PRIVATE, fd), *gone = map(ANON, -1);
    munmap(gone, PAGES * PAGE);
    offered("private memory", p, PAGES * PAGE, MADV_MERGEABLE);
    offered("a part of it once more", p + PAGE, PAGE, MADV_MERGEABLE);
    offered("shared memory", shared, PAGES * PAGE, MADV_MERGEABLE);
    offered("a file", file, PAGES * PAGE, MADV_MERGEABLE);
    offered("nothing", gone, PAGES * PAGE, MADV_MERGEABLE);
    offered("half a page", p + 100, PAGE, MADV_MERGEABLE);
    offered("no length", p, 0, MADV_MERGEABLE);
    offered("never offered", q, PAGES * PAGE, MADV_UNMERGEABLE);
    printf("marked: %d %d %d\n", marked(p), marked(q), marked(shared));

    fill(p, 0);
    rest();
    show("merged", p);
    p[3 * PAGE + 17] = 'X';
    show("one is written", p);
    memset(p + 8 * PAGE, 'a', 8 * PAGE);
    rest();
    show("all but one are equal", p);
    p[3 * PAGE + 17] = 'a';
    rest();
    show("all are equal", p);

    fflush(stdout);
    if (!fork()) {
        p[0 * PAGE + 17] = 'C';
        rest();
        memset(p + PAGE, 0, PAGE);
        rest();
        show("a child", p);
        fflush(stdout);
        _exit(0);
    }
    p[1 * PAGE + 17] = 'P';
    wait(NULL);
    show("its parent", p);

    offered("taken back", p + 4 * PAGE, 4 * PAGE, MADV_UNMERGEABLE);
    show("as it was", p);
    printf("marked: %d %d\n", marked(p), marked(p + 4 * PAGE));
    mprotect(p + 8 * PAGE, 4 * PAGE, PROT_READ);
    rest();
    mprotect(p + 8 * PAGE, 4 * PAGE, RW);
    p[9 * PAGE + 17] = 'R';
    show("read-only for a while", p);
    madvise(p + 10 * PAGE, 2 * PAGE, MADV_DONTNEED);
    rest();
    show("two forgotten", p);
    offered("offered again", p + 4 * PAGE, 4 * PAGE, MADV_MERGEABLE);
    q = mremap(p, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);
    q[13 * PAGE + 17] = 'M';
    rest();
    show("moved", q);

    memset(file, 'f', PAGES * PAGE);
    rest();
    file[17] = 'F';
    show("private pages of a file", file);
    char there[4];
    pread(fd, there, 4, 0);
    printf("the file itself: %d %d\n", there[0], there[3]);
    return 0;
}
