/* What pagemap, kpagecount and kpageflags tell of the frames of private, shared and only read pages, before and after a fork.
   Status 77: this process may not see frames. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, HIDDEN = 77 };
enum { BUDDY = 1 << 10, MMAP = 1 << 11, ANON = 1 << 12, SWAPBACKED = 1 << 14, KSM = 1 << 21, ZERO_PAGE = 1 << 24 };

static uint64_t word(const char *path, uint64_t index)
{
    uint64_t value;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || pread(fd, &value, sizeof value, index * sizeof value) != sizeof value)
        _exit(HIDDEN);
    close(fd);
    return value;
}

static uint64_t frame(const char *p)
{
    return word("/proc/self/pagemap", (uintptr_t)p / PAGE) & ((1ULL << 55) - 1);
}

static void told(const char *what, uint64_t frame)
{
    int flags = word("/proc/kpageflags", frame) & (BUDDY | MMAP | ANON | SWAPBACKED | KSM | ZERO_PAGE);
    printf("%s: mapped %d times, flags %#x\n", what, (int)word("/proc/kpagecount", frame), flags);
    fflush(stdout);
}

int main(void)
{
    char *private = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    volatile char *untouched = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status;
    private[0] = shared[0] = 1 + untouched[0];
    if (!frame(private)) /* as it is told to those without CAP_SYS_ADMIN */
        return HIDDEN;
    told("private", frame(private));
    told("shared", frame(shared));
    if (frame((char *)untouched) == frame(private))
        return 1;
    told("only read", frame((char *)untouched));
    if (!fork()) {
        uint64_t parents = frame(private);
        told("a child's private page", parents);
        shared[0]++; /* Linux leaves shared pages out of a fork */
        told("a child's shared page", frame(shared));
        private[0]++;
        told("its own", frame(private));
        told("its parent's", parents);
        _exit(0);
    }
    wait(&status);
    told("private again", frame(private));
    printf("%d, %d, status %d\n", private[0], shared[0], status);
    return 0;
}
