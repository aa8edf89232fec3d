/* MAP_GROWSDOWN: an area that grows when what is below it is touched, as long as there is room and a gap to what is beneath. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, GAP = 256, HOLE = 4096, RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS };
static sigjmp_buf back;
static char stack[1 << 16];
static void caught(int number) { siglongjmp(back, number); }

static int put(char *p, int value)
{
    int number = sigsetjmp(back, 1);
    if (number)
        return -number;
    *(volatile char *)p = value;
    return *(volatile char *)p;
}

/* Pages of the area that ends at `end`, by /proc/self/maps. */
static long pages(char *end)
{
    char line[300];
    long found = -1;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        sscanf(line, "%lx-%lx", &from, &to);
        if (to == (unsigned long)end)
            found = (to - from) / PAGE;
    }
    fclose(maps);
    return found;
}

static char *end;
static void step(const char *what, char *p, int value)
{
    int result = put(p, value);
    printf("%s: %d, %ld\n", what, result, pages(end));
}

/* A hole of HOLE pages with one page that grows down at its top. */
static char *fresh(char *below)
{
    munmap(below, HOLE * PAGE);
    char *p = below + (HOLE - 1) * PAGE;
    if (mmap(p, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) != p)
        printf("%s\n", strerror(errno));
    return p;
}

int main(void)
{
    struct sigaction action = {.sa_handler = caught, .sa_flags = SA_ONSTACK};
    stack_t other = {stack, 0, sizeof stack};
    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &action, NULL);
    char *below = mmap(NULL, HOLE * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0), *p = fresh(below);
    end = p + PAGE;
    printf("new: %ld\n", pages(end));
    step("just below", p - 1, 1);
    step("ten pages below", p - 10 * PAGE, 2);
    printf("between them: %d\n", put(p - 5 * PAGE, 3));
    printf("above: %d\n", put(p + 100, 4));
    int status;
    fflush(stdout);
    if (!fork()) {
        step("a child", p - 20 * PAGE, 5);
        fflush(stdout);
        _exit(0);
    }
    wait(&status);
    printf("its parent: %ld\n", pages(end));

    p = fresh(below);
    mmap(p - 300 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    step("a neighbour, 40 pages below", p - 40 * PAGE, 6);
    step("nearer to it than the gap", p - 60 * PAGE, 7);
    mprotect(p - 300 * PAGE, PAGE, PROT_NONE);
    step("but for one without access", p - 60 * PAGE, 8);

    p = fresh(below);
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = 64 * PAGE;
    setrlimit(RLIMIT_STACK, &limit);
    step("within RLIMIT_STACK", p - 63 * PAGE, 9);
    step("beyond", p - 64 * PAGE, 10);
    return 0;
}
