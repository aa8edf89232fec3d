/* Huge pages that the kernel gives without being asked for each: what /proc says of them after each thing that makes, shares or splits one.
 * It says the same under Linux, where memory is not fragmented and the policy is "madvise". */
#include "../guest.h"

int open(const char *path, int flags, ...);
int madvise(void *address, size_t length, int advice);

enum { PAGE = 4096, HUGE = 2 << 20, AREA = 4 * HUGE, RW = PROT_READ | PROT_WRITE };
enum { MADV_DONTNEED = 4, MADV_FREE = 8, MADV_HUGEPAGE = 14, MADV_NOHUGEPAGE = 15, MAP_FIXED = 0x10 };

static char text[1 << 17];
static char *base;

static u64 hex(const char **at)
{
    u64 value = 0;
    for (;; (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9')
            value = value * 16 + c - '0';
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + c - 'a' + 10;
        else
            return value;
    }
}

/* The sizes of all areas from base to base + AREA, in kB, and the flags of the first. */
static void tell(const char *who, const char *what)
{
    static const char *const names[] = {"Rss:", "Pss:", "AnonHugePages:"};
    u64 sums[COUNT(names)] = {0};
    const char *flags = "";
    int fd = open("/proc/self/smaps", 0), inside = 0;
    long size = 0, got;
    while ((got = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += got;
    text[size] = 0;
    close(fd);
    for (char *line = text, *next; *line; line = next) {
        next = strchr(line, '\n');
        *next++ = 0;
        const char *at = line;
        u64 start = hex(&at);
        if (*at == '-')
            inside = start >= (u64)base && start < (u64)base + AREA;
        else if (inside) {
            for (int i = 0; i < COUNT(names); i++)
                if (!strncmp(line, names[i], strlen(names[i])))
                    sums[i] += atoi(line + strlen(names[i]));
            if (!strncmp(line, "VmFlags:", 8) && !*flags)
                for (char *word = line; *word; word++)
                    if (!strncmp(word, " hg", 3) || !strncmp(word, " nh", 3))
                        flags = word[1] == 'h' ? " hg" : " nh";
        }
    }
    printf("%-7s%-38s rss %5d  pss %5d  huge %5d%s\n", who, what, (int)sums[0], (int)sums[1], (int)sums[2], flags);
    fflush(NULL);
}

static void fill(char *from, int pages, int step)
{
    for (int i = 0; i < pages; i += step)
        *(u64 *)(from + i * PAGE) = (u64)i * 2654435761u;
}

static void check(char *from, int pages, int step)
{
    for (int i = 0; i < pages; i += step)
        if (*(u64 *)(from + i * PAGE) != (u64)i * 2654435761u) {
            printf("page %d has changed\n", i);
            exit(1);
        }
}

/* An area of its own with nothing in it. */
static void fresh(const char *what)
{
    mmap(base, AREA, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(base, AREA, MADV_HUGEPAGE);
    tell("", what);
}

static void in_child(void (*body)(void))
{
    fflush(NULL);
    int pid = fork(), status;
    if (!pid) {
        body();
        exit(0);
    }
    waitpid(pid, &status, 0);
    if (status)
        printf("child: %d\n", status);
}

static void child(void)
{
    tell("child", "as it begins");
    check(base, 1024, 1);
    base[5 * PAGE + 8] = 1;
    tell("child", "has written to a page");
    check(base, 1024, 1);
    munmap(base + HUGE, HUGE);
    tell("child", "has unmapped the second");
}

#ifdef MOVES
static void move(const char *what, char *from, char *to)
{
    mremap(from, HUGE, HUGE, 3, to); /* MREMAP_MAYMOVE | MREMAP_FIXED */
    tell("", what);
    mremap(to, HUGE, HUGE, 3, from);
    tell("", "and back");
}

static void moves(void)
{
    fresh("again");
    fill(base, 2048, 100);
    move("the first moved by 2 MiB and more", base, base + AREA + HUGE);
    move("parts of the second and third", base + HUGE + 5 * PAGE, base + AREA + HUGE + 5 * PAGE);
    move("the last by what is no multiple", base + 3 * HUGE, base + AREA + 7 * PAGE);
    check(base, 2048, 100);
}
#endif

int main(void)
{
    char *room = mmap(NULL, 4 * AREA, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base = (char *)((u64)(room + AREA + HUGE) & -(u64)HUGE);

    mmap(base, AREA, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    tell("", "mapped");
    fill(base, 3, 1);
    tell("", "without advice, three pages");

    fresh("with advice");
    base[HUGE + 12345] = 1;
    tell("", "a byte in the second");
    fill(base, 1024, 1);
    check(base, 1024, 1);
    tell("", "the first two filled");
    mprotect(base + HUGE, HUGE, PROT_READ);
    tell("", "the second read-only");
    mprotect(base + HUGE, HUGE, RW);
    tell("", "and writable again");
    mprotect(base + 100 * PAGE, 3 * PAGE, PROT_READ);
    tell("", "three pages of the first read-only");
    check(base, 1024, 1);

    fresh("again");
    fill(base, 1024, 1);
    in_child(child);
    tell("", "after the child");
    check(base, 1024, 1);
    fill(base, 1024, 1);
    tell("", "the last sharer has written");

    munmap(base + 7 * PAGE, PAGE);
    tell("", "a page of the first unmapped");
    madvise(base + HUGE, 5 * PAGE, MADV_DONTNEED);
    tell("", "five of the second not needed");

    fresh("again");
    fill(base, 2048, 100);
    tell("", "all four");
    madvise(base, HUGE, MADV_DONTNEED);
    tell("", "the first not needed");
    base[PAGE] = 1;
    tell("", "the first touched again");
    mprotect(base + HUGE, 16 * PAGE, 0);
    tell("", "a part of the second not to be touched");
    mprotect(base + HUGE, 16 * PAGE, RW);
    tell("", "and writable again, in pages");
    munmap(base + 2 * HUGE, HUGE);
    tell("", "the third unmapped");

    fresh("again");
    madvise(base, AREA, MADV_NOHUGEPAGE);
    fill(base, 2, 1);
    tell("", "advised against, two pages");

#ifdef MOVES
    moves();
#endif

    mmap(base, AREA, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    madvise(base + PAGE, AREA - PAGE, MADV_HUGEPAGE);
    fill(base, 1024, 512);
    tell("", "the first is not all advised for");
    return 0;
}
