/* Two threads take turns, N each, by a mutex and a condition variable: futex(2). */
#include "bench.h"
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long turn, n;

static void *play(void *argument)
{
    long me = (long)argument;
    for (long i = 0; i < n; i++) {
        pthread_mutex_lock(&lock);
        while (turn % 2 != me)
            pthread_cond_wait(&changed, &lock);
        turn++;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t other;
    n = work(argc, argv);
    if (pthread_create(&other, NULL, play, (void *)1))
        return 1;
    play((void *)0);
    pthread_join(other, NULL);
    put(turn);
    return 0;
}
