# imath_use: a program that needs two libraries, and uses a variable of one of them.
#
# Functions of a shared library are called through the PLT. A table in a library is harder: the code of this program
# was compiled as if the address of the table were known at link time. So the linker reserves space for the table in
# the program's own .bss, at a known address, and emits a COPY relocation. The dynamic linker copies the library's
# contents there at start, and binds the library's own references to the copy as well. Both then use one table.
#
# toyvm: libs: imath
#
#   toyvm run --dynamic asm/imath_use.s
#   toyvm run --dynamic -E LD_DEBUG=libs asm/imath_use.s
#   toyvm compare asm/imath_use.s
#
# Look at `toyvm readelf -d -r` of the built program: two libraries NEEDED, R_RISCV_COPY for the table, R_RISCV_JUMP_SLOT
# for the functions.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)

        call    imath_version
        mv      a1, a0
        la      a0, version
        call    printf

        li      a0, 1071
        li      a1, 462
        call    gcd
        mv      s0, a0
        li      a0, 20
        call    factorial
        mv      s1, a0
        li      a0, 1000000
        call    next_prime
        mv      a3, a0
        mv      a2, s1
        mv      a1, s0
        la      a0, functions
        call    printf

        la      t0, imath_small_primes  # this program's copy, or the table itself in a static program
        lhu     a1, 0(t0)
        lhu     a2, 2(t0)
        lhu     a3, 4(t0)
        lhu     a4, 6(t0)
        la      a0, table
        call    printf

        la      t0, imath_small_primes
        la      t1, _end                # the program ends here; libraries are mapped far above
        la      a1, inside
        bltu    t0, t1, 1f
        la      a1, outside
1:      la      a0, place
        call    printf

        li      a0, 0
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .section .rodata
version:
        .string "library: %s\n"
functions:
        .string "gcd(1071, 462) = %ld, 20! = %ld, the first prime past a million is %ld\n"
table:  .string "the table begins with %d %d %d %d\n"
place:  .string "and lies %s the program\n"
inside: .string "inside"
outside:
        .string "outside"
