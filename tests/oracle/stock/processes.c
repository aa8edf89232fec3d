/* fork, wait, pipes, dup2, signals that a program raises on itself, sigprocmask, an abort in a child. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static volatile double kept = 0.5;

static void handler(int number, siginfo_t *info, void *context)
{
    caught = number + 100 * (info->si_pid == getpid());
    kept = kept * 3.0; /* floating-point registers survive a signal */
}

static void child(int fd)
{
    char text[100];
    for (int i = 0; i < 5; i++) {
        int n = snprintf(text, sizeof text, "child says %d %.2f\n", i, i / 4.0);
        if (write(fd, text, (size_t)n) != n)
            _exit(99);
    }
    _exit(17);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    double before = 1.25, sum = 0;
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        sum += before * i;
    }
    printf("caught %d kept %g sum %g\n", (int)caught % 100, kept, sum);
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    caught = 0;
    kill(getpid(), SIGUSR1);
    sigpending(&pending);
    printf("blocked %d pending %d\n", (int)caught, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    printf("unblocked %d\n", (int)caught);

    int ends[2], status;
    if (pipe(ends))
        return 1;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(ends[1]);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    char line[100];
    while (fgets(line, sizeof line, in))
        printf("parent got: %s", line);
    waitpid(pid, &status, 0);
    printf("exit %d\n", WEXITSTATUS(status));
    for (int i = 0; i < 3; i++) {
        pid = fork();
        if (pid == 0) {
            signal(SIGTERM, SIG_DFL);
            if (i == 0)
                abort();
            if (i == 1)
                *(volatile int *)8 = 1;
            raise(SIGTERM);
        }
        waitpid(pid, &status, 0);
        printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    }
    return 5;
}
