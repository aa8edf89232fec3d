/* A recursion in a signal handler that a library function called: the backtrace goes through all of them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

volatile int sink;
static char room[16384];

__attribute__((noinline)) void crash(int *p) { sink++; *p = 3; sink++; }
__attribute__((noinline)) void deeper(int n, int *p)
{
    char buffer[200];
    memset(buffer, n, sizeof buffer);
    sink += buffer[n];
    if (n)
        deeper(n - 1, p);
    else
        crash(p);
    sink++;
}
__attribute__((noinline)) void handler(int number) { deeper(3, 0); sink += number; }
__attribute__((noinline)) void work(int n) { sink += n; raise(SIGUSR1); sink++; }
int main(int argc, char **argv)
{
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
    struct sigaction action = {.sa_handler = handler, .sa_flags = argc > 1 ? SA_ONSTACK : 0};
    (void)argv;
    sigaltstack(&stack, 0);
    sigaction(SIGUSR1, &action, 0);
    work(argc);
    sink++;
    return 0;
}
