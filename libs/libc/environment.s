# The environment: getenv(3), setenv(3), unsetenv(3), putenv(3). environ is a null-terminated array of "NAME=value".

        .include "defs.inc"

# char *getenv(const char *name): its value, or NULL
        FUNC    getenv
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        call    __libc_strlen
        mv      a1, a0
        ld      a0, 16(sp)
        call    find_variable
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        END     getenv

# find_variable(a0 = name, a1 = its length): a0 = the value of the first such variable or 0, a1 = its place in environ
        LOCAL   find_variable
        la      t0, environ
        ld      t6, 0(t0)
        beqz    t6, 4f
1:      ld      t0, 0(t6)
        beqz    t0, 4f
        mv      t1, a0
        add     t2, a0, a1
2:      beq     t1, t2, 3f
        lbu     t3, 0(t0)
        lbu     t4, 0(t1)
        addi    t0, t0, 1
        addi    t1, t1, 1
        beq     t3, t4, 2b
        addi    t6, t6, 8
        j       1b
3:      lbu     t3, 0(t0)
        li      t4, '='
        addi    a0, t0, 1
        mv      t5, a1
        mv      a1, t6
        beq     t3, t4, 5f
        sub     a0, t1, t5              # another that only begins like it: on
        mv      a1, t5
        addi    t6, t6, 8
        j       1b
4:      li      a0, 0
        mv      a1, t6
5:      ret
        END     find_variable
