/* RLIMIT_CPU: SIGXCPU at the soft limit, SIGKILL at the hard one. */
#include "checks.h"
#include <sys/resource.h>

static volatile int got, code;
static void heard(int s, siginfo_t *info, void *x) { got++, code = info->si_code; }

int main(void)
{
    struct sigaction a = {.sa_sigaction = heard, .sa_flags = SA_SIGINFO};
    sigaction(SIGXCPU, &a, NULL);
    struct rlimit r = {1, 2};
    int status;
    T(setrlimit(RLIMIT_CPU, &r));
    fflush(stdout);
    if (!fork()) {
        while (!got)
            ;
        T(got);
        T(code == SI_KERNEL);
        T(getrlimit(RLIMIT_CPU, &r));
        T(r.rlim_cur);
        T(r.rlim_max);
        fflush(stdout);
        for (;;)
            ;
    }
    wait(&status);
    T(WTERMSIG(status));
    return 0;
}
