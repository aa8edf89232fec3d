# The environment: getenv(3), setenv(3), unsetenv(3), putenv(3). environ is a null-terminated array of "NAME=value".
# Threads may call these functions at the same time. A value stays where it is until its variable is set again.

        .include "defs.inc"

# char *getenv(const char *name): its value, or NULL
        FUNC    getenv
        LOCKED_BY unlocked_getenv, __libc_environment_lock
unlocked_getenv:
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

# find_variable(a0 = name, a1 = its length): a0 = the value of the first match or 0, a1 = its slot in environ
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
        sub     a0, t1, t5              # a longer name with this prefix: continue
        mv      a1, t5
        addi    t6, t6, 8
        j       1b
4:      li      a0, 0
        mv      a1, t6
5:      ret
        END     find_variable

# int setenv(const char *name, const char *value, int overwrite): 0, or -1 with EINVAL (empty or with `=`) or ENOMEM
        FUNC    setenv
        LOCKED_BY unlocked_setenv, __libc_environment_lock
unlocked_setenv:
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0
        mv      s1, a1
        mv      s3, a2
        call    checked_length
        mv      s2, a0                  # s2: length of the name
        bltz    a0, 2f
        mv      a1, s2
        mv      a0, s0
        call    find_variable
        beqz    a0, 1f
        bnez    s3, 1f
        li      a0, 0                   # it exists and must not be overwritten
        j       2f
1:      mv      a0, s1
        call    __libc_strlen
        add     a0, a0, s2
        addi    a0, a0, 2               # '=' and NUL
        call    malloc
        mv      s3, a0                  # s3: "name=value"; never freed, because the program may hold a pointer to it
        li      a0, -1
        beqz    s3, 2f
        mv      a0, s3
        mv      a1, s0
        call    __libc_stpcpy
        li      t0, '='
        sb      t0, 0(a0)
        addi    a0, a0, 1
        mv      a1, s1
        call    __libc_strcpy
        mv      a0, s3
        mv      a1, s2
        call    put_variable
2:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
        END     setenv

# int putenv(char *string): make the string "NAME=value" itself part of the environment; 0, or -1 and errno
        FUNC    putenv
        LOCKED_BY unlocked_putenv, __libc_environment_lock
unlocked_putenv:
        PUSH_RA
        sd      a0, 0(sp)
        li      a1, '='
        call    __libc_strchr
        mv      t0, a0
        ld      a0, 0(sp)
        beqz    t0, 1f
        sub     a1, t0, a0
        call    put_variable
        j       2f
1:      call    __libc_unsetenv         # without `=`: remove the variable
2:      POP_RA
        ret
        END     putenv

# int unsetenv(const char *name): remove all variables of that name; 0, or -1 and EINVAL
        FUNC    unsetenv
        LOCKED_BY unlocked_unsetenv, __libc_environment_lock
unlocked_unsetenv:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        call    checked_length
        mv      s1, a0
        bltz    a0, 4f
1:      mv      a0, s0
        mv      a1, s1
        call    find_variable
        beqz    a0, 4f
2:      ld      t0, 8(a1)               # move the following variables up
        sd      t0, 0(a1)
        addi    a1, a1, 8
        bnez    t0, 2b
        j       1b
4:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     unsetenv

# a0 = the length of the name at a0, or -1 and EINVAL
        LOCAL   checked_length
        PUSH_RA
        sd      a0, 0(sp)
        lla     a1, equals
        call    __libc_strcspn
        ld      t0, 0(sp)
        add     t0, t0, a0
        lbu     t0, 0(t0)
        bnez    t0, 1f
        bnez    a0, 2f
1:      li      a0, EINVAL
        call    __set_errno
2:      POP_RA
        ret
        END     checked_length

# int put_variable(char *string, size_t name_length): replace the variable of that name, or append
        LOCAL   put_variable
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        mv      s0, a0
        call    find_variable
        beqz    a0, 1f
        sd      s0, 0(a1)
        j       4f
1:      la      t0, environ
        ld      s1, 0(t0)               # s1: the array
        sub     s2, a1, s1              # s2: its size without the null pointer, whose slot is a1
        lla     t0, own_array           # an allocated array can grow; the initial one cannot
        ld      a0, 0(t0)
        beq     a0, s1, 2f
        li      a0, 0
2:      addi    a1, s2, 16
        call    realloc
        beqz    a0, 5f
        lla     t0, own_array
        ld      t1, 0(t0)
        sd      a0, 0(t0)
        beq     t1, s1, 3f
        mv      a1, s1                  # the first time: copy the initial array
        mv      a2, s2
        call    __libc_memcpy
3:      la      t0, environ
        sd      a0, 0(t0)
        add     a0, a0, s2
        sd      s0, 0(a0)
        sd      zero, 8(a0)
4:      li      a0, 0
        j       6f
5:      li      a0, -1
6:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        addi    sp, sp, 48
        ret
        END     put_variable

        .section .rodata
equals: .string "="

        .bss
        .balign 8
own_array:
        .skip   8                       # the array allocated by put_variable
        .globl  __libc_environment_lock
        .hidden __libc_environment_lock
__libc_environment_lock:
        .skip   4
