# Conversion of text to numbers: strtol(3), strtoul(3), atoi(3) etc.; also abs(3), div(3).
# long and long long are the same on RV64, so strtoll is strtol.

        .include "defs.inc"

# parse(a0 = s, a1 = char **end or 0, a2 = base): white space, sign, prefix (0x, 0), digits.
#   a0 = the absolute value, a1 = 1 if negative, a2 = 1 on overflow. *end = after the last digit, or s if there is none.
#   A base other than 0 and 2..36: a0 = 0, and EINVAL.
        LOCAL   parse
        mv      t0, a0                  # t0: the next byte
        li      t1, 36
        bgtu    a2, t1, 10f
        addi    t1, a2, -1
        beqz    t1, 10f
1:      lbu     t1, 0(t0)
        li      t2, ' '
        beq     t1, t2, 2f
        addi    t2, t1, -9              # \t \n \v \f \r
        li      t3, 5
        bgeu    t2, t3, 3f
2:      addi    t0, t0, 1
        j       1b
3:      li      t6, 0                   # t6: negative
        addi    t2, t1, -'-'
        seqz    t6, t2
        beqz    t2, 4f
        addi    t2, t1, -'+'
        bnez    t2, 5f
4:      addi    t0, t0, 1

5:      andi    t2, a2, ~16             # with base 0 and 16, 0x is allowed
        bnez    t2, 7f
        lbu     t1, 0(t0)
        addi    t1, t1, -'0'
        bnez    t1, 6f
        lbu     t1, 1(t0)
        ori     t1, t1, 0x20
        addi    t1, t1, -'x'
        bnez    t1, 8f
        lbu     t1, 2(t0)               # a digit must follow 0x, or only the 0 is converted
        addi    t2, t1, -'0'
        sltiu   t2, t2, 10
        ori     t1, t1, 0x20
        addi    t1, t1, -'a'
        sltiu   t1, t1, 6
        or      t1, t1, t2
        beqz    t1, 8f
        addi    t0, t0, 2
        li      a2, 16
        j       7f
8:      bnez    a2, 7f
        li      a2, 8                   # base 0, leading 0
6:      bnez    a2, 7f
        li      a2, 10

7:      mv      t5, a0                  # t5: *end if there are no digits
        mv      a3, a2                  # a3: base
        li      a0, 0
        li      a2, 0
11:     lbu     t1, 0(t0)
        addi    t2, t1, -'0'
        sltiu   t3, t2, 10
        bnez    t3, 12f
        ori     t1, t1, 0x20
        addi    t2, t1, -'a'
        sltiu   t3, t2, 26
        beqz    t3, 14f
        addi    t2, t2, 10
12:     bgeu    t2, a3, 14f
        mulhu   t3, a0, a3              # overflow check for number * base + digit
        mul     a0, a0, a3
        add     a0, a0, t2
        sltu    t4, a0, t2
        or      t3, t3, t4
        beqz    t3, 13f
        li      a2, 1
13:     addi    t0, t0, 1
        mv      t5, t0
        j       11b
14:     beqz    a1, 15f
        sd      t5, 0(a1)
15:     mv      a1, t6
        ret

10:     PUSH_RA
        li      a0, EINVAL
        call    __set_errno
        li      a0, 0
        li      a1, 0
        li      a2, 0
        POP_RA
        ret
        END     parse

# long strtol(const char *s, char **end, int base): LONG_MIN or LONG_MAX and ERANGE on overflow
        FUNC    strtol
        ALSO    strtoll
        ALSO    strtoimax
        PUSH_RA
        call    parse
        li      t0, -1
        srli    t0, t0, 1
        add     t0, t0, a1              # the limit: 2^63 - 1, or 2^63 if negative
        bnez    a2, 2f
        bgtu    a0, t0, 2f
        beqz    a1, 1f
        neg     a0, a0
1:      POP_RA
        ret
2:      sd      t0, 0(sp)
        li      a0, ERANGE
        call    __set_errno
        ld      a0, 0(sp)
        j       1b
        END     strtol

# unsigned long strtoul(const char *s, char **end, int base): ULONG_MAX and ERANGE on overflow. "-1" is ULONG_MAX.
        FUNC    strtoul
        ALSO    strtoull
        ALSO    strtoumax
        PUSH_RA
        call    parse
        bnez    a2, 2f
        beqz    a1, 1f
        neg     a0, a0
1:      POP_RA
        ret
2:      li      a0, ERANGE
        call    __set_errno             # its result is -1
        j       1b
        END     strtoul

# long atol(const char *s): strtol in base 10, without error reporting
        FUNC    atol
        ALSO    atoll
        li      a1, 0
        li      a2, 10
        j       __libc_strtol
        END     atol

# int atoi(const char *s)
        FUNC    atoi
        PUSH_RA
        call    __libc_atol
        sext.w  a0, a0
        POP_RA
        ret
        END     atoi

# int abs(int n)
        FUNC    abs
        sraiw   t0, a0, 31
        xor     a0, a0, t0
        subw    a0, a0, t0
        ret
        END     abs

# long labs(long n)
        FUNC    labs
        ALSO    llabs
        ALSO    imaxabs
        srai    t0, a0, 63
        xor     a0, a0, t0
        sub     a0, a0, t0
        ret
        END     labs

# div_t div(int a, int b): { int quotient, remainder; }, returned in a0 (psABI: small structures)
        FUNC    div
        divw    t0, a0, a1
        remw    t1, a0, a1
        slli    t1, t1, 32
        slli    t0, t0, 32
        srli    t0, t0, 32
        or      a0, t0, t1
        ret
        END     div

# ldiv_t ldiv(long a, long b): { long quotient, remainder; } in a0 and a1
        FUNC    ldiv
        ALSO    lldiv
        div     t0, a0, a1
        rem     a1, a0, a1
        mv      a0, t0
        ret
        END     ldiv
