/* Limits of Linux, on top of the compiler's own limits.h. */
#ifndef TOYVM_LIMITS_H
#define TOYVM_LIMITS_H

#define _LIBC_LIMITS_H_ 1 /* what the compiler's file looks for in a C library's */
#include_next <limits.h>

#define PATH_MAX 4096
#define PIPE_BUF 4096
#define SSIZE_MAX LONG_MAX

#endif
