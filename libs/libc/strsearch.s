# String searching: strchr(3), strstr(3), strspn(3), strpbrk(3), strtok(3).

        .include "defs.inc"

# char *strchr(const char *s, int c): the first c in s (including its NUL), or NULL
        FUNC    strchr
        ALSO    index
        andi    a1, a1, 0xff
1:      lbu     t0, 0(a0)
        beq     t0, a1, 2f
        addi    a0, a0, 1
        bnez    t0, 1b
        li      a0, 0
2:      ret
        END     strchr

# char *strrchr(const char *s, int c): the last c in s (including its NUL), or NULL
        FUNC    strrchr
        ALSO    rindex
        andi    a1, a1, 0xff
        mv      t1, a0
        li      a0, 0
1:      lbu     t0, 0(t1)
        bne     t0, a1, 2f
        mv      a0, t1
2:      addi    t1, t1, 1
        bnez    t0, 1b
        ret
        END     strrchr

# char *strstr(const char *s, const char *part): the first occurrence of part in s, or NULL
        FUNC    strstr
        lbu     t0, 0(a1)               # t0: part's first byte
        beqz    t0, 5f                  # the empty string is found at the start
1:      lbu     t1, 0(a0)
        beqz    t1, 4f
        bne     t1, t0, 3f
        mv      t2, a0
        mv      t3, a1
2:      addi    t2, t2, 1
        addi    t3, t3, 1
        lbu     t4, 0(t3)
        beqz    t4, 5f                  # the end of part: found
        lbu     t5, 0(t2)
        beq     t4, t5, 2b
        beqz    t5, 4f                  # the end of s
3:      addi    a0, a0, 1
        j       1b
4:      li      a0, 0
5:      ret
        END     strstr

# size_t strspn(const char *s, const char *set): the length of the prefix of s with bytes in set only
        FUNC    strspn
        mv      t0, a0
1:      lbu     t1, 0(t0)
        beqz    t1, 3f
        mv      t2, a1
2:      lbu     t3, 0(t2)
        beqz    t3, 3f
        addi    t2, t2, 1
        bne     t3, t1, 2b
        addi    t0, t0, 1
        j       1b
3:      sub     a0, t0, a0
        ret
        END     strspn

# size_t strcspn(const char *s, const char *set): the length of the prefix of s without bytes in set
        FUNC    strcspn
        mv      t0, a0
1:      lbu     t1, 0(t0)
        beqz    t1, 3f
        mv      t2, a1
2:      lbu     t3, 0(t2)
        beq     t3, t1, 3f
        addi    t2, t2, 1
        bnez    t3, 2b
        addi    t0, t0, 1
        j       1b
3:      sub     a0, t0, a0
        ret
        END     strcspn

# char *strpbrk(const char *s, const char *set): the first byte of s that is in set, or NULL
        FUNC    strpbrk
        PUSH_RA
        sd      a0, 0(sp)
        call    __libc_strcspn
        ld      t0, 0(sp)
        add     a0, a0, t0
        lbu     t0, 0(a0)
        bnez    t0, 1f
        li      a0, 0
1:      POP_RA
        ret
        END     strpbrk

# char *strtok(char *s, const char *set): the next token of s (NULL: of the previous string), or NULL at the end
        FUNC    strtok
        lla     a2, strtok_rest
        # falls through
        END     strtok
# char *strtok_r(char *s, const char *set, char **rest): strtok with its state in *rest
        FUNC    strtok_r
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        bnez    s0, 1f
        ld      s0, 0(s2)
        beqz    s0, 3f
1:      mv      a0, s0
        call    __libc_strspn
        add     s0, s0, a0              # s0: the token's start
        lbu     t0, 0(s0)
        beqz    t0, 3f
        mv      a0, s0
        mv      a1, s1
        call    __libc_strcspn
        add     t0, s0, a0              # t0: its end
        lbu     t1, 0(t0)
        beqz    t1, 2f
        sb      zero, 0(t0)
        addi    t0, t0, 1
2:      sd      t0, 0(s2)
        mv      a0, s0
        j       4f
3:      sd      s0, 0(s2)
        li      a0, 0
4:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        addi    sp, sp, 48
        ret
        END     strtok_r

        .bss
        .balign 8
strtok_rest:
        .skip   8
