/* The scheduler: libs/libc/process.s. */
#ifndef TOYVM_SCHED_H
#define TOYVM_SCHED_H

int sched_yield(void);

#endif
