/* Types of Linux on riscv64. */
#ifndef TOYVM_SYS_TYPES_H
#define TOYVM_SYS_TYPES_H

#include <stddef.h>

typedef long ssize_t;
typedef long off_t;
typedef int pid_t;
typedef unsigned uid_t;
typedef unsigned gid_t;
typedef unsigned mode_t;
typedef unsigned useconds_t;
typedef long time_t;

#endif
