# Formatted output: the printf(3) family. Floating point is in printf_float.s.
#
#   %[n$][-+ 0#][width|*|*n$][.precision|.*|.*n$][hh|h|l|ll|z|j|t|L](d|i|u|x|X|o|c|s|p|n|f|F|e|E|g|G|a|A|%)
#
# n$ is the place of the argument (POSIX), from 1. Either all conversions have one or none.
#
# __stdio_format does the work; the functions of the family pass it a stream and a va_list. On RISC-V a va_list is a
# pointer to the arguments, 8 bytes each: a variadic function stores its argument registers just below the arguments on
# the stack, so that both form one array (psABI, "Variadic functions").
#
# Result: the number of bytes (for snprintf: the number with unlimited size), or -1 and errno on error.

        .include "defs.inc"
        .include "format.inc"

        .equ    DIGITS_END, 32          # frame offsets: the end of the digits; at most 23 octal digits
        .equ    PREFIX, 32
        .equ    SAVED, 40
        .equ    FORMAT, 144             # the start of the format and of the arguments, for n$
        .equ    ARGUMENTS, 152
        .equ    FRAME, 160

        .equ    LAST_PLACE, 4096        # NL_ARGMAX

# int __stdio_format(FILE *f, const char *format, va_list arguments)
#   s0 f, s1 format, s2 arguments, s3 bytes written, s4 flags, s5 width, s6 precision (-1: none),
#   s7 text, s8 text length, s9 prefix length, s10 size of the argument, later the zeros to insert, s11 start of the
#   the conversion
        HIDDEN  __stdio_format
        SAVE_ALL
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        sd      a1, FORMAT(sp)
        sd      a2, ARGUMENTS(sp)
        li      s3, 0

# Text up to the next conversion.
next_text:
        mv      a1, s1
        li      t1, '%'
1:      lbu     t0, 0(s1)
        beqz    t0, 2f
        beq     t0, t1, 2f
        addi    s1, s1, 1
        j       1b
2:      sub     a2, s1, a1
        beqz    a2, 3f
        call    put
3:      lbu     t0, 0(s1)
        beqz    t0, format_end
        mv      s11, s1

# The place of the argument.
        addi    a0, s1, 1
        call    place
        beqz    a0, 4f
        mv      s1, a1
        ld      a1, FORMAT(sp)
        ld      a2, ARGUMENTS(sp)
        call    argument
        mv      s2, a0
4:
# Flags, width, precision, length.
        li      s4, 0
        lla     t2, flag_characters
flag:   addi    s1, s1, 1
        lbu     t0, 0(s1)
        mv      t3, t2
        li      t4, 1
1:      lbu     t1, 0(t3)
        beqz    t1, width
        beq     t1, t0, 2f
        addi    t3, t3, 1
        slli    t4, t4, 1
        j       1b
2:      or      s4, s4, t4
        j       flag

width:  call    number_or_star
        mv      s5, a0
        bgez    s5, 1f
        neg     s5, s5                  # a negative `*` means left-justified
        ori     s4, s4, LEFT
1:      li      s6, -1
        lbu     t0, 0(s1)
        li      t1, '.'
        bne     t0, t1, length
        addi    s1, s1, 1
        call    number_or_star
        mv      s6, a0
        bgez    s6, length
        li      s6, -1                  # a negative `*` means no precision

length: lbu     t0, 0(s1)
        li      s10, 4
        li      t1, 'h'
        beq     t0, t1, 2f
        li      s10, 8
        addi    t1, t0, -'l'
        beqz    t1, 3f
        addi    t1, t0, -'z'
        beqz    t1, 4f
        addi    t1, t0, -'j'
        beqz    t1, 4f
        addi    t1, t0, -'t'
        beqz    t1, 4f
        li      s10, 16
        addi    t1, t0, -'L'
        beqz    t1, 4f
        li      s10, 4
        j       conversion
2:      addi    s1, s1, 1
        lbu     t0, 0(s1)
        li      s10, 2
        bne     t0, t1, conversion
        addi    s1, s1, 1
        li      s10, 1
        j       conversion
3:      addi    s1, s1, 1
        lbu     t0, 0(s1)
        addi    t1, t0, -'l'
        bnez    t1, conversion
4:      addi    s1, s1, 1

# The conversion letter: a table of (letter, code offset).
conversion:
        lbu     t0, 0(s1)
        beqz    t0, unknown
        addi    s1, s1, 1
        li      s9, 0                   # no prefix
        lla     t2, conversions
1:      lw      t1, 0(t2)
        beqz    t1, unknown
        beq     t1, t0, 2f
        addi    t2, t2, 8
        j       1b
2:      lw      t1, 4(t2)
        lla     t2, conversions
        add     t2, t2, t1
        jr      t2

unknown:                                # output it unchanged
        mv      a1, s11
        sub     a2, s1, s11
        call    put
        j       next_text

percent:
        addi    a1, s1, -1
        li      a2, 1
        call    put
        j       next_text

floating:
        andi    t1, t0, 'a' - 'A'
        bnez    t1, 1f
        ori     s4, s4, CAPITALS
1:      ori     a0, t0, 'a' - 'A'
        call    __format_float
        bltz    a0, format_failed
        j       next_text

count:  ld      t0, 0(s2)               # %n
        addi    s2, s2, 8
        li      t1, 4
        beq     s10, t1, 1f
        bgtu    s10, t1, 2f
        li      t1, 2
        beq     s10, t1, 3f
        sb      s3, 0(t0)
        j       next_text
1:      sw      s3, 0(t0)
        j       next_text
2:      sd      s3, 0(t0)
        j       next_text
3:      sh      s3, 0(t0)
        j       next_text

character:
        ld      t0, 0(s2)
        addi    s2, s2, 8
        sb      t0, 0(sp)
        mv      s7, sp
        li      s8, 1
        li      s10, 0
        j       field

string: ld      s7, 0(s2)
        addi    s2, s2, 8
        bnez    s7, text
        li      s8, 0
        sltiu   t0, s6, 6               # "(null)" is printed completely or not at all
        bnez    t0, 2f
        lla     s7, null_string
text:   mv      a0, s7
        mv      a1, s6                  # -1 is the largest size_t
        call    __libc_strnlen
        mv      s8, a0
2:      li      s10, 0
        j       field

pointer:
        ld      t0, 0(s2)
        li      s10, 8
        ori     s4, s4, ALTERNATE
        bnez    t0, hex
        addi    s2, s2, 8
        lla     s7, null_pointer
        li      s6, -1
        j       text

signed: call    fetch_signed
        bgez    a0, 1f
        neg     a0, a0
        li      t0, '-'
        j       2f
1:      li      t0, '+'
        andi    t1, s4, PLUS
        bnez    t1, 2f
        li      t0, ' '
        andi    t1, s4, BLANK
        beqz    t1, decimal
2:      sb      t0, PREFIX(sp)
        li      s9, 1
        j       decimal

unsigned:
        call    fetch_unsigned
decimal:
        addi    s7, sp, DIGITS_END
        li      t1, 10
        beqz    a0, digits_done
1:      remu    t2, a0, t1
        divu    a0, a0, t1
        addi    t2, t2, '0'
        addi    s7, s7, -1
        sb      t2, 0(s7)
        bnez    a0, 1b
        j       digits_done

capital_hex:
        ori     s4, s4, CAPITALS
hex:    call    fetch_unsigned
        addi    s7, sp, DIGITS_END
        beqz    a0, digits_done
        li      t3, 'a' - 10
        andi    t1, s4, CAPITALS
        sub     t3, t3, t1
        andi    t0, s4, ALTERNATE
        beqz    t0, 1f
        li      t0, '0'
        sb      t0, PREFIX(sp)
        addi    t0, t3, 'x' - 'a' + 10
        sb      t0, PREFIX+1(sp)
        li      s9, 2
1:      andi    t2, a0, 15
        sltiu   t0, t2, 10
        add     t2, t2, t3
        beqz    t0, 2f
        sub     t2, t2, t3
        addi    t2, t2, '0'
2:      addi    s7, s7, -1
        sb      t2, 0(s7)
        srli    a0, a0, 4
        bnez    a0, 1b
        j       digits_done

octal:  call    fetch_unsigned
        addi    s7, sp, DIGITS_END
        beqz    a0, 2f
1:      andi    t2, a0, 7
        addi    t2, t2, '0'
        addi    s7, s7, -1
        sb      t2, 0(s7)
        srli    a0, a0, 3
        bnez    a0, 1b
2:      andi    t0, s4, ALTERNATE
        beqz    t0, digits_done
        addi    t0, sp, DIGITS_END      # `#` with o: the first digit must be 0, unless the precision provides it
        sub     t0, t0, s7
        blt     t0, s6, digits_done
        li      t2, '0'
        addi    s7, s7, -1
        sb      t2, 0(s7)
digits_done:
        bgez    s6, fill_precision
        addi    t0, sp, DIGITS_END
        sub     s8, t0, s7
        bnez    s8, 1f
        addi    s7, s7, -1              # 0 has no digits, unless a precision requires them
        li      t0, '0'
        sb      t0, 0(s7)
        li      s8, 1
1:      li      s10, 0
        andi    t0, s4, LEFT | ZEROS
        li      t1, ZEROS
        bne     t0, t1, field
        sub     s10, s5, s8             # zeros up to the width
        sub     s10, s10, s9
        bgez    s10, field
        li      s10, 0
        j       field
fill_precision:                         # zeros up to the precision
        addi    t0, sp, DIGITS_END
        sub     s8, t0, s7
        sub     s10, s6, s8
        bgez    s10, field
        li      s10, 0

# Output: blanks, prefix, zeros, text, blanks.
field:  sub     s5, s5, s8
        sub     s5, s5, s9
        sub     s5, s5, s10             # s5: blanks
        andi    t0, s4, LEFT
        bnez    t0, 1f
        lla     a1, __format_blanks
        mv      a2, s5
        call    fill
        li      s5, 0
1:      beqz    s9, 2f
        addi    a1, sp, PREFIX
        mv      a2, s9
        call    put
2:      lla     a1, __format_zeros
        mv      a2, s10
        call    fill
        beqz    s8, 3f
        mv      a1, s7
        mv      a2, s8
        call    put
3:      lla     a1, __format_blanks
        mv      a2, s5
        call    fill
        j       next_text

too_large:
        li      a0, EOVERFLOW
        call    __set_errno
        j       format_return
format_failed:                          # __stdio_write has set errno
        li      a0, -1
        j       format_return
format_end:
        mv      a0, s3
        li      t0, 0x7fffffff
        bgtu    s3, t0, too_large
format_return:
        RESTORE_ALL
        END     __stdio_format

# Subroutines of __stdio_format, which share its registers. On an error `put` and `fill` jump to its exit, with the stack
# as it was.

# Write a2 bytes at a1 and add them to the count.
        LOCAL   put
        PUSH_RA
        call    __format_put
        POP_RA
        bltz    a0, format_failed
        ret
        END     put

# Write the character of the block at a1 a2 times, if a2 is positive.
        LOCAL   fill
        blez    a2, 1f
        PUSH_RA
        call    __format_fill
        POP_RA
        bltz    a0, format_failed
1:      ret
        END     fill

# The same for printf_float.s: 0, or -1 if the stream failed.
        HIDDEN  __format_put
        add     s3, s3, a2
        mv      a0, s0
        tail    __stdio_write
        END     __format_put

        .equ    FILL_BYTES, 32          # of a block
        HIDDEN  __format_fill
        li      a0, 0
        blez    a2, 3f
        addi    sp, sp, -32
        sd      ra, 24(sp)
        add     s3, s3, a2
1:      sd      a1, 0(sp)
        sd      a2, 8(sp)
        li      t0, FILL_BYTES
        bleu    a2, t0, 2f
        mv      a2, t0
2:      mv      a0, s0
        call    __stdio_write
        ld      a1, 0(sp)
        ld      a2, 8(sp)
        addi    a2, a2, -FILL_BYTES
        bltz    a0, 4f
        bgtz    a2, 1b
4:      ld      ra, 24(sp)
        addi    sp, sp, 32
3:      ret
        END     __format_fill

# a0 = the number of "n$" at a0, and a1 = where its `$` is; a0 = 0 if there is none.
        LOCAL   place
        li      t1, 0
        li      t2, 10
        li      t3, LAST_PLACE
1:      lbu     t0, 0(a0)
        addi    t4, t0, -'0'
        bgeu    t4, t2, 2f
        mul     t1, t1, t2
        add     t1, t1, t4
        addi    a0, a0, 1
        bleu    t1, t3, 1b
        li      a0, 0
        ret
2:      mv      a1, a0
        mv      a0, t1
        addi    t0, t0, -'$'
        beqz    t0, 3f
        li      a0, 0
3:      ret
        END     place

# a0 = the address of argument number a0 of the format at a1, whose first one is at a2. Each is 8 bytes, but a long double
# has 16, and begins at a multiple of 16.
        LOCAL   argument
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        li      s3, 1
1:      beq     s3, s0, 3f
        mv      a0, s1
        mv      a1, s3
        call    is_long_double
        beqz    a0, 2f
        addi    s2, s2, 15
        andi    s2, s2, -16
        addi    s2, s2, 8
2:      addi    s2, s2, 8
        addi    s3, s3, 1
        j       1b
3:      mv      a0, s2
        ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
        END     argument

# a0 = whether the format at a0 has a conversion of argument number a1 as a long double (t5, t6 are its own)
        LOCAL   is_long_double
        PUSH_RA
        mv      t5, a1
        mv      t6, a0
1:      lbu     a0, 0(t6)
        beqz    a0, 4f
        addi    t6, t6, 1
        addi    a0, a0, -'%'
        bnez    a0, 1b
        lbu     t0, 0(t6)
        addi    t0, t0, -'%'
        bnez    t0, 2f
        addi    t6, t6, 1
        j       1b
2:      mv      a0, t6
        call    place
        bne     a0, t5, 1b
        addi    t6, a1, 1
3:      lbu     a0, 0(t6)               # to the first letter
        beqz    a0, 4f
        addi    t6, t6, 1
        ori     t1, a0, 'a' - 'A'
        addi    t1, t1, -'a'
        li      t2, 26
        bgeu    t1, t2, 3b
        addi    a0, a0, -'L'
        bnez    a0, 1b
        lbu     t0, 0(t6)               # an integer of 8 bytes, or a, e, f, g
        ori     t0, t0, 'a' - 'A'
        li      a0, 1
        addi    t1, t0, -'a'
        beqz    t1, 4f
        addi    t0, t0, -'e'
        sltiu   a0, t0, 3
        beqz    a0, 1b
4:      POP_RA
        ret
        END     is_long_double

# a0 = the number at s1 (s1 advances), or for `*` the next argument; 0 if there is none.
        LOCAL   number_or_star
        li      a0, 0
        li      t3, 0x7fffffff
        lbu     t0, 0(s1)
        li      t1, '*'
        bne     t0, t1, 1f
        PUSH_RA
        addi    s1, s1, 1
        mv      a0, s1
        call    place
        beqz    a0, 3f
        addi    s1, a1, 1
        ld      a1, 16 + FORMAT(sp)
        ld      a2, 16 + ARGUMENTS(sp)
        call    argument
        lw      a0, 0(a0)
        POP_RA
        ret
3:      POP_RA
        lw      a0, 0(s2)
        addi    s2, s2, 8
        ret
1:      lbu     t0, 0(s1)
        addi    t0, t0, -'0'
        li      t1, 10
        bgeu    t0, t1, 2f
        mul     a0, a0, t1
        add     a0, a0, t0
        addi    s1, s1, 1
        bgtu    a0, t3, too_large
        j       1b
2:      ret
        END     number_or_star

# a0 = the next argument, of s10 bytes, sign-extended.
        LOCAL   fetch_signed
        ld      a0, 0(s2)
        addi    s2, s2, 8
        li      t0, 8
        sub     t0, t0, s10
        slli    t0, t0, 3
        sll     a0, a0, t0
        sra     a0, a0, t0
        ret
        END     fetch_signed

# a0 = the next argument, of s10 bytes, zero-extended.
        LOCAL   fetch_unsigned
        ld      a0, 0(s2)
        addi    s2, s2, 8
        li      t0, 8
        sub     t0, t0, s10
        slli    t0, t0, 3
        sll     a0, a0, t0
        srl     a0, a0, t0
        ret
        END     fetch_unsigned

# The family. The frame of a variadic function: the registers a0..a7 of `...`, at the top.
        .equ    VARIADIC, 80            # the frame: 8 registers, ra, padding

        .macro  ENTER_VARIADIC first    # `first`: the number of named arguments
        addi    sp, sp, -VARIADIC
        sd      ra, 8(sp)
        .if     \first <= 1
        sd      a1, 24(sp)
        .endif
        .if     \first <= 2
        sd      a2, 32(sp)
        .endif
        sd      a3, 40(sp)
        sd      a4, 48(sp)
        sd      a5, 56(sp)
        sd      a6, 64(sp)
        sd      a7, 72(sp)
        .endm

        .macro  LEAVE_VARIADIC
        ld      ra, 8(sp)
        addi    sp, sp, VARIADIC
        ret
        .endm

# int printf(const char *format, ...)
        FUNC    printf
        ENTER_VARIADIC 1
        mv      a1, a0
        la      a0, stdout
        ld      a0, 0(a0)
        addi    a2, sp, 24
        call    __libc_vfprintf
        LEAVE_VARIADIC
        END     printf

# int fprintf(FILE *f, const char *format, ...)
        FUNC    fprintf
        ENTER_VARIADIC 2
        addi    a2, sp, 32
        call    __libc_vfprintf
        LEAVE_VARIADIC
        END     fprintf

# int dprintf(int fd, const char *format, ...)
        FUNC    dprintf
        ENTER_VARIADIC 2
        addi    a2, sp, 32
        call    __libc_vdprintf
        LEAVE_VARIADIC
        END     dprintf

# int sprintf(char *s, const char *format, ...): s must be large enough
        FUNC    sprintf
        ENTER_VARIADIC 2
        addi    a2, sp, 32
        call    __libc_vsprintf
        LEAVE_VARIADIC
        END     sprintf

# int snprintf(char *s, size_t size, const char *format, ...): at most size bytes with the NUL; NULL is valid for size 0
        FUNC    snprintf
        ENTER_VARIADIC 3
        addi    a3, sp, 40
        call    __libc_vsnprintf
        LEAVE_VARIADIC
        END     snprintf

# int vprintf(const char *format, va_list arguments)
        FUNC    vprintf
        mv      a2, a1
        mv      a1, a0
        la      a0, stdout
        ld      a0, 0(a0)
        j       __libc_vfprintf
        END     vprintf

# int vfprintf(FILE *f, const char *format, va_list arguments)
        FUNC    vfprintf
        LOCKED  unlocked_vfprintf, a0, FILE_lock
unlocked_vfprintf:
        PUSH_RA
        sd      s0, 0(sp)
        mv      s0, a0
        call    __stdio_format
        bltz    a0, 1f
        mv      t0, s0
        mv      s0, a0
        mv      a0, t0
        call    __stdio_settle
        bltz    a0, 1f
        mv      a0, s0
1:      ld      s0, 0(sp)
        POP_RA
        ret
        END     vfprintf

# int vdprintf(int fd, const char *format, va_list arguments): uses a small buffer on the stack
        .equ    DPRINTF_BUFFER, 256
        FUNC    vdprintf
        addi    sp, sp, -(DPRINTF_BUFFER + FILE_sizeof + 8)
        sd      ra, DPRINTF_BUFFER + FILE_sizeof(sp)
        sw      a0, FILE_fd(sp)
        li      t0, FILE_CAN_WRITE | FILE_NONE
        sw      t0, FILE_flags(sp)
        addi    t0, sp, FILE_sizeof
        sd      t0, FILE_buffer(sp)
        li      t0, DPRINTF_BUFFER
        sd      t0, FILE_capacity(sp)
        sd      zero, FILE_position(sp)
        sd      zero, FILE_end(sp)
        mv      a0, sp
        call    unlocked_vfprintf
        ld      ra, DPRINTF_BUFFER + FILE_sizeof(sp)
        addi    sp, sp, DPRINTF_BUFFER + FILE_sizeof + 8
        ret
        END     vdprintf

# int vsprintf(char *s, const char *format, va_list arguments)
        FUNC    vsprintf
        mv      a3, a2
        mv      a2, a1
        li      a1, -1                  # unlimited: ...
        srli    a1, a1, 1               # ... LONG_MAX
        j       __libc_vsnprintf
        END     vsprintf

# int vsnprintf(char *s, size_t size, const char *format, va_list arguments)
        FUNC    vsnprintf
        addi    sp, sp, -(FILE_sizeof + 24)
        sd      ra, FILE_sizeof + 8(sp)
        sd      a1, FILE_sizeof(sp)
        li      t0, FILE_CAN_WRITE | FILE_STRING
        sw      t0, FILE_flags(sp)
        li      t0, -1
        sw      t0, FILE_fd(sp)
        sd      a0, FILE_buffer(sp)
        beqz    a1, 1f
        addi    a1, a1, -1              # room for the NUL
1:      sd      a1, FILE_capacity(sp)
        sd      zero, FILE_position(sp)
        sd      zero, FILE_end(sp)
        mv      a0, sp
        mv      a1, a2
        mv      a2, a3
        call    __stdio_format
        ld      t0, FILE_sizeof(sp)
        beqz    t0, 2f
        ld      t0, FILE_buffer(sp)
        ld      t1, FILE_position(sp)
        add     t0, t0, t1
        sb      zero, 0(t0)
2:      ld      ra, FILE_sizeof + 8(sp)
        addi    sp, sp, FILE_sizeof + 24
        ret
        END     vsnprintf

        .section .rodata
flag_characters:                        # in the order of their flag bits
        .string "-+ #0"
null_string:
        .string "(null)"
null_pointer:
        .string "(nil)"

        .macro  BLOCK name
        .globl  \name
        .hidden \name
        .type   \name, @object
        .size   \name, FILL_BYTES
\name:
        .endm
        BLOCK   __format_blanks
        .ascii  "                                "
        BLOCK   __format_zeros
        .ascii  "00000000000000000000000000000000"

        .macro  CONVERSION letter, code
        .word   \letter, \code - conversions
        .endm
        .balign 4
conversions:
        CONVERSION 'd', signed
        CONVERSION 'i', signed
        CONVERSION 'u', unsigned
        CONVERSION 'x', hex
        CONVERSION 'X', capital_hex
        CONVERSION 'o', octal
        CONVERSION 'c', character
        CONVERSION 's', string
        CONVERSION 'p', pointer
        CONVERSION 'n', count
        CONVERSION 'f', floating
        CONVERSION 'F', floating
        CONVERSION 'e', floating
        CONVERSION 'E', floating
        CONVERSION 'g', floating
        CONVERSION 'G', floating
        CONVERSION 'a', floating
        CONVERSION 'A', floating
        CONVERSION '%', percent
        .word   0
