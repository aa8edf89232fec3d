/* Processes, pipes, signals, the environment, jumps, exit functions. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static jmp_buf back;
static volatile int handled;

static void handler(int number) { handled += number; }
static void escape(int number) { longjmp(back, number); }
static void first(void) { printf("first\n"); }
static void second(void) { printf("second\n"); atexit(first); }
static void many(void) { handled++; }
static void report(void) { printf("%d handled\n", handled); }

__attribute__((constructor)) static void begin(void) { setvbuf(stdout, 0, _IOLBF, 0), printf("constructor\n"); }
__attribute__((destructor)) static void end(void) { printf("destructor\n"); }

static int depth(int n)
{
    if (n == 0)
        longjmp(back, 0);
    return depth(n - 1) + 1;
}

static void children(void)
{
    int status, fds[2];
    pid_t pid = fork();
    if (pid == 0)
        exit(getppid() == 0 ? 1 : 42);
    printf("%d %d\n", waitpid(pid, &status, 0) == pid, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    errno = 0;
    printf("%d ", wait(&status));
    printf("%d\n", errno);
    if (fork() == 0)
        abort();
    wait(&status);
    printf("%d %d\n", WIFSIGNALED(status) != 0, WTERMSIG(status));
    pid = fork();
    if (pid == 0)
        for (;;)
            usleep(1000000);
    printf("%d %d ", kill(pid, SIGTERM), waitpid(pid, &status, 0) == pid);
    printf("%d\n", WTERMSIG(status));
    printf("%d\n", pipe(fds));
    if (fork() == 0) {
        close(fds[0]);
        dup2(fds[1], 1);
        printf("through the pipe\n");
        execv("/nonexistent", (char *[]){"nonexistent", 0});
        printf("%d\n", errno);
        execvp("nonexistent", (char *[]){"nonexistent", 0});
        printf("%d\n", errno);
        _exit(3);
    }
    close(fds[1]);
    char text[100];
    int n, total = 0;
    while ((n = read(fds[0], text + total, sizeof text - total)) > 0)
        total += n;
    printf("%d %.*s", total, total, text);
    printf("%d %d\n", wait(&status) > 0, WEXITSTATUS(status));
    errno = 0;
    printf("%d ", waitpid(-1, &status, WNOHANG));
    printf("%d\n", errno);
}

static void calls(void)
{
    errno = 0;
    printf("%d ", close(77));
    printf("%d ", errno);
    printf("%d ", open("/nonexistent", O_RDONLY));
    printf("%d ", errno);
    printf("%d ", dup2(77, 77));
    printf("%d ", errno);
    printf("%d ", (int)read(0, (void *)1, 10));
    printf("%d\n", errno == EFAULT || errno == 2 || errno == 9);
    printf("%d ", isatty(77));
    printf("%d ", errno);
    printf("%d ", mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    printf("%d\n", errno);
    char *p = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(p + 4000, "mapped");
    printf("%s %d ", p + 4000, mprotect(p, 4096, PROT_READ));
    printf("%d\n", munmap(p, 8192));
    struct stat st;
    printf("%d %d\n", stat("/dev/null", &st), S_ISCHR(st.st_mode));
    struct timespec t = {0, 1000}, now;
    printf("%d %d %d %d\n", nanosleep(&t, 0), clock_gettime(CLOCK_MONOTONIC, &now), sleep(0), time(0) > 1000000000 || time(0) >= 0);
    char cwd[500];
    printf("%d ", getcwd(cwd, sizeof cwd) == cwd && cwd[0] == '/');
    printf("%d %d\n", getcwd(cwd, 1) == 0, errno);
    writev(1, (struct iovec[]){{"two ", 4}, {"parts\n", 6}}, 2);
    printf("%d %d\n", access("/", F_OK), access("/nonexistent", F_OK));
    printf("%d %d\n", getpid() == syscall(172), sbrk(0) != (void *)-1);
    char *top = sbrk(4096);
    printf("%d %d\n", sbrk(0) == top + 4096, sbrk(-4096) == top + 4096);
}

static void signals(void)
{
    sigset_t set, old;
    struct sigaction act = {.sa_handler = handler}, before;
    printf("%d %d\n", signal(SIGUSR1, handler) == SIG_DFL, raise(SIGUSR1));
    printf("%d\n", handled);
    printf("%d ", sigaction(SIGUSR2, &act, &before));
    sigemptyset(&set);
    printf("%d %d %d ", sigaddset(&set, SIGUSR2), sigismember(&set, SIGUSR2), sigismember(&set, SIGUSR1));
    printf("%d ", sigprocmask(SIG_BLOCK, &set, &old));
    raise(SIGUSR2);
    printf("%d ", handled);
    sigprocmask(SIG_SETMASK, &old, 0);
    printf("%d\n", handled);
    errno = 0;
    printf("%d %d\n", signal(SIGKILL, handler) == SIG_ERR, errno);
    signal(SIGUSR1, escape);
    int number = setjmp(back);
    if (number == 0)
        raise(SIGUSR1);
    printf("jumped %d\n", number);
}

int main(void)
{
    int n = setjmp(back);
    printf("%d\n", n);
    if (n == 0)
        depth(10);
    printf("%d %d ", setenv("ONE", "1", 0), setenv("ONE", "2", 0));
    printf("%s ", getenv("ONE"));
    printf("%d %s ", setenv("ONE", "three", 1), getenv("ONE"));
    printf("%d %d ", setenv("", "x", 1), setenv("a=b", "x", 1));
    printf("%d %d %s\n", putenv("TWO=ii"), getenv("TW") == 0, getenv("TWO"));
    printf("%d %d %d\n", unsetenv("ONE"), getenv("ONE") == 0, getenv("TWO") != 0);
    for (int i = 0; i < 100; i++) {
        char name[10];
        sprintf(name, "N%d", i);
        setenv(name, name + 1, 1);
    }
    printf("%s %s\n", getenv("N0"), getenv("N99"));
    signals();
    calls();
    handled = 0;
    atexit(report);
    for (int i = 0; i < 400; i++)
        atexit(many);
    atexit(second);
    children();
    return 5;
}
