# Formatted input: the scanf(3) family.
#
#   white space | text | %[*][width][m][hh|h|l|ll|z|j|t|L](d|i|u|o|x|X|p|f|F|e|E|g|G|a|A|s|c|[set]|n|%)
#
# With `m` (POSIX), s, c and [set] make a block with malloc, which the program frees, and store its address.
#
# __libc_vfscanf does the work, on a stream; sscanf makes a stream of a string. One byte that does not fit is left in the
# stream. Where the C standard leaves a choice, the functions follow glibc: "0x" without digits is a 0, and "1e" a 1.
#
# Result: the number of values stored, or EOF (-1) if the input ends before the first one.

        .include "defs.inc"

        .equ    BUFFER, 0               # the text of a number, until it grows
        .equ    BUFFER_BYTES, 64
        .equ    SET, 64                 # 256 bits: the bytes of %[
        .equ    SAVED, 96
        .equ    CAPACITY, 200
        .equ    PLACE, 208              # where the value goes, or 0
        .equ    END_POINTER, 216
        .equ    GROWS, 224              # where the address of a block goes (%ms), or 0
        .equ    BLOCK, 232              # the block, the bytes in it, and its size
        .equ    BLOCK_USED, 240
        .equ    BLOCK_SIZE, 248
        .equ    FRAME, 256

        .equ    FIRST_SIZE, 32

# int vfscanf(FILE *f, const char *format, va_list arguments)
#   s0 f, s1 format, s2 arguments, s3 bytes read, s4 values stored, s5 width left, s6 size of the argument, s7 the byte
#   read last (negative at the end), s8 text of the number, s9 its length, s10 conversion, s11 base
        FUNC    vfscanf
        LOCKED  unlocked_vfscanf, a0, FILE_lock
unlocked_vfscanf:
        SAVE_ALL
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        li      s3, 0
        li      s4, 0
        sd      zero, GROWS(sp)
        mv      s8, sp
        li      t0, BUFFER_BYTES
        sd      t0, CAPACITY(sp)

directive:
        lbu     t0, 0(s1)
        beqz    t0, done
        addi    s1, s1, 1
        li      t1, '%'
        beq     t0, t1, conversion
        mv      a0, t0
        call    __libc_isspace
        bnez    a0, 1f
        call    get
        bltz    s7, input_failure
        lbu     t0, -1(s1)
        bne     s7, t0, mismatch
        j       directive
1:      call    skip_space
        call    unget
        j       directive

conversion:
        li      t2, 0                   # t2: nothing is stored
        lbu     t0, 0(s1)
        li      t1, '*'
        bne     t0, t1, 1f
        li      t2, 1
        addi    s1, s1, 1
1:      li      s5, 0
2:      lbu     t0, 0(s1)
        addi    t0, t0, -'0'
        li      t1, 10
        bgeu    t0, t1, 3f
        mul     s5, s5, t1
        add     s5, s5, t0
        li      t1, 0x7fffffff
        addi    s1, s1, 1
        bltu    s5, t1, 2b
        mv      s5, t1
        j       2b
3:      lbu     t0, 0(s1)
        addi    t0, t0, -'m'
        bnez    t0, size
        addi    s1, s1, 1
        sd      s1, GROWS(sp)           # (not 0)
size:   li      s6, 4                   # s6: 1, 2, 4, 8, 16
        lbu     t0, 0(s1)
        li      t1, 'h'
        bne     t0, t1, 4f
        li      s6, 2
        addi    s1, s1, 1
        lbu     t0, 0(s1)
        bne     t0, t1, 6f
        li      s6, 1
        j       5f
4:      li      s6, 16
        addi    t1, t0, -'L'
        beqz    t1, 5f
        li      s6, 8
        addi    t1, t0, -'z'
        beqz    t1, 5f
        addi    t1, t0, -'j'
        beqz    t1, 5f
        addi    t1, t0, -'t'
        beqz    t1, 5f
        addi    t1, t0, -'l'
        bnez    t1, 7f
        addi    s1, s1, 1
        lbu     t0, 0(s1)
        addi    t1, t0, -'l'
        bnez    t1, 6f
        li      s6, 16
5:      addi    s1, s1, 1
        j       6f
7:      li      s6, 4
6:      lbu     s10, 0(s1)
        beqz    s10, done
        addi    s1, s1, 1
        li      s9, 0
        sd      zero, PLACE(sp)
        li      t1, '%'
        beq     s10, t1, percent
        bnez    t2, 8f
        ld      t0, 0(s2)
        addi    s2, s2, 8
        sd      t0, PLACE(sp)
8:      call    begin_block
        bnez    a0, input_failure
        li      t1, 'c'
        beq     s10, t1, characters
        li      t1, '['
        beq     s10, t1, set
        li      t1, 'n'
        beq     s10, t1, count
        call    skip_space
        bltz    s7, input_failure
        bnez    s5, 9f
        li      s5, 0x7fffffff
9:      li      t1, 's'
        beq     s10, t1, string
        li      s11, 10
        li      t1, 'd'
        beq     s10, t1, integer
        li      t1, 'u'
        beq     s10, t1, integer
        li      s11, 0
        li      t1, 'i'
        beq     s10, t1, integer
        li      s11, 8
        li      t1, 'o'
        beq     s10, t1, integer
        li      s11, 16
        li      t1, 'p'
        beq     s10, t1, pointer
        ori     t0, s10, 0x20
        li      t1, 'x'
        beq     t0, t1, integer
        li      t1, 'a'
        beq     t0, t1, floating
        addi    t0, t0, -'e'            # e, f, g
        li      t1, 3
        bltu    t0, t1, floating
        j       mismatch                # an unknown conversion

percent:
        call    skip_space
        bltz    s7, input_failure
        bne     s7, s10, mismatch
        j       directive

count:  ld      t0, PLACE(sp)
        beqz    t0, directive
        mv      a0, s3
        call    store
        j       directive

# %c: as many bytes as the width, of any kind, without a NUL.
characters:
        bnez    s5, 1f
        li      s5, 1
1:      call    get
        bltz    s7, input_failure
2:      call    put_byte
        addi    s5, s5, -1
        beqz    s5, stored
        call    get
        bgez    s7, 2b
        j       stored

# %s: bytes up to white space.
string: call    put_byte
        addi    s5, s5, -1
        beqz    s5, string_end
        call    get
        bltz    s7, string_end
        mv      a0, s7
        call    __libc_isspace
        beqz    a0, string
        call    unget
string_end:
        ld      t0, PLACE(sp)
        beqz    t0, directive
        li      s7, 0
        call    put_byte
stored: ld      t0, PLACE(sp)
        beqz    t0, directive
        addi    s4, s4, 1
        ld      t0, GROWS(sp)
        beqz    t0, directive
        ld      a0, BLOCK(sp)
        ld      a1, BLOCK_USED(sp)
        call    realloc                 # what is not used goes back
        bnez    a0, 1f
        ld      a0, BLOCK(sp)
1:      ld      t0, GROWS(sp)
        sd      a0, 0(t0)
        sd      zero, GROWS(sp)
        j       directive

# %[: bytes in a set, or not in it.
set:    bnez    s5, 1f
        li      s5, 0x7fffffff
1:      sd      zero, SET(sp)
        sd      zero, SET+8(sp)
        sd      zero, SET+16(sp)
        sd      zero, SET+24(sp)
        lbu     t0, 0(s1)
        addi    t0, t0, -'^'
        seqz    s10, t0                 # s10: bytes that are not in it
        add     s1, s1, s10
        mv      t6, s1                  # t6: the first byte of the set, which may be `]`
2:      lbu     t0, 0(s1)
        beqz    t0, mismatch            # there is no `]`
        addi    s1, s1, 1
        addi    t1, t0, -']'
        bnez    t1, 3f
        addi    t1, s1, -1
        bne     t1, t6, 6f
3:      addi    t1, t0, -'-'            # a range: `-` between two bytes
        bnez    t1, 4f
        addi    t1, s1, -1
        beq     t1, t6, 4f
        lbu     t2, 0(s1)
        beqz    t2, 4f
        addi    t3, t2, -']'
        beqz    t3, 4f
        lbu     t0, -2(s1)
        bgtu    t0, t2, 3f              # an empty range: the `-` itself
        addi    s1, s1, 1
        j       5f
3:      li      t0, '-'
4:      mv      t2, t0
5:      srli    t3, t0, 3               # the bits t0 .. t2
        add     t3, t3, sp
        andi    t4, t0, 7
        li      t5, 1
        sll     t5, t5, t4
        lbu     t4, SET(t3)
        or      t4, t4, t5
        sb      t4, SET(t3)
        addi    t0, t0, 1
        bleu    t0, t2, 5b
        j       2b

6:      call    get
        bltz    s7, input_failure
        call    in_set
        beqz    a0, mismatch
7:      call    put_byte
        addi    s5, s5, -1
        beqz    s5, string_end
        call    get
        bltz    s7, string_end
        call    in_set
        bnez    a0, 7b
        call    unget
        j       string_end

# Integers: sign, prefix and digits, then strtol or strtoul.
pointer:
        li      s6, 8
        li      t0, '('                 # what printf prints for a null pointer
        bne     s7, t0, integer
        lla     s9, null_pointer
1:      lbu     t0, 0(s9)
        li      a0, 0
        beqz    t0, 3f
        addi    s5, s5, -1
        beqz    s5, mismatch
        call    get
        lbu     t0, 0(s9)
        addi    s9, s9, 1
        beq     s7, t0, 1b
        j       mismatch
3:      ld      t0, PLACE(sp)
        beqz    t0, directive
        call    store
        j       stored

integer:
        addi    t0, s7, -'-'
        beqz    t0, 1f
        addi    t0, s7, -'+'
        bnez    t0, 2f
1:      call    keep
2:      beqz    s5, 5f
        li      t0, '0'
        bne     s7, t0, 4f
        call    keep
        andi    t0, s11, ~16
        bnez    t0, 4f                  # base 0 or 16: a prefix
        beqz    s5, 3f
        ori     t0, s7, 0x20
        li      t1, 'x'
        bne     t0, t1, 3f
        li      s11, 16
        call    next                    # (it is not part of the text)
        j       4f
3:      bnez    s11, 4f
        li      s11, 8
4:      bnez    s11, 5f
        li      s11, 10
5:      beqz    s5, 7f
        addi    t0, s7, -'0'
        li      t1, 10
        bltu    t0, t1, 6f
        ori     t0, s7, 0x20
        addi    t0, t0, -'a'
        li      t1, 26
        bgeu    t0, t1, 7f
        addi    t0, t0, 10
6:      bgeu    t0, s11, 7f
        call    keep
        j       5b
7:      call    unget_unless_full
        beqz    s9, mismatch_kept
        addi    t0, s9, -1
        bnez    t0, 8f
        lbu     t0, 0(s8)               # only a sign
        addi    t1, t0, -'-'
        beqz    t1, mismatch_kept
        addi    t1, t0, -'+'
        beqz    t1, mismatch_kept
8:      ld      t0, PLACE(sp)
        beqz    t0, directive
        add     t0, s8, s9
        sb      zero, 0(t0)
        mv      a0, s8
        li      a1, 0
        mv      a2, s11
        li      t0, 'd'
        beq     s10, t0, 9f
        li      t0, 'i'
        beq     s10, t0, 9f
        call    __libc_strtoul
        j       10f
9:      call    __libc_strtol
10:     call    store
        j       stored

# Floating point: what strtod could read, then strtod.
#   s10: 1 after a point, 2 after the letter of the exponent, 4 in base 16, 8 after a digit
floating:
        li      s10, 0
        li      s11, 0                  # s11: bytes of the sign and of 0x
        addi    t0, s7, -'-'
        beqz    t0, 1f
        addi    t0, s7, -'+'
        bnez    t0, 2f
1:      call    keep
        li      s11, 1
        beqz    s5, mismatch_kept
        bltz    s7, mismatch_kept
2:      ori     t0, s7, 0x20
        lla     t1, nan_name
        lla     t2, infinity_name
        lbu     t3, 0(t1)
        beq     t0, t3, name
        mv      t1, t2
        lbu     t3, 0(t1)
        beq     t0, t3, name

        li      t0, '0'
        bne     s7, t0, 3f
        ori     s10, s10, 8
        call    keep
        li      t0, 2                   # (if the x would fill the width, it does not belong to the number)
        bltu    s5, t0, 3f
        ori     t0, s7, 0x20
        li      t1, 'x'
        bne     t0, t1, 3f
        call    keep
        li      s10, 4
        addi    s11, s11, 2
3:      beqz    s5, 9f
        addi    t0, s7, -'0'
        li      t1, 10
        bltu    t0, t1, 7f
        andi    t2, s10, 2
        bnez    t2, 5f
        ori     t0, s7, 0x20
        andi    t1, s10, 4
        beqz    t1, 4f
        addi    t2, t0, -'a'
        li      t3, 6
        bltu    t2, t3, 7f
4:      andi    t2, s10, 1              # a point, of which there is one
        addi    t3, s7, -'.'
        or      t2, t2, t3
        li      t3, 1
        beqz    t2, 8f
        andi    t2, s10, 8              # the letter of the exponent, after a digit
        beqz    t2, 9f
        li      t3, 2
        addi    t2, t0, -'e'
        beqz    t1, 6f
        addi    t2, t0, -'p'
6:      beqz    t2, 8f
        j       9f
5:      add     t0, s8, s9              # a sign, after the letter
        lbu     t0, -1(t0)
        ori     t0, t0, 0x20
        addi    t1, t0, -'e'
        andi    t2, s10, 4
        beqz    t2, 10f
        addi    t1, t0, -'p'
10:     bnez    t1, 9f
        li      t3, 0
        addi    t0, s7, -'-'
        beqz    t0, 8f
        addi    t0, s7, -'+'
        beqz    t0, 8f
        j       9f
7:      li      t3, 8
8:      or      s10, s10, t3
        call    keep
        j       3b
9:      call    unget_unless_full
        beq     s9, s11, mismatch_kept
floating_text:
        add     t0, s8, s9
        sb      zero, 0(t0)
        mv      a0, s8
        addi    a1, sp, END_POINTER
        li      t0, 4
        bgeu    t0, s6, 1f              # (h is ignored)
        li      t0, 8
        bgtu    s6, t0, 2f
        call    __libc_strtod
        fmv.x.d a0, fa0
        j       3f
1:      call    __libc_strtof
        fmv.x.w a0, fa0
        li      s6, 4
        j       3f
2:      call    __libc_strtold
3:      ld      t0, END_POINTER(sp)
        beq     t0, s8, mismatch_kept
        ld      t0, PLACE(sp)
        beqz    t0, directive
        li      t1, 16
        bne     s6, t1, 4f
        sd      a1, 8(t0)
4:      call    store
        j       stored

# "nan", "inf" and "infinity": all of the letters at t1; after "inf" the rest may follow.
name:   mv      s10, t1
        li      s11, 0
1:      lbu     t0, 0(s10)
        beqz    t0, 3f
        beqz    s5, 2f
        bltz    s7, 2f
        ori     t1, s7, 0x20
        bne     t0, t1, 2f
        call    keep
        addi    s10, s10, 1
        addi    s11, s11, 1
        j       1b
2:      call    unget_unless_full
        li      t0, 3                   # "inf", and another byte
        beq     s11, t0, floating_text
        j       mismatch_kept
3:      call    unget_unless_full
        j       floating_text

mismatch_kept:                          # what does not fit is back in the stream already
        j       done
mismatch:
        call    unget
        j       done
input_failure:
        bnez    s4, done
        li      s4, -1
done:   ld      t0, GROWS(sp)
        beqz    t0, 2f
        ld      a0, BLOCK(sp)           # of a conversion that has failed
        call    free
2:      beq     s8, sp, 1f
        mv      a0, s8
        call    free
1:      mv      a0, s4
        RESTORE_ALL
        END     vfscanf

# Subroutines of vfscanf, which share its registers and its frame.

# s7 = the next byte, or negative at the end.
        LOCAL   get
        PUSH_RA
        mv      a0, s0
        call    __stdio_getc
        mv      s7, a0
        bltz    a0, 1f
        addi    s3, s3, 1
1:      POP_RA
        ret
        END     get

# Put s7 back, if it is a byte. It is still in the buffer, which may be a string that cannot be written to.
        LOCAL   unget
        bltz    s7, 1f
        ld      t0, FILE_position(s0)
        addi    t0, t0, -1
        sd      t0, FILE_position(s0)
        addi    s3, s3, -1
1:      ret
        END     unget

# s7 = the next byte that is not white space.
        LOCAL   skip_space
        PUSH_RA
1:      call    get
        bltz    s7, 2f
        mv      a0, s7
        call    __libc_isspace
        bnez    a0, 1b
2:      POP_RA
        ret
        END     skip_space

# Keep s7 in the text of a number, and read the next byte if the width permits it.
        LOCAL   keep
        PUSH_RA
        ld      a1, 16 + CAPACITY(sp)
        addi    t0, s9, 1               # room for the NUL
        bltu    t0, a1, 3f
        addi    t1, sp, 16
        slli    a1, a1, 1
        sd      a1, 16 + CAPACITY(sp)
        bne     s8, t1, 1f
        mv      a0, a1                  # the first time: from the frame to the heap
        call    malloc
        beqz    a0, 4f
        addi    a1, sp, 16
        mv      a2, s9
        mv      s8, a0
        call    __libc_memcpy
        j       3f
1:      mv      a0, s8
        call    realloc
        beqz    a0, 4f
        mv      s8, a0
3:      add     t0, s8, s9
        sb      s7, 0(t0)
        addi    s9, s9, 1
        POP_RA
        j       next
4:      POP_RA                          # no memory: errno says so
        j       input_failure
        END     keep

# Count s7 as read; s7 = the next byte if the width permits one.
        LOCAL   next
        addi    s5, s5, -1
        bnez    s5, get
        ret
        END     next

# Put s7 back if it was not counted.
        LOCAL   unget_unless_full
        bnez    s5, unget
        ret
        END     unget_unless_full

# a0 = 0, or 1 if there is no memory: the block for `m`, if the conversion has it, can have one, and is stored.
        LOCAL   begin_block
        li      a0, 0
        ld      t0, GROWS(sp)
        beqz    t0, 2f
        sd      zero, GROWS(sp)
        li      t1, 'c'
        beq     s10, t1, 1f
        li      t1, 's'
        beq     s10, t1, 1f
        li      t1, '['
        bne     s10, t1, 2f
1:      ld      t0, PLACE(sp)
        beqz    t0, 2f
        PUSH_RA
        li      a0, FIRST_SIZE
        call    malloc
        POP_RA
        mv      t0, a0
        li      a0, 1
        beqz    t0, 2f
        sd      t0, BLOCK(sp)
        sd      zero, BLOCK_USED(sp)
        li      t0, FIRST_SIZE
        sd      t0, BLOCK_SIZE(sp)
        ld      t0, PLACE(sp)
        sd      t0, GROWS(sp)
        li      a0, 0
2:      ret
        END     begin_block

# Append s7 to the block of `m`, or store it at PLACE, which moves on.
        LOCAL   put_byte
        ld      t0, GROWS(sp)
        beqz    t0, 3f
        ld      t0, BLOCK_USED(sp)
        ld      a1, BLOCK_SIZE(sp)
        ld      a0, BLOCK(sp)
        bltu    t0, a1, 2f
        slli    a1, a1, 1
        sd      a1, BLOCK_SIZE(sp)
        PUSH_RA
        call    realloc
        POP_RA
        beqz    a0, input_failure       # no memory: errno says so
        sd      a0, BLOCK(sp)
        ld      t0, BLOCK_USED(sp)
2:      add     a0, a0, t0
        sb      s7, 0(a0)
        addi    t0, t0, 1
        sd      t0, BLOCK_USED(sp)
        ret
3:      ld      t0, PLACE(sp)
        beqz    t0, 1f
        sb      s7, 0(t0)
        addi    t0, t0, 1
        sd      t0, PLACE(sp)
1:      ret
        END     put_byte

# Store s6 bytes of a0 at PLACE.
        LOCAL   store
        ld      t0, PLACE(sp)
        li      t1, 4
        beq     s6, t1, 1f
        bgtu    s6, t1, 2f
        li      t1, 2
        beq     s6, t1, 3f
        sb      a0, 0(t0)
        ret
1:      sw      a0, 0(t0)
        ret
2:      sd      a0, 0(t0)
        ret
3:      sh      a0, 0(t0)
        ret
        END     store

# a0 = whether the set of %[ accepts s7.
        LOCAL   in_set
        srli    t0, s7, 3
        add     t0, t0, sp
        lbu     t0, SET(t0)
        andi    t1, s7, 7
        srl     a0, t0, t1
        andi    a0, a0, 1
        xor     a0, a0, s10
        ret
        END     in_set

# The family. The frame of a variadic function: the registers of `...`, at the top.
        .equ    VARIADIC, 80

# int scanf(const char *format, ...)
        FUNC    scanf
        addi    sp, sp, -VARIADIC
        sd      ra, 8(sp)
        sd      a1, 24(sp)
        sd      a2, 32(sp)
        sd      a3, 40(sp)
        sd      a4, 48(sp)
        sd      a5, 56(sp)
        sd      a6, 64(sp)
        sd      a7, 72(sp)
        addi    a1, sp, 24
        call    __libc_vscanf
        ld      ra, 8(sp)
        addi    sp, sp, VARIADIC
        ret
        END     scanf

# int fscanf(FILE *f, const char *format, ...)
        FUNC    fscanf
        addi    sp, sp, -VARIADIC
        sd      ra, 8(sp)
        sd      a2, 32(sp)
        sd      a3, 40(sp)
        sd      a4, 48(sp)
        sd      a5, 56(sp)
        sd      a6, 64(sp)
        sd      a7, 72(sp)
        addi    a2, sp, 32
        call    __libc_vfscanf
        ld      ra, 8(sp)
        addi    sp, sp, VARIADIC
        ret
        END     fscanf

# int sscanf(const char *s, const char *format, ...)
        FUNC    sscanf
        addi    sp, sp, -VARIADIC
        sd      ra, 8(sp)
        sd      a2, 32(sp)
        sd      a3, 40(sp)
        sd      a4, 48(sp)
        sd      a5, 56(sp)
        sd      a6, 64(sp)
        sd      a7, 72(sp)
        addi    a2, sp, 32
        call    __libc_vsscanf
        ld      ra, 8(sp)
        addi    sp, sp, VARIADIC
        ret
        END     sscanf

# int vscanf(const char *format, va_list arguments)
        FUNC    vscanf
        mv      a2, a1
        mv      a1, a0
        la      a0, stdin
        ld      a0, 0(a0)
        j       __libc_vfscanf
        END     vscanf

# int vsscanf(const char *s, const char *format, va_list arguments)
        FUNC    vsscanf
        addi    sp, sp, -(FILE_sizeof + 40)
        sd      ra, FILE_sizeof + 24(sp)
        sd      a1, FILE_sizeof + 16(sp)
        sd      a2, FILE_sizeof + 8(sp)
        sd      a0, FILE_buffer(sp)
        sd      zero, FILE_position(sp)
        li      t0, -1
        sw      t0, FILE_fd(sp)
        li      t0, FILE_CAN_READ | FILE_INPUT | FILE_STRING
        sw      t0, FILE_flags(sp)
        call    __libc_strlen
        sd      a0, FILE_capacity(sp)
        sd      a0, FILE_end(sp)
        mv      a0, sp
        ld      a1, FILE_sizeof + 16(sp)
        ld      a2, FILE_sizeof + 8(sp)
        call    unlocked_vfscanf
        ld      ra, FILE_sizeof + 24(sp)
        addi    sp, sp, FILE_sizeof + 40
        ret
        END     vsscanf

        .section .rodata
nan_name:
        .string "nan"
infinity_name:
        .string "infinity"
null_pointer:
        .string "nil)"
