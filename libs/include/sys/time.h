/* Time of day: libs/libc/time.s. */
#ifndef TOYVM_SYS_TIME_H
#define TOYVM_SYS_TIME_H

#include <sys/types.h>

struct timeval { time_t tv_sec; long tv_usec; };

int gettimeofday(struct timeval *now, void *zone);

#endif
