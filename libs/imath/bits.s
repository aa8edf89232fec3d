# Bit operations: count bits, find bits, reverse bytes. RV64IMA has no instructions for these (Zbb does).

        .option pic
        .text

# int popcount(unsigned long n): the number of set bits. Adds within 2, 4 and 8 bits, then all bytes by a multiplication.
        .balign 4
        .globl  popcount
        .type   popcount, @function
popcount:
        li      t1, 0x55555555
        slli    t0, t1, 32
        or      t1, t1, t0
        srli    t0, a0, 1
        and     t0, t0, t1
        sub     a0, a0, t0              # each 2 bits: the number of set bits in them
        li      t1, 0x33333333
        slli    t0, t1, 32
        or      t1, t1, t0
        and     t0, a0, t1
        srli    a0, a0, 2
        and     a0, a0, t1
        add     a0, a0, t0              # each 4 bits
        srli    t0, a0, 4
        add     a0, a0, t0
        li      t1, 0x0f0f0f0f
        slli    t0, t1, 32
        or      t1, t1, t0
        and     a0, a0, t1              # each 8 bits
        li      t1, 0x01010101
        slli    t0, t1, 32
        or      t1, t1, t0
        mul     a0, a0, t1              # the top byte is the sum of all bytes
        srli    a0, a0, 56
        ret
        .size   popcount, . - popcount

# int clz(unsigned long n): the number of leading zeros; 64 for 0
        .balign 4
        .globl  clz
        .type   clz, @function
clz:
        li      t0, 64
        beqz    a0, 2f
        li      t0, 0
        li      t1, 32                  # if the upper half is zero, continue with the lower half
1:      neg     t2, t1
        srl     t3, a0, t2              # (srl uses the low six bits: 64 - t1)
        bnez    t3, 3f
        add     t0, t0, t1
        sll     a0, a0, t1
3:      srli    t1, t1, 1
        bnez    t1, 1b
2:      mv      a0, t0
        ret
        .size   clz, . - clz

# int ctz(unsigned long n): the number of trailing zeros; 64 for 0
        .balign 4
        .globl  ctz
        .type   ctz, @function
ctz:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        not     t0, a0
        addi    a0, a0, -1
        and     a0, a0, t0              # ones exactly in the trailing zeros
        call    popcount
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   ctz, . - ctz

# unsigned long reverse_bytes(unsigned long n): n with reversed byte order
        .balign 4
        .globl  reverse_bytes
        .type   reverse_bytes, @function
reverse_bytes:
        li      t0, 8
        mv      t1, a0
        li      a0, 0
1:      slli    a0, a0, 8
        andi    t2, t1, 0xff
        or      a0, a0, t2
        srli    t1, t1, 8
        addi    t0, t0, -1
        bnez    t0, 1b
        ret
        .size   reverse_bytes, . - reverse_bytes
