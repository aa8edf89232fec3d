# Floating-point numbers from text: strtod(3), atof(3). Correctly rounded, to nearest, ties to even.
#
# A decimal number is a fraction of two integers of any length, arrays of 64-bit words, the least significant first: its
# digits, times or over a power of ten. A long division gives as many bits as the format has, two more, and whether
# anything follows. Digits after the first thousand (double) only matter as "more than nothing": no number halfway
# between two doubles has more than 768.
#
# All formats go through __parse_float, which computes with integers only: float, double, long double (binary128).

        .include "defs.inc"

        .equ    FORMAT_precision, 0     # bits of the significand, with the one that is not stored
        .equ    FORMAT_bias, 4
        .equ    FORMAT_digits, 8        # digits that are read exactly
        .equ    FORMAT_largest, 12      # numbers of 10^n and more are infinite
        .equ    FORMAT_smallest, 16     # numbers below 10^n are 0
        .equ    FORMAT_sizeof, 20

        .equ    SAVED, 0                # the frame, at s0
        .equ    TEXT, 104
        .equ    END_POINTER, 112
        .equ    FRAME, 128

        .equ    TEN_19, 10000000000000000000    # the largest power of ten below 2^64
        .equ    TEN_19_digits, 19

# double strtod(const char *s, char **end): ERANGE if the result is infinite, or tiny and not exact
        FUNC    strtod
        PUSH_RA
        li      a2, FORMAT_sizeof
        call    __parse_float
        fmv.d.x fa0, a0
        POP_RA
        ret
        END     strtod

# float strtof(const char *s, char **end)
        FUNC    strtof
        PUSH_RA
        li      a2, 0
        call    __parse_float
        fmv.w.x fa0, a0
        POP_RA
        ret
        END     strtof

# long double strtold(const char *s, char **end): the result is in a0 and a1 (psABI)
        FUNC    strtold
        li      a2, 2 * FORMAT_sizeof
        j       __parse_float
        END     strtold

# double atof(const char *s): strtod without `end`
        FUNC    atof
        li      a1, 0
        j       __libc_strtod
        END     atof

# a1:a0 = __parse_float(a0 = text, a1 = char **end or 0, a2 = offset in `formats`): the bits of a number. Sets errno.
#   s1 the next byte, s2 format, s3 sign, s4 first digit that is not 0, s5 digits, s6 power of ten, later the exponent
#   s7, s8 the integers, s9, s10 their words, s11 whether anything not 0 follows what is computed
        HIDDEN  __parse_float
        SAVE_ALL
        sd      a0, TEXT(sp)
        sd      a1, END_POINTER(sp)
        mv      s0, sp
        mv      s1, a0
        lla     s2, formats
        add     s2, s2, a2
        li      s11, 0

1:      lbu     t0, 0(s1)               # white space, sign
        addi    t1, t0, -' '
        beqz    t1, 2f
        addi    t1, t0, -'\t'
        li      t2, 5
        bgeu    t1, t2, 3f
2:      addi    s1, s1, 1
        j       1b
3:      addi    t1, t0, -'-'
        seqz    s3, t1
        beqz    t1, 4f
        addi    t1, t0, -'+'
        bnez    t1, 5f
4:      addi    s1, s1, 1
5:      mv      a0, s1
        lla     a1, infinity_name
        call    match
        bnez    a0, infinite
        mv      a0, s1
        lla     a1, nan_name
        call    match
        bnez    a0, not_a_number
        lbu     t0, 0(s1)
        li      t1, '0'
        bne     t0, t1, decimal
        lbu     t0, 1(s1)
        ori     t0, t0, 0x20
        li      t1, 'x'
        beq     t0, t1, hexadecimal

# Decimal: the number is 0.DIGITS * 10^s6.
decimal:
        li      s4, 0
        li      s5, 0                   # s5: digits up to the last one that is not 0
        li      s6, 0
        li      t2, 0                   # t2: a point was read
        li      t3, 0                   # t3: a digit was read
        li      t4, 0                   # t4: digits from s4 on
        j       2f
1:      addi    s1, s1, 1
2:      lbu     t0, 0(s1)
        addi    t1, t0, -'.'
        beqz    t1, 5f
        addi    t1, t0, -'0'
        sltiu   t5, t1, 10
        beqz    t5, 6f
        li      t3, 1
        bnez    s4, 3f
        beqz    t1, 4f
        mv      s4, s1
3:      addi    t4, t4, 1
        xori    t5, t2, 1
        add     s6, s6, t5
        beqz    t1, 1b
        mv      s5, t4
        j       1b
4:      sub     s6, s6, t2              # a zero after the point, before the first digit
        j       1b
5:      bnez    t2, 6f
        li      t2, 1
        j       1b
6:      beqz    t3, nothing
        ori     t0, t0, 0x20
        li      t1, 'e'
        bne     t0, t1, 7f
        call    read_exponent
        add     s6, s6, a0
7:      beqz    s5, zero
        lw      t0, FORMAT_largest(s2)
        bgt     s6, t0, overflow
        lw      t0, FORMAT_smallest(s2)
        blt     s6, t0, underflow
        lwu     t0, FORMAT_digits(s2)
        bleu    s5, t0, 8f
        mv      s5, t0
        li      s11, 1
8:      sub     s6, s6, s5              # the number is DIGITS * 10^s6

        mv      t0, s5                  # room: the numerator's digits, or the denominator's
        neg     t1, s6
        bltz    s6, 1f
        add     t0, t0, s6
1:      bge     t0, t1, 2f
        mv      t0, t1
2:      li      t1, TEN_19_digits
        divu    t0, t0, t1
        addi    t0, t0, 4
        andi    t0, t0, -2              # (an even number: sp stays a multiple of 16)
        slli    t0, t0, 3
        sub     sp, sp, t0
        mv      s8, sp
        sub     sp, sp, t0
        mv      s7, sp
        mv      a0, sp
        li      a1, 0
        slli    a2, t0, 1
        call    __libc_memset

        li      s9, 0                   # the numerator: the digits, 19 at a time
3:      li      a2, 1
        li      a3, 0
        li      t0, TEN_19_digits
4:      beqz    s5, 6f
        lbu     t1, 0(s4)
        addi    s4, s4, 1
        addi    t1, t1, -'0'
        bltz    t1, 4b                  # the point
        li      t2, 10
        mul     a2, a2, t2
        mul     a3, a3, t2
        add     a3, a3, t1
        addi    s5, s5, -1
        addi    t0, t0, -1
        bnez    t0, 4b
6:      mv      a0, s7
        mv      a1, s9
        call    multiply_add
        mv      s9, a1
        bnez    s5, 3b
        bltz    s6, quotient

        mv      a0, s7
        mv      a1, s9
        mv      a2, s6
        call    multiply_power
        mv      s9, a1
        mv      a0, s7                  # an integer: its first 128 bits, at the top of words
        call    count_bits
        mv      s6, a0
        neg     a2, a0
        andi    a2, a2, 63
        mv      a0, s7
        mv      a1, s9
        call    shift_left
        slli    t0, s9, 3
        add     t0, t0, s7
        ld      a1, -8(t0)
        li      a0, 0
        addi    t0, t0, -16
        bltu    t0, s7, 8f
        ld      a0, 0(t0)
7:      beq     t0, s7, 8f
        addi    t0, t0, -8
        ld      t1, 0(t0)
        beqz    t1, 7b
        li      s11, 1
8:      addi    s6, s6, -1
        j       pack

# numerator / 10^-s6: equally many bits in both, then bit by bit.
quotient:
        li      t0, 1
        sd      t0, 0(s8)
        mv      a0, s8
        li      a1, 1
        neg     a2, s6
        call    multiply_power
        mv      s10, a1
        mv      a0, s8
        call    count_bits
        mv      s4, a0                  # s4: bits of the denominator, then of both
        mv      a0, s7
        mv      a1, s9
        call    count_bits
        sub     s6, a0, s4              # s6: the exponent of the quotient
        bgez    s6, 1f
        neg     a2, s6
        mv      a0, s7
        mv      a1, s9
        call    shift_left
        j       2f
1:      mv      s4, a0
        mv      a0, s8
        mv      a1, s10
        mv      a2, s6
        call    shift_left
2:      srli    s4, s4, 6
        addi    s4, s4, 1
        slli    s4, s4, 3               # s4: bytes of both, with room for a bit more
        call    compare
        bgez    a0, 3f
        addi    s6, s6, -1
        call    double_numerator
3:      lwu     s5, FORMAT_precision(s2)
        addi    s5, s5, 2               # s5: bits to compute
        li      s9, 0                   # s9:s10: the bits
        li      s10, 0
        li      t0, 128
        sub     t0, t0, s5
        sd      t0, TEXT(s0)            # how far they are to be shifted afterwards
4:      slli    s9, s9, 1
        srli    t0, s10, 63
        or      s9, s9, t0
        slli    s10, s10, 1
        call    compare
        bltz    a0, 5f
        ori     s10, s10, 1
        call    subtract
5:      call    double_numerator
        addi    s5, s5, -1
        bnez    s5, 4b
        mv      t0, s7
        add     t1, s7, s4
6:      ld      t2, 0(t0)
        addi    t0, t0, 8
        or      s11, s11, t2
        bltu    t0, t1, 6b
        ld      t0, TEXT(s0)
        li      t1, 64
        bltu    t0, t1, 7f
        mv      a1, s10                 # all bits are in the low word
        li      a0, 0
        addi    t0, t0, -64
        sll     a1, a1, t0
        j       pack
7:      sll     a1, s9, t0
        li      t1, 63
        sub     t1, t1, t0
        srli    t2, s10, 1
        srl     t2, t2, t1
        or      a1, a1, t2
        sll     a0, s10, t0
        j       pack

# Base 16: s9:s10 the digits, s6 the exponent.
hexadecimal:
        addi    t0, s1, 2
        li      s9, 0
        li      s10, 0
        li      s6, 0
        li      t2, 0                   # t2: -4 after a point
        li      t3, 0                   # t3: a digit was read
1:      lbu     t1, 0(t0)
        addi    t4, t1, -'.'
        beqz    t4, 4f
        addi    t4, t1, -'0'
        sltiu   t5, t4, 10
        bnez    t5, 2f
        ori     t4, t1, 0x20
        addi    t4, t4, -'a'
        sltiu   t5, t4, 6
        beqz    t5, 5f
        addi    t4, t4, 10
2:      li      t3, 1
        addi    t0, t0, 1
        srli    t5, s9, 60
        bnez    t5, 3f                  # there is no room for it
        slli    s9, s9, 4
        srli    t5, s10, 60
        or      s9, s9, t5
        slli    s10, s10, 4
        or      s10, s10, t4
        add     s6, s6, t2
        j       1b
3:      or      s11, s11, t4
        addi    s6, s6, 4
        add     s6, s6, t2
        j       1b
4:      bnez    t2, 5f
        li      t2, -4
        addi    t0, t0, 1
        j       1b
5:      beqz    t3, decimal             # the "0" before the x
        mv      s1, t0
        ori     t1, t1, 0x20
        li      t0, 'p'
        bne     t1, t0, 6f
        call    read_exponent
        add     s6, s6, a0
6:      or      t0, s9, s10
        beqz    t0, zero
        addi    s6, s6, 127
7:      bltz    s9, 8f                  # the highest bit is to be set
        slli    s9, s9, 1
        srli    t0, s10, 63
        or      s9, s9, t0
        slli    s10, s10, 1
        addi    s6, s6, -1
        j       7b
8:      mv      a1, s9
        mv      a0, s10
        # falls through

# The result: the number is a1:a0 * 2^(s6 - 127), the top bit is set, and s11 is not 0 if it is a little larger.
pack:   lwu     t0, FORMAT_precision(s2)
        lwu     t1, FORMAT_bias(s2)
        bgt     s6, t1, overflow
        li      t2, 1
        sub     t2, t2, t1              # the exponent of the smallest normal number
        mv      t3, t0                  # t3: bits to keep
        sub     s6, s6, t2              # s6: the exponent as it is stored, without the bit that is not stored
        li      s5, 0                   # s5: the result is tiny
        bgez    s6, 2f
        add     t3, t3, s6
        bltz    t3, underflow           # less than half the smallest number
        li      s5, 1
        addi    t4, s6, 1
        li      s6, 0
        bnez    t4, 2f
        not     t4, a1                  # not tiny, if it were the smallest normal number with all bits
        not     t5, a0
        li      t6, 64
        bgtu    t0, t6, 1f
        sub     t6, t6, t0
        addi    t6, t6, -1
        srl     t4, t4, t6
        snez    s5, t4
        j       2f
1:      srli    t5, t5, 14
        or      t4, t4, t5
        snez    s5, t4
2:      li      t4, 128
        sub     t4, t4, t3              # t4: bits to drop
        li      t5, 0                   # t5: the last one
        li      t6, 64
        bltu    t4, t6, 4f
        slli    t1, a0, 1
        or      s11, s11, t1
        srli    t5, a0, 63
        mv      a0, a1
        li      a1, 0
        addi    t4, t4, -64
        j       4f
3:      or      s11, s11, t5
        andi    t5, a0, 1
        srli    a0, a0, 1
        slli    t1, a1, 63
        or      a0, a0, t1
        srli    a1, a1, 1
        addi    t4, t4, -1
4:      bnez    t4, 3b
        or      t4, s11, t5             # t4: the result is not exact
        snez    t4, t4
        and     s5, s5, t4
        snez    t1, s11
        or      t1, t1, a0
        and     t1, t1, t5
        andi    t1, t1, 1
        add     a0, a0, t1
        sltu    t1, a0, t1
        add     a1, a1, t1
        addi    t0, t0, -1
        sll     t1, s6, t0              # (by 48 in the high word of binary128)
        li      t2, 64
        bgtu    t0, t2, 5f
        add     a0, a0, t1
        srl     t2, a0, t0
        j       6f
5:      add     a1, a1, t1
        srl     t2, a1, t0
6:      lwu     t1, FORMAT_bias(s2)
        slli    t1, t1, 1
        bgtu    t2, t1, overflow
        beqz    s5, finish
        sd      a0, TEXT(s0)
        mv      s6, a1
        li      a0, ERANGE
        call    __set_errno
        ld      a0, TEXT(s0)
        mv      a1, s6

# a1:a0 without a sign; s1: the end.
finish: lwu     t0, FORMAT_precision(s2)
        li      t1, 24
        beq     t0, t1, 1f
        slli    s3, s3, 63
        li      t1, 53
        beq     t0, t1, 2f
        or      a1, a1, s3
        j       3f
1:      slli    s3, s3, 31
2:      or      a0, a0, s3
3:      ld      t0, END_POINTER(s0)
        beqz    t0, 4f
        sd      s1, 0(t0)
4:      mv      sp, s0
        RESTORE_ALL

nothing:
        ld      s1, TEXT(s0)
        li      s3, 0
zero:   li      a0, 0
        li      a1, 0
        j       finish
underflow:
        li      a0, ERANGE
        call    __set_errno
        j       zero
overflow:
        li      a0, ERANGE
        call    __set_errno
        j       infinity
infinite:                               # "inf" or "infinity"
        mv      s1, a0
        lla     a1, infinity_rest
        call    match
        beqz    a0, infinity
        mv      s1, a0
infinity:
        li      a0, 0
        li      a1, 0
largest_exponent:                       # with a1:a0 as the fraction
        lwu     t0, FORMAT_bias(s2)
        slli    t0, t0, 1
        addi    t0, t0, 1
        lwu     t1, FORMAT_precision(s2)
        addi    t1, t1, -1
        sll     t0, t0, t1
        li      t2, 64
        bltu    t1, t2, 1f
        or      a1, a1, t0
        j       finish
1:      or      a0, a0, t0
        j       finish

not_a_number:                           # "nan" or "nan(digits)", where digits are the fraction
        mv      s1, a0
        li      a0, 0
        lbu     t0, 0(s1)
        li      t1, '('
        bne     t0, t1, 3f
        addi    s4, s1, 1
1:      addi    s1, s1, 1
        lbu     a0, 0(s1)
        addi    t0, a0, -'_'
        beqz    t0, 1b
        call    __libc_isalnum
        bnez    a0, 1b
        lbu     t0, 0(s1)
        addi    t0, t0, -')'
        bnez    t0, 2f
        mv      a0, s4
        mv      a1, sp                  # (ra's place serves: it is put back)
        ld      s5, 0(sp)
        li      a2, 0
        call    __libc_strtoul
        ld      t0, 0(sp)
        sd      s5, 0(sp)
        addi    s1, s1, 1
        addi    t1, s1, -1
        beq     t0, t1, 3f
        li      a0, 0
        j       3f
2:      addi    s1, s4, -1
        li      a0, 0
3:      li      a1, 0
        lwu     t0, FORMAT_precision(s2)
        addi    t0, t0, -2
        li      t1, 1
        sll     t1, t1, t0              # the bit that makes it quiet
        li      t2, 64
        bltu    t0, t2, 4f
        or      a1, a1, t1
        j       largest_exponent
4:      addi    t2, t1, -1
        and     a0, a0, t2
        or      a0, a0, t1
        j       largest_exponent
        END     __parse_float

# a0 = after the letters of a1 (in lower case, NUL at the end) in the text a0, of either case; 0 if they are not there
        LOCAL   match
1:      lbu     t0, 0(a1)
        beqz    t0, 3f
        lbu     t1, 0(a0)
        ori     t1, t1, 0x20
        bne     t0, t1, 2f
        addi    a0, a0, 1
        addi    a1, a1, 1
        j       1b
2:      li      a0, 0
3:      ret
        END     match

# a0 = the exponent whose letter is at s1, which moves behind it; 0 if no digits follow the letter
        .equ    LARGE, 1 << 40          # more than a text can make up for by zeros
        LOCAL   read_exponent
        addi    t0, s1, 1
        lbu     t1, 0(t0)
        addi    t2, t1, -'-'
        seqz    t3, t2
        beqz    t2, 1f
        addi    t2, t1, -'+'
        bnez    t2, 2f
1:      addi    t0, t0, 1
2:      li      a0, 0
        li      t4, 10
        li      t5, LARGE
3:      lbu     t1, 0(t0)
        addi    t1, t1, -'0'
        bgeu    t1, t4, 5f
        addi    t0, t0, 1
        mv      s1, t0
        bgtu    a0, t5, 3b
        mul     a0, a0, t4
        add     a0, a0, t1
        j       3b
5:      beqz    t3, 6f
        neg     a0, a0
6:      ret
        END     read_exponent

# Integers of any length: a0 array, a1 its words, of which the last is not 0.

# integer = integer * a2 + a3
        LOCAL   multiply_add
        mv      t0, a0
        slli    t1, a1, 3
        add     t1, t1, a0
1:      beq     t0, t1, 2f
        ld      t2, 0(t0)
        mulhu   t3, t2, a2
        mul     t2, t2, a2
        add     t2, t2, a3
        sltu    t4, t2, a3
        add     a3, t3, t4
        sd      t2, 0(t0)
        addi    t0, t0, 8
        j       1b
2:      beqz    a3, 3f
        sd      a3, 0(t0)
        addi    a1, a1, 1
3:      ret
        END     multiply_add

# integer = integer * 10^a2
        LOCAL   multiply_power
        mv      t5, a2
        mv      t6, ra
1:      li      t0, TEN_19_digits
        li      a2, TEN_19
        bgeu    t5, t0, 3f
        beqz    t5, 4f
        li      a2, 1
        mv      t0, t5
2:      slli    t1, a2, 3               # times 10
        slli    a2, a2, 1
        add     a2, a2, t1
        addi    t0, t0, -1
        bnez    t0, 2b
        mv      t0, t5
3:      sub     t5, t5, t0
        li      a3, 0
        call    multiply_add
        j       1b
4:      jr      t6
        END     multiply_power

# a0 = the number of bits of the integer
        LOCAL   count_bits
        slli    t0, a1, 3
        add     t0, t0, a0
        ld      t0, -8(t0)
        slli    a0, a1, 6
1:      bltz    t0, 2f
        addi    a0, a0, -1
        slli    t0, t0, 1
        j       1b
2:      ret
        END     count_bits

# integer = integer * 2^a2; the words behind it are 0
        LOCAL   shift_left
        srli    t0, a2, 6               # t0: bytes that all words move by
        slli    t0, t0, 3
        andi    a2, a2, 63
        li      t1, 63
        sub     t1, t1, a2
        slli    t2, a1, 3
        add     t2, t2, a0              # t2: the word to move
        add     t0, t0, t2              # t0: its place
1:      ld      t3, 0(t2)
        sll     t3, t3, a2
        bgeu    a0, t2, 2f
        ld      t4, -8(t2)
        srli    t4, t4, 1
        srl     t4, t4, t1
        or      t3, t3, t4
        sd      t3, 0(t0)
        addi    t2, t2, -8
        addi    t0, t0, -8
        j       1b
2:      sd      t3, 0(t0)
3:      bgeu    a0, t0, 4f
        addi    t0, t0, -8
        sd      zero, 0(t0)
        j       3b
4:      ret
        END     shift_left

# Numerator s7 and denominator s8, both of s4 bytes.

# a0 = negative, 0 or positive: numerator - denominator
        LOCAL   compare
        mv      t0, s4
1:      addi    t0, t0, -8
        add     t1, s7, t0
        add     t2, s8, t0
        ld      t1, 0(t1)
        ld      t2, 0(t2)
        bne     t1, t2, 2f
        bnez    t0, 1b
        li      a0, 0
        ret
2:      li      a0, 1
        bgtu    t1, t2, 3f
        li      a0, -1
3:      ret
        END     compare

# numerator = numerator - denominator
        LOCAL   subtract
        mv      t0, s7
        mv      t1, s8
        add     t2, s7, s4
        li      t3, 0                   # t3: borrow
1:      ld      t4, 0(t0)
        ld      t5, 0(t1)
        sub     t6, t4, t5
        sltu    t4, t4, t5
        sltu    t5, t6, t3
        sub     t6, t6, t3
        or      t3, t4, t5
        sd      t6, 0(t0)
        addi    t0, t0, 8
        addi    t1, t1, 8
        bltu    t0, t2, 1b
        ret
        END     subtract

# numerator = numerator * 2
        LOCAL   double_numerator
        mv      t0, s7
        add     t1, s7, s4
        li      t2, 0
1:      ld      t3, 0(t0)
        slli    t4, t3, 1
        or      t4, t4, t2
        srli    t2, t3, 63
        sd      t4, 0(t0)
        addi    t0, t0, 8
        bltu    t0, t1, 1b
        ret
        END     double_numerator

        .section .rodata
infinity_name:
        .string "inf"
infinity_rest:
        .string "inity"
nan_name:
        .string "nan"
        .balign 4
formats:
        .word   24, 127, 800, 311, -330         # float
        .word   53, 1023, 800, 311, -330        # double
        .word   113, 16383, 11600, 4935, -4970  # long double
