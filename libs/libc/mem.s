# Memory blocks: memcpy(3), memmove(3), memset(3), memcmp(3), memchr(3), memrchr(3). gcc generates calls of them.
#
# They work on eight bytes at a time if source and destination can both be aligned, else byte by byte: a misaligned
# access may trap on RISC-V.

        .include "defs.inc"

# void *memcpy(void *to, const void *from, size_t n): copy; returns to. The blocks must not overlap.
        FUNC    memcpy
        mv      t0, a0                  # t0: to; a0 is the result
        add     t6, a0, a2              # t6: the end
        li      t1, 16
        bltu    a2, t1, copy_bytes
        xor     t1, a0, a1
        andi    t1, t1, 7
        bnez    t1, copy_bytes          # cannot align both
1:      andi    t1, t0, 7
        beqz    t1, 2f
        lbu     t2, 0(a1)
        sb      t2, 0(t0)
        addi    a1, a1, 1
        addi    t0, t0, 1
        j       1b
2:      addi    t3, t6, -32             # four words per iteration
        bltu    t3, t0, 4f
3:      ld      t1, 0(a1)
        ld      t2, 8(a1)
        ld      t4, 16(a1)
        ld      t5, 24(a1)
        sd      t1, 0(t0)
        sd      t2, 8(t0)
        sd      t4, 16(t0)
        sd      t5, 24(t0)
        addi    a1, a1, 32
        addi    t0, t0, 32
        bgeu    t3, t0, 3b
4:      addi    t3, t6, -8
        bltu    t3, t0, copy_bytes
5:      ld      t1, 0(a1)
        sd      t1, 0(t0)
        addi    a1, a1, 8
        addi    t0, t0, 8
        bgeu    t3, t0, 5b
copy_bytes:
        bgeu    t0, t6, 7f
6:      lbu     t1, 0(a1)
        sb      t1, 0(t0)
        addi    a1, a1, 1
        addi    t0, t0, 1
        bltu    t0, t6, 6b
7:      ret
        END     memcpy

# void *memmove(void *to, const void *from, size_t n): copy; returns to. The blocks may overlap.
        FUNC    memmove
        sub     t0, a0, a1
        bgeu    t0, a2, __libc_memcpy   # `to` is not inside `from`: copy forwards
        add     t0, a0, a2              # copy backwards; t0, t1: the end of the rest
        add     t1, a1, a2
        xor     t2, t0, t1
        andi    t2, t2, 7
        bnez    t2, 3f
1:      andi    t2, t0, 7
        beqz    t2, 2f
        beq     t0, a0, 4f
        addi    t0, t0, -1
        addi    t1, t1, -1
        lbu     t3, 0(t1)
        sb      t3, 0(t0)
        j       1b
2:      sub     t2, t0, a0
        li      t3, 8
        bltu    t2, t3, 3f
        addi    t0, t0, -8
        addi    t1, t1, -8
        ld      t3, 0(t1)
        sd      t3, 0(t0)
        j       2b
3:      beq     t0, a0, 4f
        addi    t0, t0, -1
        addi    t1, t1, -1
        lbu     t3, 0(t1)
        sb      t3, 0(t0)
        j       3b
4:      ret
        END     memmove

# void *memset(void *to, int byte, size_t n): fill; returns to
        FUNC    memset
        mv      t0, a0
        add     t6, a0, a2
        andi    a1, a1, 0xff
        li      t1, 16
        bltu    a2, t1, 5f
        slli    t1, a1, 8               # replicate the byte eight times
        or      a1, a1, t1
        slli    t1, a1, 16
        or      a1, a1, t1
        slli    t1, a1, 32
        or      a1, a1, t1
1:      andi    t1, t0, 7
        beqz    t1, 2f
        sb      a1, 0(t0)
        addi    t0, t0, 1
        j       1b
2:      addi    t3, t6, -32
        bltu    t3, t0, 4f
3:      sd      a1, 0(t0)
        sd      a1, 8(t0)
        sd      a1, 16(t0)
        sd      a1, 24(t0)
        addi    t0, t0, 32
        bgeu    t3, t0, 3b
4:      addi    t3, t6, -8
        bltu    t3, t0, 5f
        sd      a1, 0(t0)
        addi    t0, t0, 8
        j       4b
5:      bgeu    t0, t6, 6f
        sb      a1, 0(t0)
        addi    t0, t0, 1
        j       5b
6:      ret
        END     memset

# int memcmp(const void *a, const void *b, size_t n): < 0, 0 or > 0, comparing bytes as unsigned
        FUNC    memcmp
        add     t6, a0, a2              # t6: the end of a
        or      t0, a0, a1
        andi    t0, t0, 7
        bnez    t0, 2f
        addi    t3, t6, -8
1:      bltu    t3, a0, 2f              # compare words while they are equal
        ld      t0, 0(a0)
        ld      t1, 0(a1)
        bne     t0, t1, 2f
        addi    a0, a0, 8
        addi    a1, a1, 8
        j       1b
2:      bgeu    a0, t6, 3f
        lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        addi    a0, a0, 1
        addi    a1, a1, 1
        beq     t0, t1, 2b
        sub     a0, t0, t1
        ret
3:      li      a0, 0
        ret
        END     memcmp

# void *memchr(const void *block, int byte, size_t n): the first match, or NULL
        FUNC    memchr
        add     t6, a0, a2
        andi    a1, a1, 0xff
1:      beq     a0, t6, 2f
        lbu     t0, 0(a0)
        beq     t0, a1, 3f
        addi    a0, a0, 1
        j       1b
2:      li      a0, 0
3:      ret
        END     memchr

# void *memrchr(const void *block, int byte, size_t n): the last match, or NULL
        FUNC    memrchr
        add     t6, a0, a2
        andi    a1, a1, 0xff
1:      beq     a0, t6, 2f
        addi    t6, t6, -1
        lbu     t0, 0(t6)
        bne     t0, a1, 1b
        mv      a0, t6
        ret
2:      li      a0, 0
        ret
        END     memrchr
