/* A program that asks the kernel for much and prints what it gets: the same under toyvm and under qemu-riscv64.
   No library: it must run on a bare RV64IMA. Addresses, pids and times are not printed, because they may differ. */

typedef unsigned long u64;
typedef long i64;

static i64 S(i64 number, ...) {
    __builtin_va_list list;
    __builtin_va_start(list, number);
    register i64 a0 asm("a0") = __builtin_va_arg(list, i64);
    register i64 a1 asm("a1") = __builtin_va_arg(list, i64);
    register i64 a2 asm("a2") = __builtin_va_arg(list, i64);
    register i64 a3 asm("a3") = __builtin_va_arg(list, i64);
    register i64 a4 asm("a4") = __builtin_va_arg(list, i64);
    register i64 a5 asm("a5") = __builtin_va_arg(list, i64);
    register i64 a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5) : "memory");
    return a0;
}

enum {
    DUP = 23, DUP3 = 24, FCNTL = 25, FTRUNCATE = 46, CLOSE = 57, OPENAT = 56, PIPE2 = 59, LSEEK = 62, READ = 63, WRITE = 64, WRITEV = 66,
    PREAD = 67, PWRITE = 68, PPOLL = 73, EXIT = 93, NANOSLEEP = 101, SETITIMER = 103, KILL = 129, SIGALTSTACK = 132, SIGSUSPEND = 133,
    SIGACTION = 134, SIGPROCMASK = 135, SIGPENDING = 136, GETPID = 172, GETPPID = 173, BRK = 214, MUNMAP = 215, MREMAP = 216, CLONE = 220,
    MMAP = 222, MPROTECT = 226, MSYNC = 227, MADVISE = 233, WAIT4 = 260, MEMFD = 279,
};
enum { RW = 3, SHARED = 1, PRIVATE = 2, FIXED = 0x10, ANON = 0x20 };

void *memcpy(void *to, const void *from, u64 n) {
    for (u64 i = 0; i < n; i++) { ((char *)to)[i] = ((const char *)from)[i]; asm volatile(""); }
    return to;
}
void *memset(void *to, int c, u64 n) {
    for (u64 i = 0; i < n; i++) { ((char *)to)[i] = c; asm volatile(""); }
    return to;
}
static u64 length(const char *s) { u64 n = 0; while (s[n]) n++; return n; }
static void put(const char *s) { S(WRITE, 1L, s, length(s)); }
static void show(const char *name, i64 value) {
    char buffer[24];
    int at = 24;
    u64 rest = value < 0 ? -value : value;
    do buffer[--at] = '0' + rest % 10; while (rest /= 10);
    if (value < 0) buffer[--at] = '-';
    put(name); put(" "); S(WRITE, 1L, buffer + at, 24L - at); put("\n");
}

static volatile int caught, depth;
static volatile u64 fault_address;
static char alternate[8192];
static volatile int on_alternate;
static void handler(int signal, void *info, void *context) {
    char here;
    caught = caught * 100 + signal;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
    fault_address = *(u64 *)((char *)info + 16);
    if (signal == 11) *(u64 *)((char *)context + 176) += 4;
}
static i64 catch(i64 signal, void *how, i64 flags) {
    u64 action[3] = {(u64)how, flags, 0};
    return S(SIGACTION, signal, action, 0L, 8L);
}
static i64 fork(void) { return S(CLONE, 17L, 0L, 0L, 0L, 0L); }
static i64 status_of(i64 pid) { int status = -1; S(WAIT4, pid, &status, 0L, 0L); return status; }
static void sleep_ms(i64 ms) { i64 time[2] = {ms / 1000, ms % 1000 * 1000000}; S(NANOSLEEP, time, 0L); }

static char bss[200000], data[5000] = {1, 2, 3};

static void memory(void) {
    i64 start = S(BRK, 0L);
    show("brk grows", S(BRK, start + 10000) - start);
    ((char *)start)[9999] = 5;
    show("brk shrinks", S(BRK, start) - start);
    char *p = (char *)S(MMAP, 0L, 4 * 4096L, (long)RW, (long)(PRIVATE | ANON), -1L, 0L);
    for (int i = 0; i < 4; i++) p[4096 * i] = i + 1;
    show("mprotect", S(MPROTECT, p + 4096, 4096L, 1L));
    caught = 0;
    catch(11, handler, 4);
    *(volatile int *)(p + 4096) = 9;
    show("caught", caught); show("at the page", fault_address == (u64)p + 4096); show("kept", p[4096]);
    show("munmap", S(MUNMAP, p + 4096, 4096L));
    show("write from a hole", S(WRITE, 1L, p + 4096, 10L));
    show("munmap misaligned", S(MUNMAP, p + 1, 10L));
    show("mmap nothing", S(MMAP, 0L, 0L, 3L, 0x22L, -1L, 0L));
    show("mmap bad offset", S(MMAP, 0L, 4096L, 3L, 0x22L, -1L, 5L));
    show("dontneed", S(MADVISE, p, 4096L, 4L)); show("zero again", p[0]);
    char *q = (char *)S(MREMAP, p + 2 * 4096, 2 * 4096L, 64 * 4096L, 1L);
    show("mremap keeps", q[0] * 10 + q[4096]); show("and grows", (q[63 * 4096] = 7));
    i64 fd = S(MEMFD, "m", 0L);
    show("write", S(WRITE, fd, "hello", 5L)); show("truncate", S(FTRUNCATE, fd, 8192L));
    char *m = (char *)S(MMAP, 0L, 8192L, 3L, 1L, fd, 0L), *c = (char *)S(MMAP, 0L, 8192L, 3L, 2L, fd, 0L);
    m[1] = 'a'; m[5000] = 'z'; c[2] = 'C';
    char text[6] = {0};
    show("pread", S(PREAD, fd, text, 5L, 0L)); put(text); put("\n");
    S(PWRITE, fd, "J", 1L, 0L);
    put(m); put(" "); put(c); put("\n");
    show("end", S(LSEEK, fd, 0L, 2L)); show("bad seek", S(LSEEK, fd, -1L, 0L));
    S(CLOSE, fd);
}

static void processes(void) {
    char *shared = (char *)S(MMAP, 0L, 4096L, 3L, (long)(SHARED | ANON), -1L, 0L);
    i64 me = S(GETPID), pid = fork();
    if (!pid) {
        show("my parent", S(GETPPID) == me);
        sleep_ms(20); put("child reads "); put(shared); put("\n");
        data[0] = 77; memcpy(shared, "from child", 11);
        S(EXIT, 42L);
    }
    memcpy(shared, "from parent", 12);
    show("status", status_of(pid)); put(shared); put("\n"); show("mine", data[0]);
    show("no more", S(WAIT4, -1L, 0L, 0L, 0L));
    pid = fork();
    if (!pid) { catch(11, 0, 0); *(volatile int *)8 = 1; }
    show("killed by", status_of(pid));
    pid = fork();
    if (!pid) { S(KILL, S(GETPID), 9L); S(EXIT, 0L); }
    show("killed by", status_of(pid));
    show("nobody", S(KILL, 999999L, 0L)); show("no signal", S(KILL, 0L, 99L));
}

static void pipes(void) {
    int fds[2];
    show("pipe", S(PIPE2, fds, 0L));
    i64 pid = fork(), total = 0, got;
    if (!pid) {
        S(CLOSE, (long)fds[0]);
        for (int i = 0; i < 30; i++) S(WRITE, (long)fds[1], bss, 5000L);
        u64 parts[4] = {(u64) "ab", 2, (u64) "cde", 3};
        show("writev", S(WRITEV, (long)fds[1], parts, 2L));
        S(EXIT, 0L);
    }
    S(CLOSE, (long)fds[1]);
    while ((got = S(READ, (long)fds[0], bss, 7777L)) > 0) total += got;
    status_of(pid); show("total", total); show("end", got);
    S(CLOSE, (long)fds[0]);
    S(PIPE2, fds, 04000L); show("empty", S(READ, (long)fds[0], bss, 1L));
    struct { int fd; short events, found; } poll[2] = {{fds[0], 1, 0}, {fds[1], 4, 0}};
    i64 now[2] = {0, 0};
    show("poll", S(PPOLL, poll, 2L, now, 0L, 8L)); show("found", poll[0].found * 10 + poll[1].found);
    S(CLOSE, (long)fds[0]); catch(13, (void *)1, 0); show("nobody reads", S(WRITE, (long)fds[1], "x", 1L));
    i64 a = S(DUP, 1L); show("dup is the lowest", a == S(DUP, 1L) - 1); show("dup3 same", S(DUP3, 1L, 1L, 0L));
    show("bad fd", S(WRITE, 77L, bss, 1L)); show("getfd", S(FCNTL, a, 1L, 0L));
    show("open nowhere", S(OPENAT, -100L, 8L, 0L, 0L)); show("open none", S(OPENAT, -100L, "/no/such", 0L, 0L));
}

static void signals(void) {
    caught = 0;
    catch(10, handler, 4); catch(12, handler, 4);
    u64 both = 1ul << 9 | 1ul << 11, old = 0, none = 0, pending = 0;
    S(SIGPROCMASK, 0L, &both, &old, 8L);
    S(KILL, S(GETPID), 12L); S(KILL, S(GETPID), 10L);
    S(SIGPENDING, &pending, 8L); show("pending", pending); show("not yet", caught);
    show("suspend", S(SIGSUSPEND, &none, 8L)); show("both", caught);
    S(SIGPROCMASK, 2L, &old, &pending, 8L); show("mask is back", pending);
    u64 stack[3] = {(u64)alternate, 0, sizeof alternate};
    show("altstack", S(SIGALTSTACK, stack, 0L)); catch(10, handler, 4 | 0x08000000);
    S(KILL, S(GETPID), 10L); show("on it", on_alternate);
    catch(14, handler, 4);
    i64 timer[4] = {0, 0, 0, 20000}, rest[2] = {0, 0}, ask[2] = {30, 0};
    caught = 0;
    S(SETITIMER, 0L, timer, 0L); show("interrupted", S(NANOSLEEP, ask, rest)); show("alarm", caught);
    show("time left", rest[0] == 29);
    int fds[2];
    S(PIPE2, fds, 0L); catch(14, handler, 4 | 0x10000000);
    i64 pid = fork();
    if (!pid) { sleep_ms(60); S(WRITE, (long)fds[1], "x", 1L); S(EXIT, 0L); }
    S(SETITIMER, 0L, timer, 0L); show("restarted", S(READ, (long)fds[0], bss, 1L)); show("twice", caught);
    status_of(pid);
    show("no handler for KILL", catch(9, handler, 0));
}

static int recurse(int n) { volatile char frame[1000]; frame[0] = n; return n ? recurse(n - 1) + frame[0] : 0; }

void run(u64 *stack) {
    show("argc", stack[0]); put((char *)stack[2]); put("\n");
    show("stack grows", recurse(3000));
    memory(); processes(); pipes(); signals();
    show("unknown call", S(2000L));
    S(EXIT, 7L);
}
asm(".globl _start\n_start: mv a0, sp\n call run\n");
