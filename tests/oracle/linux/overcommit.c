/* Promises in parts of what the machine has, memory and swap together: by mmap, mremap, mprotect, brk and fork. Nothing is touched
 * but a page here and there, so that a host of any size can answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };

static size_t percent(int n)
{
    struct sysinfo info;
    sysinfo(&info);
    return (info.totalram + info.totalswap) / 100 * n * info.mem_unit & -(size_t)PAGE;
}

static char *told(const char *what, void *p)
{
    printf("%s: %s\n", what, p == MAP_FAILED ? strerror(errno) : "done");
    return p;
}

static char *map(int n, int prot, int flags) { return mmap(NULL, percent(n), prot, flags, -1, 0); }

static void born(const char *what)
{
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        _exit(7);
    int status = 0;
    if (pid > 0)
        wait(&status);
    printf("%s: %s %d\n", what, pid < 0 ? strerror(errno) : "a child", WEXITSTATUS(status));
}

static void in_child(void (*f)(void))
{
    int status;
    fflush(stdout);
    if (!fork()) {
        f();
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    printf("ended: %d\n", status);
}

static void one_by_one(void)
{
    told("a tenth", map(10, RW, ANON));
    born("with a tenth");
    told("more than there is", map(110, RW, ANON));
    told("that, shared", map(110, RW, MAP_SHARED | MAP_ANONYMOUS));
    told("that, of a file of zeros", mmap(NULL, percent(110), RW, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0));
    told("read-only", map(110, PROT_READ, ANON));
    born("with what is read-only");
    void *old = sbrk(0);
    told("brk", sbrk(percent(110)) == (void *)-1 ? MAP_FAILED : old);
}

static void no_reserve(void)
{
    char *p = told("without reserve", map(300, RW, ANON | MAP_NORESERVE));
    if (p == MAP_FAILED)
        return;
    p[percent(300) - 1] = 1;
    born("with that");
    printf("read-only and back: %d\n", mprotect(p, percent(300), PROT_READ) | mprotect(p, percent(300), RW));
    p = told("grown", mremap(p, percent(300), percent(400), MREMAP_MAYMOVE));
    printf("what was written: %d\n", p[percent(300) - 1]);
}

static void grown(void)
{
    char *p = told("a tenth", map(10, RW, ANON));
    if (p == MAP_FAILED)
        return;
    told("grown to a fifth", p = mremap(p, percent(10), percent(20), MREMAP_MAYMOVE));
    told("grown to more than there is", mremap(p, percent(20), percent(150), MREMAP_MAYMOVE));
    char *q = told("read-only", map(150, PROT_READ, ANON));
    printf("made writable: %s\n", mprotect(q, percent(150), RW) ? strerror(errno) : "done");
    printf("a tenth of it: %s\n", mprotect(q, percent(10), RW) ? strerror(errno) : "done");
    born("with all that");
}

int main(void)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    in_child(one_by_one);
    in_child(no_reserve);
    in_child(grown);
    return 0;
}
