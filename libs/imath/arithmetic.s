# Arithmetic: divisors, powers, roots, sequences. All numbers are unsigned 64-bit; unless stated otherwise, results
# are modulo 2^64.

        .option pic
        .text

# unsigned long gcd(unsigned long a, unsigned long b): the greatest common divisor (Euclid); gcd(0, 0) is 0
        .balign 4
        .globl  gcd
        .type   gcd, @function
gcd:
1:      beqz    a1, 2f
        remu    t0, a0, a1
        mv      a0, a1
        mv      a1, t0
        j       1b
2:      ret
        .size   gcd, . - gcd

# unsigned long lcm(unsigned long a, unsigned long b): the least common multiple; 0 if a or b is 0
        .balign 4
        .globl  lcm
        .type   lcm, @function
lcm:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        mv      s1, a1
        call    gcd
        beqz    a0, 1f
        divu    s0, s0, a0
        mul     a0, s0, s1
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        .size   lcm, . - lcm

# unsigned long isqrt(unsigned long n): the integer part of the square root; each step handles two bits of n
        .balign 4
        .globl  isqrt
        .type   isqrt, @function
isqrt:
        li      t0, 1
        slli    t0, t0, 62              # t0: a power of four
        li      t1, 0                   # t1: the root so far, shifted
1:      bleu    t0, a0, 2f
        srli    t0, t0, 2
        bnez    t0, 1b
2:      beqz    t0, 4f
        add     t2, t1, t0
        srli    t1, t1, 1
        bltu    a0, t2, 3f
        sub     a0, a0, t2
        add     t1, t1, t0
3:      srli    t0, t0, 2
        j       2b
4:      mv      a0, t1
        ret
        .size   isqrt, . - isqrt

# unsigned long ipow(unsigned long base, unsigned long exponent): by squaring; ipow(0, 0) is 1
        .balign 4
        .globl  ipow
        .type   ipow, @function
ipow:
        mv      t0, a0
        li      a0, 1
1:      andi    t1, a1, 1
        beqz    t1, 2f
        mul     a0, a0, t0
2:      mul     t0, t0, t0
        srli    a1, a1, 1
        bnez    a1, 1b
        ret
        .size   ipow, . - ipow

# unsigned long mulmod(unsigned long a, unsigned long b, unsigned long m): a * b mod m, from the 128-bit product; m != 0
        .balign 4
        .globl  mulmod
        .type   mulmod, @function
mulmod:
        remu    a0, a0, a2
        remu    a1, a1, a2
        mulhu   t0, a0, a1              # t0: high half of the product, below m
        mul     t1, a0, a1              # t1: low half, shifted in bit by bit
        bnez    t0, 1f
        remu    a0, t1, a2
        ret
1:      li      t2, 64
2:      srli    t3, t0, 63              # the bit that is shifted out has value 2^64
        slli    t0, t0, 1
        srli    t4, t1, 63
        or      t0, t0, t4
        slli    t1, t1, 1
        bnez    t3, 3f
        bltu    t0, a2, 4f
3:      sub     t0, t0, a2
4:      addi    t2, t2, -1
        bnez    t2, 2b
        mv      a0, t0
        ret
        .size   mulmod, . - mulmod

# unsigned long powmod(unsigned long base, unsigned long exponent, unsigned long m): base^exponent mod m; m != 0
        .balign 4
        .globl  powmod
        .type   powmod, @function
powmod:
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0                  # s0: base^(2^i)
        mv      s1, a1                  # s1: the rest of the exponent
        mv      s2, a2
        li      t0, 1
        remu    s3, t0, a2              # s3: the result (0 if m is 1)
1:      beqz    s1, 3f
        andi    t0, s1, 1
        beqz    t0, 2f
        mv      a0, s3
        mv      a1, s0
        mv      a2, s2
        call    mulmod
        mv      s3, a0
2:      mv      a0, s0
        mv      a1, s0
        mv      a2, s2
        call    mulmod
        mv      s0, a0
        srli    s1, s1, 1
        j       1b
3:      mv      a0, s3
        ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
        .size   powmod, . - powmod

# unsigned long fibonacci(unsigned long n): 0 1 1 2 3 5 ...; exact up to n = 93
        .balign 4
        .globl  fibonacci
        .type   fibonacci, @function
fibonacci:
        li      t0, 0
        li      t1, 1
1:      beqz    a0, 2f
        add     t2, t0, t1
        mv      t0, t1
        mv      t1, t2
        addi    a0, a0, -1
        j       1b
2:      mv      a0, t0
        ret
        .size   fibonacci, . - fibonacci

# unsigned long factorial(unsigned long n): exact up to n = 20
        .balign 4
        .globl  factorial
        .type   factorial, @function
factorial:
        li      t0, 1
1:      beqz    a0, 2f
        mul     t0, t0, a0
        addi    a0, a0, -1
        j       1b
2:      mv      a0, t0
        ret
        .size   factorial, . - factorial

# unsigned long binomial(unsigned long n, unsigned long k): n over k; exact while result * k fits in 64 bits
        .balign 4
        .globl  binomial
        .type   binomial, @function
binomial:
        bgtu    a1, a0, 3f
        sub     t0, a0, a1
        bleu    a1, t0, 1f
        mv      a1, t0                  # by symmetry, with fewer steps
1:      li      t1, 0                   # t1: i
        li      t2, 1                   # t2: n over i
2:      bgeu    t1, a1, 4f
        sub     t3, a0, t1
        mul     t2, t2, t3
        addi    t1, t1, 1
        divu    t2, t2, t1
        j       2b
3:      li      t2, 0
4:      mv      a0, t2
        ret
        .size   binomial, . - binomial

# unsigned long collatz_length(unsigned long n): number of steps n -> n / 2 or 3 n + 1 to reach 1; 0 for n = 0
        .balign 4
        .globl  collatz_length
        .type   collatz_length, @function
collatz_length:
        li      t0, 0
        beqz    a0, 3f
        li      t1, 1
1:      beq     a0, t1, 3f
        addi    t0, t0, 1
        andi    t2, a0, 1
        bnez    t2, 2f
        srli    a0, a0, 1
        j       1b
2:      slli    t2, a0, 1
        add     a0, a0, t2
        addi    a0, a0, 1
        j       1b
3:      mv      a0, t0
        ret
        .size   collatz_length, . - collatz_length
