/* Mappings as programs use them: moved, cut, joined, with holes, shared with a stranger, over files that shrink. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE };
static sigjmp_buf back;
static void caught(int number) { siglongjmp(back, number); }

/* The byte at p, or minus the signal that a load of it raises. */
static int at(volatile char *p)
{
    int number = sigsetjmp(back, 1);
    return number ? -number : *p;
}

static int put(volatile char *p, int value)
{
    int number = sigsetjmp(back, 1);
    if (number)
        return -number;
    *p = value;
    return *p;
}

static char *map(long pages)
{
    char *p = mmap(NULL, pages * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (long i = 0; i < pages; i++)
        p[i * PAGE] = 'a' + i;
    return p;
}

static void result(const char *what, long value)
{
    if (value == -1)
        printf("%s: %s\n", what, strerror(errno));
    else
        printf("%s: done\n", what);
}

static void row(const char *what, char *p, long pages)
{
    printf("%s:", what);
    for (long i = 0; i < pages; i++) {
        int c = at(p + i * PAGE);
        c > 32 ? printf(" %c", c) : printf(" %d", c);
    }
    puts("");
}

static void moving(void)
{
    puts("== mremap");
    char *p = map(8), *to = map(10);
    result("unaligned", (long)mremap(p + 1, PAGE, PAGE, 0));
    result("to nothing", (long)mremap(p, PAGE, 0, 0));
    result("fixed without maymove", (long)mremap(p, PAGE, PAGE, MREMAP_FIXED, to));
    result("fixed onto itself", (long)mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE));
    result("fixed unaligned", (long)mremap(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to + 1));
    result("in place over a neighbour", (long)mremap(p, 2 * PAGE, 3 * PAGE, 0));
    result("three pages moved", (long)mremap(p + PAGE, 3 * PAGE, 3 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to + 2 * PAGE));
    row("from", p, 8);
    row("to", to, 10);
    result("moved and shrunk", (long)mremap(to + PAGE, 4 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p));
    row("p", p, 8);
    row("to", to, 10);
    result("moved and grown", (long)mremap(to + 7 * PAGE, PAGE, 3 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + 3 * PAGE));
    row("p", p, 8);
    result("shrunk in place", (long)mremap(p + 4 * PAGE, 4 * PAGE, PAGE, 0));
    row("p", p, 8);
    munmap(p, 8 * PAGE);
    munmap(to, 10 * PAGE);
    p = map(2);
    munmap(p + PAGE, PAGE);
    char *grown = mremap(p, PAGE, 2 * PAGE, 0);
    printf("grown in place: %d %d %d\n", grown == p, at(p), at(p + PAGE));
    char *moved = mremap(p, 2 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    printf("grown: %d %d %d\n", at(moved), at(moved + PAGE), at(moved + 599 * PAGE));
    munmap(moved, 600 * PAGE);

    char *shared = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy(shared, "one memory");
    char *twin = mremap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE);
    printf("doubled: %s\n", twin == MAP_FAILED ? strerror(errno) : twin);
    put(twin + PAGE, 'T');
    printf("seen through the first: %c\n", at(shared + PAGE));
    p = map(1);
    mprotect(p, PAGE, PROT_READ);
    moved = mremap(p, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, twin);
    printf("protection moves along: %c %d\n", at(moved), put(moved, 'x'));
    pid_t pid = fork();
    if (!pid) {
        mprotect(moved, PAGE, RW);
        char *again = mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
        put(again, 'c');
        _exit(at(again));
    }
    int status;
    waitpid(pid, &status, 0);
    printf("moved in a child: %c, here %c\n", WEXITSTATUS(status), at(moved));
}

static void protecting(void)
{
    puts("== mprotect, munmap, madvise, msync with holes");
    char *p = map(8);
    munmap(p + 4 * PAGE, PAGE);
    result("mprotect", mprotect(p, 8 * PAGE, PROT_READ));
    printf("before the hole %d, after it %c\n", put(p + 3 * PAGE, 'x'), put(p + 5 * PAGE, 'x'));
    result("mprotect of nothing", mprotect(p + 4 * PAGE, PAGE, PROT_READ));
    result("mprotect unaligned", mprotect(p + 1, PAGE, PROT_READ));
    result("mprotect of length 0", mprotect(p, 0, PROT_READ));
    mprotect(p, 4 * PAGE, RW);
    result("dontneed", madvise(p, 8 * PAGE, MADV_DONTNEED));
    row("zero on both sides", p, 8);
    result("unknown advice", madvise(p, PAGE, 12345));
    result("advice unaligned", madvise(p + 1, PAGE, MADV_NORMAL));
    result("advice to a hole", madvise(p, 8 * PAGE, MADV_WILLNEED));
    result("msync", msync(p, 8 * PAGE, MS_SYNC));
    result("msync both ways", msync(p, PAGE, MS_SYNC | MS_ASYNC));
    result("msync unaligned", msync(p + 1, PAGE, MS_SYNC));
    result("munmap of the hole", munmap(p + 4 * PAGE, PAGE));
    result("munmap of nothing", munmap(p, 0));
    result("munmap", munmap(p, 8 * PAGE));
}

static void placing(void)
{
    puts("== placing");
    char *p = map(4);
    char *q = mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    result("noreplace over a mapping", (long)q);
    munmap(p + PAGE, PAGE);
    q = mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("noreplace in a hole: %d\n", q == p + PAGE);
    q = mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("fixed over it: %d\n", q == p + PAGE);
    row("now", p, 4);
    q = mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("a hint that is taken: %d\n", q != p && q != MAP_FAILED);
    result("no sharing named", (long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    result("length 0", (long)mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    result("no file", (long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    unsigned char in[4] = {9, 9, 9, 9};
    q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    mincore(q, 4 * PAGE, in);
    printf("populated: %d %d %d %d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
    q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    q[2 * PAGE] = 1;
    mincore(q, 4 * PAGE - 1, in);
    printf("touched: %d %d %d %d\n", in[0] & 1, in[1] & 1, in[2] & 1, in[3] & 1);
    result("mincore unaligned", mincore(q + 1, PAGE, in));
    result("mincore of length 0", mincore(q, 0, in));
    result("mincore to nowhere", mincore(q, PAGE, (void *)8));
    munmap(q + PAGE, PAGE);
    result("mincore of a hole", mincore(q, 3 * PAGE, in));
    char *down = mmap(NULL, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(down, 64 * PAGE);
}

static void telling(void)
{
    puts("== process_vm_readv, process_vm_writev");
    char *p = map(3), here[3 * PAGE];
    int ready[2], go[2];
    pipe(ready);
    pipe(go);
    pid_t pid = fork();
    if (!pid) {
        strcpy(p, "the child's own text");
        munmap(p + PAGE, PAGE);
        mprotect(p + 2 * PAGE, PAGE, PROT_READ);
        write(ready[1], "r", 1);
        read(go[0], here, 1);
        _exit(p[0]);
    }
    read(ready[0], here, 1);
    struct iovec local = {here, 21}, remote = {p, 21};
    printf("read %zd: %s\n", process_vm_readv(pid, &local, 1, &remote, 1, 0), here);
    struct iovec parts[2] = {{here, 4}, {here + 100, 5}}, there[2] = {{p + 4, 5}, {p + 12, 4}};
    long n = process_vm_readv(pid, parts, 2, there, 2, 0);
    printf("scattered %ld: %.4s|%.5s\n", n, here, here + 100);
    local.iov_len = remote.iov_len = 2 * PAGE;
    printf("into the hole: %zd\n", process_vm_readv(pid, &local, 1, &remote, 1, 0));
    remote.iov_base = p + PAGE;
    result("in the hole", process_vm_readv(pid, &local, 1, &remote, 1, 0));
    remote.iov_base = p + 2 * PAGE;
    local.iov_len = remote.iov_len = 8;
    result("write to the read-only", process_vm_writev(pid, &local, 1, &remote, 1, 0));
    result("flags", process_vm_readv(pid, &local, 1, &remote, 1, 1));
    result("nobody", process_vm_readv(999999, &local, 1, &remote, 1, 0));
    result("nothing", process_vm_readv(pid, &local, 0, &remote, 1, 0));
    result("too many", process_vm_readv(pid, &local, 1025, &remote, 1, 0));
    local.iov_base = (void *)8;
    remote.iov_base = p;
    result("to nowhere", process_vm_readv(pid, &local, 1, &remote, 1, 0));
    local = (struct iovec){"Z", 1};
    printf("write %zd\n", process_vm_writev(pid, &local, 1, &remote, 1, 0));
    write(go[1], "g", 1);
    int status;
    waitpid(pid, &status, 0);
    printf("the child found %c, here is %c\n", WEXITSTATUS(status), p[0]);
}

static void files(void)
{
    puts("== files");
    char name[] = "/tmp/toyvm_mappings_XXXXXX", text[8] = ""; /* /tmp is the guest's writable place */
    int fd = mkstemp(name);
    ftruncate(fd, 3 * PAGE);
    char *s = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), *v = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    strcpy(s, "shared");
    printf("private sees: %s\n", v);
    v[0] = 'S';
    strcpy(s, "again");
    printf("after a write of its own: %s, file %s\n", v, s);
    pwrite(fd, "by call", 7, PAGE);
    printf("write seen by both: %.7s %.7s\n", s + PAGE, v + PAGE);
    v[2 * PAGE] = 'p';
    s[2 * PAGE] = 's';
    ftruncate(fd, PAGE + 100);
    row("truncated, shared", s, 3);
    row("truncated, private", v, 3);
    printf("the rest of the last page: %d %d\n", at(s + PAGE + 99), at(s + PAGE + 200));
    put(s + PAGE + 200, 'x');
    ftruncate(fd, 3 * PAGE);
    printf("grown again: %d %d\n", at(s + PAGE + 200), at(s + 2 * PAGE));
    s[2 * PAGE] = 'n';
    result("msync", msync(s, 3 * PAGE, MS_SYNC));
    pread(fd, text, 1, 2 * PAGE);
    printf("in the file: %s\n", text);
    munmap(s, 3 * PAGE);
    munmap(v, 3 * PAGE);
    close(fd);
    fd = open(name, O_RDONLY);
    result("shared and writable of a read-only descriptor", (long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0));
    v = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    printf("private and writable: %s\n", v);
    s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    result("made writable later", mprotect(s, PAGE, RW));
    result("offset unaligned", (long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1));
    unlink(name);
    printf("after unlink: %s\n", s);
    close(fd);

    fd = memfd_create("name", MFD_CLOEXEC);
    ftruncate(fd, PAGE);
    s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    if (!fork()) {
        strcpy(s, "through a memfd");
        _exit(0);
    }
    wait(NULL);
    printf("%s, beyond it %d\n", s, at(s + PAGE));

    char shm[40];
    snprintf(shm, sizeof shm, "/toyvm_mappings_%d", getpid());
    int a = shm_open(shm, O_RDWR | O_CREAT | O_EXCL, 0600), b = shm_open(shm, O_RDWR, 0);
    ftruncate(a, PAGE);
    s = mmap(NULL, PAGE, RW, MAP_SHARED, a, 0);
    v = mmap(NULL, PAGE, RW, MAP_SHARED, b, 0);
    strcpy(s, "by its name");
    printf("%s\n", v);
    result("exclusive", shm_open(shm, O_RDWR | O_CREAT | O_EXCL, 0600));
    result("unlink", shm_unlink(shm));
    result("open again", shm_open(shm, O_RDWR, 0));
    printf("still %s\n", v);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGSEGV, caught);
    signal(SIGBUS, caught);
    moving();
    protecting();
    placing();
    telling();
    files();
    return 0;
}
