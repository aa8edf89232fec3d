/* Time: libs/libc/time.s. */
#ifndef TOYVM_TIME_H
#define TOYVM_TIME_H

#include <sys/types.h>

struct timespec { time_t tv_sec; long tv_nsec; };
typedef int clockid_t;

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_PROCESS_CPUTIME_ID 2

time_t time(time_t *result);
int nanosleep(const struct timespec *wanted, struct timespec *left);
int clock_gettime(clockid_t clock, struct timespec *now);

#endif
