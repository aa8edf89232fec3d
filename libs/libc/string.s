# Strings: strlen(3), strcpy(3), strcat(3), strcmp(3), strdup(3), and the variants with a length limit.

        .include "defs.inc"

# A word w has a zero byte iff (w - 0x0101..01) & ~w & 0x8080..80 is not 0 (Mycroft 1987). An aligned word does not
# cross a page boundary, so reading a few bytes after the string is harmless.
        .macro  WORD_MASKS ones, highs
        li      \ones, 0x01010101
        slli    \highs, \ones, 32
        or      \ones, \ones, \highs
        slli    \highs, \ones, 7
        .endm

# size_t strlen(const char *s)
        FUNC    strlen
        mv      t0, a0
1:      andi    t1, t0, 7
        beqz    t1, 2f
        lbu     t1, 0(t0)
        beqz    t1, 5f
        addi    t0, t0, 1
        j       1b
2:      WORD_MASKS t3, t4
3:      ld      t1, 0(t0)
        sub     t2, t1, t3
        not     t1, t1
        and     t2, t2, t1
        and     t2, t2, t4
        addi    t0, t0, 8
        beqz    t2, 3b
        addi    t0, t0, -8
4:      lbu     t1, 0(t0)
        beqz    t1, 5f
        addi    t0, t0, 1
        j       4b
5:      sub     a0, t0, a0
        ret
        END     strlen

# size_t strnlen(const char *s, size_t limit): the length, limit at most
        FUNC    strnlen
        li      t0, 0
1:      beq     t0, a1, 2f
        add     t1, a0, t0
        lbu     t1, 0(t1)
        beqz    t1, 2f
        addi    t0, t0, 1
        j       1b
2:      mv      a0, t0
        ret
        END     strnlen

# char *stpcpy(char *to, const char *from): copy; returns the address of the copy's NUL
        FUNC    stpcpy
        or      t0, a0, a1
        andi    t0, t0, 7
        bnez    t0, 2f
        WORD_MASKS t3, t4
1:      ld      t1, 0(a1)
        sub     t2, t1, t3
        not     t0, t1
        and     t2, t2, t0
        and     t2, t2, t4
        bnez    t2, 2f
        sd      t1, 0(a0)
        addi    a0, a0, 8
        addi    a1, a1, 8
        j       1b
2:      lbu     t1, 0(a1)
        sb      t1, 0(a0)
        beqz    t1, 3f
        addi    a0, a0, 1
        addi    a1, a1, 1
        j       2b
3:      ret
        END     stpcpy

# char *strcpy(char *to, const char *from): copy; returns to
        FUNC    strcpy
        PUSH_RA
        sd      a0, 0(sp)
        call    __libc_stpcpy
        ld      a0, 0(sp)
        POP_RA
        ret
        END     strcpy

# char *strncpy(char *to, const char *from, size_t n): write exactly n bytes, truncated or padded with NULs; returns to
        FUNC    strncpy
        mv      t0, a0
        add     t6, a0, a2
1:      bgeu    t0, t6, 3f
        lbu     t1, 0(a1)
        sb      t1, 0(t0)
        addi    t0, t0, 1
        addi    a1, a1, 1
        bnez    t1, 1b
2:      bgeu    t0, t6, 3f
        sb      zero, 0(t0)
        addi    t0, t0, 1
        j       2b
3:      ret
        END     strncpy

# char *strcat(char *to, const char *from): append from; returns to
        FUNC    strcat
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        sd      a1, 8(sp)
        call    __libc_strlen
        ld      t0, 16(sp)
        add     a0, a0, t0
        ld      a1, 8(sp)
        call    __libc_stpcpy
        ld      a0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     strcat

# char *strncat(char *to, const char *from, size_t n): append at most n bytes of from, and a NUL; returns to
        FUNC    strncat
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        sd      a1, 8(sp)
        sd      a2, 0(sp)
        call    __libc_strlen
        ld      t0, 16(sp)
        add     t0, a0, t0
        ld      a0, 16(sp)
        ld      a1, 8(sp)
        ld      a2, 0(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        add     t6, a1, a2
1:      beq     a1, t6, 2f
        lbu     t1, 0(a1)
        beqz    t1, 2f
        sb      t1, 0(t0)
        addi    t0, t0, 1
        addi    a1, a1, 1
        j       1b
2:      sb      zero, 0(t0)
        ret
        END     strncat

# int strcmp(const char *a, const char *b): < 0, 0 or > 0, comparing bytes as unsigned
        FUNC    strcmp
        ALSO    strcoll                 # the only locale is "C"
1:      lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        bne     t0, t1, 2f
        addi    a0, a0, 1
        addi    a1, a1, 1
        bnez    t0, 1b
2:      sub     a0, t0, t1
        ret
        END     strcmp

# int strncmp(const char *a, const char *b, size_t n): strcmp of at most n bytes
        FUNC    strncmp
        add     t6, a0, a2
1:      beq     a0, t6, 2f
        lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        bne     t0, t1, 3f
        addi    a0, a0, 1
        addi    a1, a1, 1
        bnez    t0, 1b
2:      li      a0, 0
        ret
3:      sub     a0, t0, t1
        ret
        END     strncmp

# int strcasecmp(const char *a, const char *b): strcmp that ignores the case of A-Z
        FUNC    strcasecmp
        li      a2, -1
        # falls through, without a length limit
        END     strcasecmp
# int strncasecmp(const char *a, const char *b, size_t n)
        FUNC    strncasecmp
        li      t4, 26
1:      beqz    a2, 4f
        lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        addi    t2, t0, -'A'
        bgeu    t2, t4, 2f
        addi    t0, t0, 'a' - 'A'
2:      addi    t2, t1, -'A'
        bgeu    t2, t4, 3f
        addi    t1, t1, 'a' - 'A'
3:      bne     t0, t1, 5f
        addi    a0, a0, 1
        addi    a1, a1, 1
        addi    a2, a2, -1
        bnez    t0, 1b
4:      li      a0, 0
        ret
5:      sub     a0, t0, t1
        ret
        END     strncasecmp
