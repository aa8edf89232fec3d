/* madvise, posix_fadvise and readahead: errors, and what the bytes and a child are afterwards. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };

static char *map(int pages, int prot)
{
    char *p = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(p, pages * PAGE, prot);
    return p;
}

static void say(const char *what, long result) { printf("%-40s %s\n", what, result < 0 ? strerrorname_np(errno) : "ok"), fflush(stdout); }

static int resident(char *p, int pages)
{
    unsigned char v[64];
    int n = 0;
    mincore(p, pages * PAGE, v);
    for (int i = 0; i < pages; i++)
        n += v[i] & 1;
    return n;
}

static int sum_of(const char *p, int pages)
{
    int sum = 0;
    for (int i = 0; i < pages; i++)
        sum += p[i * PAGE];
    return sum;
}

static int child_sees(char *p)
{
    int status;
    fflush(stdout);
    if (!fork())
        _exit(p[0]);
    wait(&status);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
    char *a = map(8, RW);
    memset(a, 'a', 8 * PAGE);
    for (int advice = -1; advice < 26; advice++)
        if (advice != 8 && advice != 4 && advice != 24 && advice != 9 && advice != 25 && !(advice > 4 && advice < 8)) {
            char text[40];
            snprintf(text, sizeof text, "advice %d, one byte", advice);
            say(text, madvise(a, 1, advice));
        }
    madvise(a, PAGE, MADV_DOFORK), madvise(a, PAGE, MADV_KEEPONFORK);
    say("not at a page", madvise(a + 1, PAGE, MADV_NORMAL));
    say("nothing", madvise(a + PAGE, 0, MADV_DONTNEED));
    munmap(a + 6 * PAGE, PAGE);
    say("a hole", madvise(a, 8 * PAGE, MADV_DONTNEED));
    printf("before the hole %d, behind it %d\n", a[5 * PAGE], a[7 * PAGE]);
    a[0] = 'a', a[7 * PAGE] = 'b';
    say("paged out over a hole", madvise(a, 8 * PAGE, MADV_PAGEOUT));
    printf("before the hole %d, behind it %d\n", a[0], a[7 * PAGE]);
    say("nowhere paged out", madvise(a + 6 * PAGE, PAGE, MADV_PAGEOUT));
    say("populating over a hole", madvise(a, 8 * PAGE, MADV_POPULATE_WRITE));
    printf("resident: %d\n", resident(a, 6));
    char *n = map(2, PROT_NONE), *r = map(4, PROT_READ);
    say("populating what is PROT_NONE", madvise(n, 2 * PAGE, MADV_POPULATE_READ));
    say("writing to what may be read", madvise(r, 4 * PAGE, MADV_POPULATE_WRITE));
    say("reading it", madvise(r, 4 * PAGE, MADV_POPULATE_READ));

    char *f = map(4, RW);
    memset(f, 'f', 4 * PAGE);
    say("free", madvise(f, 4 * PAGE, MADV_FREE));
    f[0] = 'n'; /* wanted after all */
    printf("written again: %c%c\n", f[0], f[1] ? f[1] : '0');
    char *s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(s, 's', 4 * PAGE);
    say("free of shared memory", madvise(s, PAGE, MADV_FREE));
    say("given back, shared", madvise(s, PAGE, MADV_DONTNEED));
    printf("it keeps its bytes: %c\n", s[0]);
    say("wiped for a child, shared", madvise(s, PAGE, MADV_WIPEONFORK));
    f[0] = 7;
    printf("a child sees %d\n", child_sees(f));
    say("not for a child", madvise(f, PAGE, MADV_DONTFORK));
    printf("a child sees %d\n", child_sees(f));
    say("for a child", madvise(f, PAGE, MADV_DOFORK));
    say("wiped for a child", madvise(f, PAGE, MADV_WIPEONFORK));
    printf("a child sees %d\n", child_sees(f));
    say("kept for a child", madvise(f, PAGE, MADV_KEEPONFORK));
    printf("a child sees %d\n", child_sees(f));
    mlock(f, 4 * PAGE);
    say("locked pages given back", madvise(f, PAGE, MADV_DONTNEED));
    say("locked pages cold", madvise(f + PAGE, PAGE, MADV_COLD));
    say("locked pages paged out", madvise(f + PAGE, PAGE, MADV_PAGEOUT));
    munlock(f, 4 * PAGE);

    int fd = memfd_create("file", 0), pipes[2];
    char page[PAGE];
    for (int i = 0; i < 16; i++)
        memset(page, 'A' + i, PAGE), write(fd, page, PAGE);
    char *m = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    say("in order", madvise(m, 16 * PAGE, MADV_SEQUENTIAL));
    printf("sum %d\n", sum_of(m, 16));
    say("not in order", madvise(m, 16 * PAGE, MADV_RANDOM));
    say("wanted soon", madvise(m, 16 * PAGE, MADV_WILLNEED));
    say("paged out, of a file", madvise(m, 16 * PAGE, MADV_PAGEOUT));
    printf("sum %d\n", sum_of(m, 16));

    char *o = map(4, RW), *q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
    memset(o, 'o', 3 * PAGE), q[0] = 'q';
    say("paged out", madvise(o, 4 * PAGE, MADV_PAGEOUT));
    printf("sum %d\n", sum_of(o, 4));
    printf("resident once read again: %d\n", resident(o, 4));
    say("paged out, private of a file", madvise(q, 4 * PAGE, MADV_PAGEOUT));
    printf("sum %d\n", sum_of(q, 4));
    say("paged out, shared", madvise(s, 4 * PAGE, MADV_PAGEOUT));
    printf("sum %d\n", sum_of(s, 4));
    madvise(o, 4 * PAGE, MADV_PAGEOUT);
    o[PAGE] = 'w'; /* written where it was */
    madvise(o, 4 * PAGE, MADV_PAGEOUT);
    printf("a child sees %d, %d\n", child_sees(o), child_sees(o + PAGE));
    mprotect(o, PAGE, PROT_NONE);
    say("paged out, PROT_NONE", madvise(o, PAGE, MADV_PAGEOUT));
    mprotect(o, PAGE, PROT_READ);
    printf("sum %d\n", sum_of(o, 4));
    pipe(pipes);
    for (int advice = 0; advice < 7; advice++) {
        int error = posix_fadvise(fd, 0, 4 * PAGE, advice);
        printf("fadvise %d: %s\n", advice, error ? strerrorname_np(error) : "ok");
    }
    printf("fadvise of a pipe: %s\n", strerrorname_np(posix_fadvise(pipes[0], 0, 1, 0)));
    printf("fadvise of nothing: %s\n", strerrorname_np(posix_fadvise(99, 0, 1, 0)));
    say("readahead of a pipe", readahead(pipes[0], 0, 1));
    say("readahead of nothing", readahead(99, 0, 1));
    return 0;
}
