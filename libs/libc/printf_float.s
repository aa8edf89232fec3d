# Floating point in printf: %f %e %g %a, of double and of long double (binary128).
#
# Each value of these formats is a decimal number with finitely many digits. They are computed exactly, with integers of
# any length, and rounded once, to nearest, ties to even: the result is correct for every value and precision. The
# integers are arrays of words in base 10^9, the most significant first; some of the words come after the point.
#
# printf.s calls __format_float, which is in a file of its own because few programs need all of it at run time.

        .include "defs.inc"
        .include "format.inc"

        .equ    LETTER, 0               # the frame, at s11: e, f, g or a
        .equ    PREFIX, 8               # sign, 0x
        .equ    PREFIX_length, 16
        .equ    EXPONENT, 24            # "e-4932"
        .equ    EXPONENT_length, 32
        .equ    RA, 40
        .equ    FRAME, 48

        .equ    BILLION, 1000000000
        .equ    DIGITS_OF_WORD, 9

# int __format_float(a0 = letter, in lower case): one conversion. It shares the registers of __stdio_format: s0 stream,
# s2 arguments, s3 bytes written, s4 flags, s5 width, s6 precision, s10 size of the argument (16: long double).
# s7..s11 may change. 0, or -1 if the stream failed.
#   s7 digits (each a byte 0..15), s8 their number, s9 how many come before the point (0 or less: zeros follow the point)
        HIDDEN  __format_float
        addi    sp, sp, -FRAME
        sd      ra, RA(sp)
        mv      s11, sp
        sd      a0, LETTER(sp)
        sd      zero, EXPONENT_length(sp)

# The parts of the number: t2 sign, t3 exponent, a1:a0 the fraction, a2 its bits, a3 the bias of the exponent.
        li      t0, 16
        beq     s10, t0, 1f
        ld      a0, 0(s2)
        addi    s2, s2, 8
        li      a2, 52
        li      a3, 1023
        srli    t2, a0, 63
        slli    t3, a0, 1
        srli    t3, t3, 53
        slli    a0, a0, 12
        srli    a0, a0, 12
        li      a1, 0
        j       2f
1:      addi    s2, s2, 15              # a pair of registers or words that begins at an even one (psABI)
        andi    s2, s2, -16
        ld      a0, 0(s2)
        ld      a1, 8(s2)
        addi    s2, s2, 16
        li      a2, 112
        li      a3, 16383
        srli    t2, a1, 63
        slli    t3, a1, 1
        srli    t3, t3, 49
        slli    a1, a1, 16
        srli    a1, a1, 16
2:      li      t0, '-'
        bnez    t2, 3f
        li      t0, '+'
        andi    t1, s4, PLUS
        bnez    t1, 3f
        li      t0, ' '
        andi    t1, s4, BLANK
        bnez    t1, 3f
        li      t0, 0
3:      sb      t0, PREFIX(sp)
        snez    t0, t0
        sd      t0, PREFIX_length(sp)

        or      t0, a0, a1              # t0: whether the fraction is not 0
        slli    t1, a3, 1
        addi    t1, t1, 1
        beq     t3, t1, not_finite
        ld      t1, LETTER(sp)
        addi    t1, t1, -'a'
        beqz    t1, hexadecimal
        bgez    s6, 4f
        li      s6, 6
4:      bnez    t3, 5f
        beqz    t0, zero_digits
        li      t3, 1                   # subnormal: the exponent of the smallest normal numbers
        j       7f
5:      li      t1, 1                   # the bit that is not stored
        sll     t1, t1, a2              # (a shift takes the low six bits: 48 for 112)
        li      t4, 64
        bltu    a2, t4, 6f
        or      a1, a1, t1
        j       7f
6:      or      a0, a0, t1
7:      sub     t3, t3, a3
        sub     t3, t3, a2              # the number is a1:a0 * 2^t3

# Room for words: a5 the first word that is not 0, a6 the end of the integer part, a7 the end of the words.
        addi    t0, a2, 1               # bits of the integer part (a word has at least 29)
        li      t1, 0                   # words of the fraction: each bit makes a digit
        bltz    t3, 8f
        add     t0, t0, t3
        j       9f
8:      neg     t1, t3
        li      t2, DIGITS_OF_WORD
        divu    t1, t1, t2
        addi    t1, t1, 2
9:      li      t2, 29
        divu    t0, t0, t2
        addi    t0, t0, 2
        add     t1, t1, t0              # t1: words
        slli    t2, t1, 2
        slli    t4, t1, 3
        add     t4, t4, t1
        add     t4, t4, t2
        addi    t4, t4, 31              # 16 bytes, for a digit that rounding puts before the others
        andi    t4, t4, -16
        sub     sp, sp, t4
        add     s7, sp, t2
        addi    s7, s7, 16              # s7: the digits
        slli    t0, t0, 2
        add     a6, sp, t0
        mv      a5, a6
        mv      a7, a6
        li      t6, BILLION

        mv      a3, a0                  # the mantissa, 32 bits at a time
        srli    t5, a1, 32
        call    append_bits
        slli    t5, a1, 32
        srli    t5, t5, 32
        call    append_bits
        srli    t5, a3, 32
        call    append_bits
        slli    t5, a3, 32
        srli    t5, t5, 32
        call    append_bits
1:      blez    t3, 3f
        li      t4, 32
        bgeu    t3, t4, 2f
        mv      t4, t3
2:      sub     t3, t3, t4
        li      t5, 0
        call    shift_left
        j       1b
3:      neg     t3, t3
4:      blez    t3, 6f
        li      t4, 32
        bgeu    t3, t4, 5f
        mv      t4, t3
5:      sub     t3, t3, t4
        call    shift_right
        j       4b

6:      sub     s9, a6, a5              # digits before the point: 9 a word
        srai    s9, s9, 2
        slli    t0, s9, 3
        add     s9, s9, t0
        mv      t0, s7
        li      t3, 10
7:      bgeu    a5, a7, 9f
        lwu     t1, 0(a5)
        addi    a5, a5, 4
        addi    t0, t0, DIGITS_OF_WORD
        mv      t2, t0
        addi    t4, t0, -DIGITS_OF_WORD
8:      remu    t5, t1, t3
        divu    t1, t1, t3
        addi    t2, t2, -1
        sb      t5, 0(t2)
        bgtu    t2, t4, 8b
        j       7b
9:      lbu     t1, 0(s7)               # zeros of the first word
        bnez    t1, 1f
        addi    s7, s7, 1
        addi    s9, s9, -1
        j       9b
1:      sub     s8, t0, s7
        j       decimal

zero_digits:
        addi    sp, sp, -16
        sb      zero, 0(sp)
        mv      s7, sp
        li      s8, 1
        li      s9, 1

# Digits before the point, digits after it.
decimal:
        li      a2, 10
        ld      t0, LETTER(s11)
        li      t1, 'f'
        beq     t0, t1, fixed
        li      t1, 'g'
        beq     t0, t1, general
        addi    a0, s6, 1               # %e
        call    round
exponential:                            # s9: the exponent is s9 - 1
        li      t0, 'e'
        addi    t1, s9, -1
        li      t2, 2
        call    exponent
        li      s9, 1
        j       output

fixed:  add     a0, s9, s6
        call    round
        j       output

general:                                # %g: %e if the exponent is below -4 or not below the precision, otherwise %f
        bnez    s6, 1f
        li      s6, 1
1:      mv      a0, s6
        call    round
        addi    s6, s6, -1              # s6: the precision of %e
        andi    t0, s4, ALTERNATE
        bnez    t0, 3f
        add     t1, s7, s8              # without `#`, no zeros at the end
2:      addi    t1, t1, -1
        lbu     t2, 0(t1)
        bnez    t2, 3f
        bleu    t1, s7, 3f
        addi    s8, s8, -1
        j       2b
3:      addi    t1, s9, -1              # t1: the exponent
        sub     t2, s6, t1              # t2: the precision of %f
        blt     s6, t1, 4f
        li      t3, -4
        blt     t1, t3, 4f
        mv      s6, t2
        bnez    t0, output
        sub     t1, s8, s9              # digits after the point
        blt     s6, t1, output
        mv      s6, t1
        bgez    s6, output
        li      s6, 0
        j       output
4:      bnez    t0, exponential
        addi    t1, s8, -1
        blt     s6, t1, exponential
        mv      s6, t1
        j       exponential

# %a: one digit before the point, 0 for subnormal numbers, and the fraction in base 16.
hexadecimal:
        addi    sp, sp, -48
        addi    s7, sp, 1
        sub     t1, t3, a3              # t1: the exponent
        snez    t2, t3
        sb      t2, 0(s7)
        bnez    t3, 1f
        addi    t1, t1, 1
        bnez    t0, 1f
        li      t1, 0
1:      srli    t0, a2, 2               # t0: digits of the fraction
        addi    s8, t0, 1
        li      t2, 64
        bgtu    a2, t2, 2f
        slli    a1, a0, 12              # a1:a0: the fraction from the top bit on
        li      a0, 0
        j       3f
2:      slli    a1, a1, 16
        srli    t2, a0, 48
        or      a1, a1, t2
        slli    a0, a0, 16
3:      mv      t2, s7
4:      addi    t2, t2, 1
        srli    t3, a1, 60
        sb      t3, 0(t2)
        slli    a1, a1, 4
        srli    t3, a0, 60
        or      a1, a1, t3
        slli    a0, a0, 4
        addi    t0, t0, -1
        bnez    t0, 4b
        bgez    s6, 6f                  # no precision: as many digits as necessary
        mv      s6, s8
5:      addi    s6, s6, -1
        add     t0, s7, s6
        lbu     t0, 0(t0)
        bnez    t0, 6f
        bnez    s6, 5b
6:      li      t0, 'p'
        li      t2, 1
        call    exponent
        addi    a0, s6, 1
        li      a2, 16
        li      s9, 1
        call    round
        ld      t0, PREFIX_length(s11)
        add     t1, s11, t0
        addi    t0, t0, 2
        sd      t0, PREFIX_length(s11)
        li      t0, '0'
        sb      t0, PREFIX(t1)
        li      t0, 'x'
        andi    t2, s4, CAPITALS
        sub     t0, t0, t2
        sb      t0, PREFIX + 1(t1)

# Output: blanks, prefix, zeros, the digits before the point, the point, s6 digits after it, the exponent, blanks.
output: mv      t0, s7                  # digits as characters
        add     t1, s7, s8
        li      t3, 'a' - 10
        andi    t2, s4, CAPITALS
        sub     t3, t3, t2
1:      bgeu    t0, t1, 3f
        lbu     t2, 0(t0)
        sltiu   t4, t2, 10
        add     t2, t2, t3
        beqz    t4, 2f
        sub     t2, t2, t3
        addi    t2, t2, '0'
2:      sb      t2, 0(t0)
        addi    t0, t0, 1
        j       1b

3:      ld      t0, PREFIX_length(s11)
        ld      t1, EXPONENT_length(s11)
        sub     s5, s5, t0
        sub     s5, s5, t1
        sub     s5, s5, s6
        li      t0, 1
        blt     s9, t0, 4f
        mv      t0, s9
4:      sub     s5, s5, t0
        andi    s10, s4, ALTERNATE      # s10: whether there is a point
        or      s10, s10, s6
        snez    s10, s10
        sub     s5, s5, s10             # s5: blanks or zeros
        andi    t0, s4, LEFT | ZEROS
        bnez    t0, 5f
        lla     a1, __format_blanks
        mv      a2, s5
        call    put_many
5:      addi    a1, s11, PREFIX
        ld      a2, PREFIX_length(s11)
        call    put
        andi    t0, s4, LEFT | ZEROS
        li      t1, ZEROS
        bne     t0, t1, 6f
        lla     a1, __format_zeros
        mv      a2, s5
        call    put_many

6:      lla     a1, __format_zeros
        li      a2, 1
        blez    s9, 8f                  # "0"
        mv      a1, s7
        mv      a2, s9
        bleu    s9, s8, 7f
        mv      a2, s8
7:      add     s7, s7, a2              # s7, s8: the digits after the point
        sub     s8, s8, a2
        sub     s9, s9, a2              # and zeros, where the digits end before the point
        call    put
        lla     a1, __format_zeros
        mv      a2, s9
        li      s9, 0
8:      call    put_many
        lla     a1, point
        mv      a2, s10
        call    put

        neg     a2, s9                  # zeros after the point
        bleu    a2, s6, 9f
        mv      a2, s6
9:      sub     s6, s6, a2
        lla     a1, __format_zeros
        call    put_many
        bleu    s8, s6, 1f
        mv      s8, s6
1:      sub     s6, s6, s8
        mv      a1, s7
        mv      a2, s8
        call    put
        lla     a1, __format_zeros
        mv      a2, s6
        call    put_many
        addi    a1, s11, EXPONENT
        ld      a2, EXPONENT_length(s11)
        call    put
        j       blanks_at_the_end

not_finite:
        lla     s7, names
        beqz    t0, 1f
        addi    s7, s7, 3
1:      andi    t0, s4, CAPITALS
        beqz    t0, 2f
        addi    s7, s7, 6
2:      ld      t0, PREFIX_length(s11)
        sub     s5, s5, t0
        addi    s5, s5, -3
        andi    t0, s4, LEFT
        bnez    t0, 3f
        lla     a1, __format_blanks
        mv      a2, s5
        call    put_many
3:      addi    a1, s11, PREFIX
        ld      a2, PREFIX_length(s11)
        call    put
        mv      a1, s7
        li      a2, 3
        call    put

blanks_at_the_end:
        li      a0, 0
        andi    t0, s4, LEFT
        beqz    t0, leave
        lla     a1, __format_blanks
        mv      a2, s5
        call    put_many
        li      a0, 0
leave:  mv      sp, s11
        ld      ra, RA(sp)
        addi    sp, sp, FRAME
        ret
        END     __format_float

# Subroutines of __format_float.

# Write a2 bytes at a1, or the character of the block at a1 a2 times. If the stream fails, __format_float returns -1.
        LOCAL   put
        blez    a2, 1f
        PUSH_RA
        call    __format_put
        POP_RA
        bltz    a0, leave
1:      ret
        END     put

        LOCAL   put_many
        PUSH_RA
        call    __format_fill
        POP_RA
        bltz    a0, leave
        ret
        END     put_many

# words = words * 2^32 + t5; no fraction yet.
        LOCAL   append_bits
        li      t4, 32
        # falls through
        END     append_bits

# words = words * 2^t4 + t5; no fraction. t4 <= 32, t6 = 10^9
        LOCAL   shift_left
        mv      t0, a6
1:      beq     t0, a5, 2f
        addi    t0, t0, -4
        lwu     t1, 0(t0)
        sll     t1, t1, t4
        add     t1, t1, t5
        divu    t5, t1, t6
        remu    t1, t1, t6
        sw      t1, 0(t0)
        j       1b
2:      beqz    t5, 3f
        remu    t1, t5, t6
        divu    t5, t5, t6
        addi    a5, a5, -4
        sw      t1, 0(a5)
        j       2b
3:      ret
        END     shift_left

# words = words / 2^t4, exactly: digits are added at the end. t4 <= 32, t6 = 10^9
        LOCAL   shift_right
        li      t2, 1
        sll     t2, t2, t4
        addi    t2, t2, -1
        li      t5, 0                   # t5: the remainder of the words before
        mv      t0, a5
1:      bgeu    t0, a7, 2f
        lwu     t1, 0(t0)
        mul     t5, t5, t6
        add     t1, t1, t5
        and     t5, t1, t2
        srl     t1, t1, t4
        sw      t1, 0(t0)
        addi    t0, t0, 4
        j       1b
2:      beqz    t5, 3f
        mul     t1, t5, t6
        and     t5, t1, t2
        srl     t1, t1, t4
        sw      t1, 0(a7)
        addi    a7, a7, 4
        j       2b
3:      lwu     t1, 0(a5)               # the number is not 0, so there is a word that is not
        bnez    t1, 4f
        addi    a5, a5, 4
        j       3b
4:      ret
        END     shift_right

# Round the digits (in base a2) to the first a0: half to even. s7, s8 and s9 change; a negative a0 leaves no digits.
        LOCAL   round
        bge     a0, s8, 6f
        mv      t0, s8
        li      s8, 0
        bltz    a0, 6f
        mv      s8, a0
        add     t1, s7, a0              # t1: the first digit that is dropped
        add     t0, s7, t0
        lbu     t2, 0(t1)
        srli    t3, a2, 1
        bltu    t2, t3, 6f
        bgtu    t2, t3, 3f
        mv      t3, t1
1:      addi    t3, t3, 1
        bgeu    t3, t0, 2f
        lbu     t2, 0(t3)
        beqz    t2, 1b
        j       3f
2:      beqz    a0, 6f                  # a tie: up if the digit before is odd
        lbu     t2, -1(t1)
        andi    t2, t2, 1
        beqz    t2, 6f
3:      beq     t1, s7, 5f
        addi    t1, t1, -1
        lbu     t2, 0(t1)
        addi    t2, t2, 1
        bgeu    t2, a2, 4f
        sb      t2, 0(t1)
        ret
4:      sb      zero, 0(t1)
        j       3b
5:      addi    s7, s7, -1              # 9.99 becomes 10.0
        addi    s8, s8, 1
        addi    s9, s9, 1
        li      t2, 1
        sb      t2, 0(s7)
6:      ret
        END     round

# The text of an exponent: letter t0, value t1, at least t2 digits.
        LOCAL   exponent
        andi    t3, s4, CAPITALS
        sub     t0, t0, t3
        sb      t0, EXPONENT(s11)
        li      t0, '+'
        bgez    t1, 1f
        neg     t1, t1
        li      t0, '-'
1:      sb      t0, EXPONENT + 1(s11)
        li      t3, 10
        li      t4, 10                  # t4: 10^(digits)
2:      addi    t2, t2, -1
        blez    t2, 3f
        mul     t4, t4, t3
        j       2b
3:      bltu    t1, t4, 4f
        mul     t4, t4, t3
        j       3b
4:      addi    t2, s11, EXPONENT + 2
5:      divu    t4, t4, t3
        divu    t5, t1, t4
        remu    t1, t1, t4
        addi    t5, t5, '0'
        sb      t5, 0(t2)
        addi    t2, t2, 1
        li      t5, 1
        bne     t4, t5, 5b
        addi    t5, s11, EXPONENT
        sub     t2, t2, t5
        sd      t2, EXPONENT_length(s11)
        ret
        END     exponent

        .section .rodata
point:  .ascii  "."
names:  .ascii  "infnanINFNAN"
