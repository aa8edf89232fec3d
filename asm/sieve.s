# sieve: the primes below 20,000 by Eratosthenes' sieve: a program that only computes.
#
#   toyvm run --stats asm/sieve.s
#
# Look at the number of instructions, and at the small number of page faults: five pages of flags are touched
# again and again (compare asm/locality.s).

        .equ    LIMIT, 20000

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)

        la      t0, crossed             # t0: one byte a number, 1 = not a prime
        li      t1, 2                   # t1: the number
        li      t2, LIMIT
        li      a1, 0                   # a1: how many primes
        li      a2, 0                   # a2: the last one
        li      t6, 1
1:      add     t3, t0, t1
        lbu     t4, 0(t3)
        bnez    t4, 3f
        addi    a1, a1, 1
        mv      a2, t1
        mul     t3, t1, t1              # cross out its multiples, from its square on
        bgeu    t3, t2, 3f
2:      add     t5, t0, t3
        sb      t6, 0(t5)
        add     t3, t3, t1
        bltu    t3, t2, 2b
3:      addi    t1, t1, 1
        bltu    t1, t2, 1b

        la      a0, line
        call    printf
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
line:   .string "%d primes, the last is %d\n"

        .bss
crossed:
        .skip   LIMIT
