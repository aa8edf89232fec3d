# Copies of strings in memory from malloc: strdup(3). In a file of their own, because few programs that use strings need a
# heap.

        .include "defs.inc"

# char *strdup(const char *s): a copy allocated by malloc, or NULL and ENOMEM
        FUNC    strdup
        li      a1, -1
        # falls through
        END     strdup
# char *strndup(const char *s, size_t limit): a copy of at most limit bytes, with a NUL
        FUNC    strndup
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        call    __libc_strnlen
        mv      s1, a0
        addi    a0, a0, 1
        call    malloc
        beqz    a0, 1f
        add     t0, a0, s1
        sb      zero, 0(t0)
        mv      a1, s0
        mv      a2, s1
        call    __libc_memcpy
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     strndup
