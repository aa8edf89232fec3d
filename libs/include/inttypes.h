/* Numbers of the widest type: libs/libc/number.s. */
#ifndef TOYVM_INTTYPES_H
#define TOYVM_INTTYPES_H

#include <stdint.h>

intmax_t imaxabs(intmax_t n);
intmax_t strtoimax(const char *s, char **end, int base);
uintmax_t strtoumax(const char *s, char **end, int base);

#endif
