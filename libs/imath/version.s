# libimath: integer mathematics, a small second library beside libc.
#
# This file has the version, and the one function that needs libc: libimath.so depends on libc.so (DT_NEEDED).
#
# toyvm: libs: c

        .option pic

# const char *imath_version(void): the version of the library in use
        .text
        .balign 4
        .globl  imath_version
        .type   imath_version, @function
imath_version:
        lla     a0, version
        ret
        .size   imath_version, . - imath_version

# void imath_hello(void): print the version and the number of primes in the table
        .balign 4
        .globl  imath_hello
        .type   imath_hello, @function
imath_hello:
        lla     a1, version
        la      a2, imath_prime_count
        lw      a2, 0(a2)
        lla     a0, hello
        tail    printf
        .size   imath_hello, . - imath_hello

        .section .rodata
version:
        .string "imath 1.0"
hello:  .string "%s: %d small primes\n"
