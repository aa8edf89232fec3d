/* A program at fixed addresses against libc.so and libimath.so: data objects come by copy relocation, functions through
 * the PLT and as pointers, a function of the program replaces the library's, output is not doubled by fork. */
#include <errno.h>
#include <imath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int descending(const void *a, const void *b) { return *(const unsigned short *)b - *(const unsigned short *)a; }

size_t strlen(const char *s) /* ours; the library's own calls must not come here */
{
    (void)s;
    return 1000;
}

int main(int argc, char **argv, char **envp)
{
    unsigned short primes[5];
    int (*print)(const char *, ...) = printf;
    memcpy(primes, imath_small_primes, sizeof primes);
    qsort(primes, 5, sizeof *primes, descending);
    print("%d primes, %d %d %d\n", imath_prime_count, primes[0], primes[4], (int)nth_prime(10));
    imath_hello();
    fprintf(stdout, "%s %d %d\n", argc > 1 ? argv[1] : "none", environ == envp, (int)strlen(""));
    print("%d %d\n", setenv("NAME", "value", 1), environ != envp);
    print("%s %s\n", getenv("NAME"), imath_version());
    errno = 0;
    print("%d ", close(99));
    print("%d\n", errno);
    print("once; ");
    int status;
    if (fork() == 0) {
        print("child; ");
        fflush(stdout);
        _exit(9);
    }
    wait(&status);
    print("parent of %d", WEXITSTATUS(status));
    fflush(stdout);
    _exit(3); /* glibc's dynamic linker insists on glibc's libc at exit */
}
