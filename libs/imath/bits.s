# Bits: counting them, finding them, turning bytes around. RV64IMA has no instructions for these (Zbb has).

        .option pic
        .text

# int popcount(unsigned long n): how many bits are set. Sums of 1, 2, 4, then all eight bytes by one multiplication.
        .balign 4
        .globl  popcount
        .type   popcount, @function
popcount:
        li      t1, 0x55555555
        slli    t0, t1, 32
        or      t1, t1, t0
        srli    t0, a0, 1
        and     t0, t0, t1
        sub     a0, a0, t0              # each pair of bits: how many of the two
        li      t1, 0x33333333
        slli    t0, t1, 32
        or      t1, t1, t0
        and     t0, a0, t1
        srli    a0, a0, 2
        and     a0, a0, t1
        add     a0, a0, t0              # each four
        srli    t0, a0, 4
        add     a0, a0, t0
        li      t1, 0x0f0f0f0f
        slli    t0, t1, 32
        or      t1, t1, t0
        and     a0, a0, t1              # each byte
        li      t1, 0x01010101
        slli    t0, t1, 32
        or      t1, t1, t0
        mul     a0, a0, t1              # the top byte is the sum of all
        srli    a0, a0, 56
        ret
        .size   popcount, . - popcount

# int clz(unsigned long n): zero bits above the highest one; 64 for 0
        .balign 4
        .globl  clz
        .type   clz, @function
clz:
        li      t0, 64
        beqz    a0, 2f
        li      t0, 0
        li      t1, 32                  # is the upper half empty? then look at the lower one, and halve
1:      neg     t2, t1
        srl     t3, a0, t2              # (a shift takes 64 - t1)
        bnez    t3, 3f
        add     t0, t0, t1
        sll     a0, a0, t1
3:      srli    t1, t1, 1
        bnez    t1, 1b
2:      mv      a0, t0
        ret
        .size   clz, . - clz

# int ctz(unsigned long n): zero bits below the lowest one; 64 for 0
        .balign 4
        .globl  ctz
        .type   ctz, @function
ctz:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        not     t0, a0
        addi    a0, a0, -1
        and     a0, a0, t0              # ones exactly where those zeros are
        call    popcount
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   ctz, . - ctz

# unsigned long reverse_bytes(unsigned long n): the other byte order
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
