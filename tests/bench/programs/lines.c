/* N lines on standard output, each by a write(2) of its own. */
#include "bench.h"

int main(int argc, char **argv)
{
    long n = work(argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (long i = 0; i < n; i++)
        printf("line %ld of %ld\n", i, n);
    return 0;
}
