/* Pipes: a ring of processes that pass a number on, and a pool of workers that send back records. */
#include "guest.h"

#define RING 5

struct record {
    int worker, from, to;
    long sum;
};

static void ring(void)
{
    int first[2], in, next[2], number = 0;

    pipe(first);
    in = first[0];
    for (int i = 1; i <= RING; i++) {
        pipe(next);
        if (fork() == 0) {
            read(in, &number, sizeof number);
            number = number * 10 + i;
            write(next[1], &number, sizeof number);
            exit(0);
        }
        close(in);
        close(next[1]);
        in = next[0];
    }
    write(first[1], &number, sizeof number);
    close(first[1]);
    read(in, &number, sizeof number);
    close(in);
    printf("round the ring: %d\n", number);
}

static void pool(void)
{
    int ends[2], status, ended = 0;
    struct record r, got[4];

    pipe(ends);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            close(ends[0]);
            r = (struct record){i, i * 250, (i + 1) * 250, 0};
            for (int k = r.from; k < r.to; k++)
                r.sum += k;
            write(ends[1], &r, sizeof r);
            exit(i);
        }
    close(ends[1]);
    while (read(ends[0], &r, sizeof r) == sizeof r)
        got[r.worker] = r;
    close(ends[0]);
    long total = 0;
    for (int i = 0; i < 4; i++) {
        printf("worker %d: %d to %d: %ld\n", got[i].worker, got[i].from, got[i].to, got[i].sum);
        total += got[i].sum;
    }
    while (wait(&status) > 0)
        ended++;
    printf("total %ld, %d children ended\n", total, ended);
}

int main(void)
{
    ring();
    fflush(NULL);
    pool();
    return 0;
}
