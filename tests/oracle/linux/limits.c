/* What a process may promise itself: RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, and mappings larger than the machine. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
static const long HUGE = 1L << 37; /* fits the address space of Sv39, and no memory */

static long statm(int field)
{
    char text[200];
    int fd = open("/proc/self/statm", O_RDONLY);
    text[read(fd, text, sizeof text - 1)] = 0;
    close(fd);
    char *p = text;
    while (field--)
        p = strchr(p, ' ') + 1;
    return atol(p);
}

static void limit(int which, long value)
{
    struct rlimit r;
    getrlimit(which, &r);
    r.rlim_cur = value;
    setrlimit(which, &r);
}

static char *map(long pages, int prot, int flags) { return mmap(NULL, pages * PAGE, prot, flags, -1, 0); }

static void told(const char *what, void *p) { printf("%s: %s\n", what, p == MAP_FAILED ? strerror(errno) : "done"); }

static int in_child(void (*f)(void))
{
    int status;
    fflush(stdout);
    if (!fork()) {
        f();
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void address_space(void)
{
    char *here = map(8, PROT_NONE, ANON);
    limit(RLIMIT_AS, (statm(0) + 16) * PAGE);
    told("17 pages of 16", map(17, PROT_NONE, ANON));
    char *p = map(16, PROT_READ, ANON);
    told("16 pages", p);
    told("one more", map(1, PROT_NONE, ANON));
    told("in the place of others", mmap(here, 8 * PAGE, RW, ANON | MAP_FIXED, -1, 0));
    told("grown", mremap(p, 16 * PAGE, 17 * PAGE, MREMAP_MAYMOVE));
    munmap(p, PAGE);
    told("after an unmap", map(1, RW, MAP_SHARED | MAP_ANONYMOUS));
    void *old = sbrk(0);
    told("brk", sbrk(PAGE) == (void *)-1 ? MAP_FAILED : old);
}

static void data(void)
{
    limit(RLIMIT_DATA, 1);
    char *p = map(4, PROT_READ, ANON);
    told("read-only is no data", p);
    told("shared is no data", map(4, RW, MAP_SHARED | MAP_ANONYMOUS));
    told("private and writable is", map(4, RW, ANON));
    printf("to be made so: %s\n", mprotect(p, PAGE, RW) ? strerror(errno) : "done");
    told("brk", sbrk(1) == (void *)-1 ? MAP_FAILED : NULL);
    limit(RLIMIT_DATA, 0);
    told("a limit of 0 stops brk only", map(4, RW, ANON));
    told("brk", sbrk(1) == (void *)-1 ? MAP_FAILED : NULL);
}

static void deep(void)
{
    limit(RLIMIT_STACK, 512 * 1024);
    volatile char *here = __builtin_alloca(400 * 1024);
    here[0] = 1;
    puts("400 KiB of stack");
    fflush(stdout);
    here = __builtin_alloca(200 * 1024);
    here[0] = 1;
    puts("600 KiB of stack");
}

static void promises(void)
{
    told("more than the machine has", mmap(NULL, HUGE, RW, ANON, -1, 0));
    told("shared", mmap(NULL, HUGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    char *p = mmap(NULL, HUGE, PROT_READ, ANON, -1, 0);
    told("read-only", p);
    printf("made writable: %s\n", mprotect(p, HUGE, RW) ? strerror(errno) : "done");
    printf("a part of it: %s\n", mprotect(p, PAGE, RW) ? strerror(errno) : "done");
    munmap(p, HUGE);
    p = mmap(NULL, HUGE, RW, ANON | MAP_NORESERVE, -1, 0);
    told("without reserve", p);
    p[HUGE - 1] = 1;
    pid_t pid = fork();
    if (!pid)
        _exit(p[HUGE - 1]);
    int status;
    wait(&status);
    printf("a child has it too: %d\n", WEXITSTATUS(status));
    told("moved", mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
}

int main(void)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    printf("address space: signal %d\n", in_child(address_space));
    printf("data: signal %d\n", in_child(data));
    printf("stack: signal %d\n", in_child(deep));
    printf("promises: signal %d\n", in_child(promises));
    return 0;
}
