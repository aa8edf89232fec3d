# Primes: a table of small primes, and functions that use it.
#
# The table is a data object that programs may use directly. A program linked at fixed addresses has its own copy of it
# (R_RISCV_COPY), which the library must use too. So the code uses `la`, which loads from the global offset table.

        .option pic

        .equ    PRIMES, 54

# const unsigned short imath_small_primes[]: the primes up to 251; const int imath_prime_count: their number
        .section .rodata
        .balign 8
        .globl  imath_small_primes
        .type   imath_small_primes, @object
imath_small_primes:
        .half   2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37
        .half   41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89
        .half   97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151
        .half   157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223
        .half   227, 229, 233, 239, 241, 251
        .size   imath_small_primes, . - imath_small_primes
        .balign 4
        .globl  imath_prime_count
        .type   imath_prime_count, @object
imath_prime_count:
        .word   PRIMES
        .size   imath_prime_count, . - imath_prime_count

# int is_prime(unsigned long n): 1 or 0. Trial division by the table, then by 6 k - 1 and 6 k + 1.
        .text
        .balign 4
        .globl  is_prime
        .type   is_prime, @function
is_prime:
        li      t0, 2
        bltu    a0, t0, 5f
        la      t1, imath_small_primes
        li      t2, PRIMES
1:      lhu     t0, 0(t1)
        mul     t3, t0, t0
        bgtu    t3, a0, 4f              # no divisor up to the square root
        remu    t3, a0, t0
        beqz    t3, 5f
        addi    t1, t1, 2
        addi    t2, t2, -1
        bnez    t2, 1b
        li      t0, 245                # t0: 6 k - 1, not above the end of the table
2:      mulhu   t2, t0, t0
        bnez    t2, 4f                  # the square does not fit in 64 bits
        mul     t2, t0, t0
        bgtu    t2, a0, 4f
        remu    t2, a0, t0
        beqz    t2, 5f
        addi    t1, t0, 2
        remu    t2, a0, t1
        beqz    t2, 3f
        addi    t0, t0, 6
        j       2b
3:      bne     a0, t1, 5f              # divisible by 6 k + 1: prime only if n is 6 k + 1
4:      li      a0, 1
        ret
5:      li      a0, 0
        ret
        .size   is_prime, . - is_prime

# unsigned long next_prime(unsigned long n): the smallest prime greater than n; 0 if there is none below 2^64
        .balign 4
        .globl  next_prime
        .type   next_prime, @function
next_prime:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
1:      addi    s0, s0, 1
        beqz    s0, 2f
        mv      a0, s0
        call    is_prime
        beqz    a0, 1b
2:      mv      a0, s0
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   next_prime, . - next_prime

# unsigned long nth_prime(unsigned long n): nth_prime(1) is 2; 0 for n = 0
        .balign 4
        .globl  nth_prime
        .type   nth_prime, @function
nth_prime:
        beqz    a0, 3f
        li      t0, PRIMES
        bgtu    a0, t0, 1f
        la      t1, imath_small_primes
        slli    a0, a0, 1
        add     t1, t1, a0
        lhu     a0, -2(t1)
        ret
1:      addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        sub     s0, a0, t0              # the number of primes beyond the table
        li      a0, 251
2:      call    next_prime
        addi    s0, s0, -1
        bnez    s0, 2b
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
3:      ret
        .size   nth_prime, . - nth_prime
