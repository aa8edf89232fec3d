/* A byte that two processes hand to each other through two pipes, N times there and back. */
#include "bench.h"
#include <sys/wait.h>
#include <unistd.h>

static void trips(long n, int in, int out, int first)
{
    u8 byte = 0;
    for (long i = 0; i < n; i++) {
        if (!first && read(in, &byte, 1) != 1)
            _exit(1);
        byte++;
        if (write(out, &byte, 1) != 1)
            _exit(1);
        if (first && read(in, &byte, 1) != 1)
            _exit(1);
    }
    if (first)
        put(byte);
}

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    int there[2], back[2], status;
    if (pipe(there) || pipe(back))
        return 1;
    if (fork() == 0) {
        trips(n, there[0], back[1], 0);
        _exit(0);
    }
    trips(n, back[0], there[1], 1);
    wait(&status);
    return status != 0;
}
