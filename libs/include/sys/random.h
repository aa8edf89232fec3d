/* Random bytes: libs/libc/process.s. */
#ifndef TOYVM_SYS_RANDOM_H
#define TOYVM_SYS_RANDOM_H

#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned flags);

#endif
