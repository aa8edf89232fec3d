# exec(3): execve with this process's environment, and with a search for the file.

        .include "defs.inc"

# int execv(const char *path, char *const argv[]): execve with this process's environment
        FUNC    execv
        la      a2, environ
        ld      a2, 0(a2)
        j       __libc_execve
        END     execv

# int execvp(const char *name, char *const argv[]): execv; a name without a slash is searched in $PATH (default
# /bin:/usr/bin). exec(3)
        .equ    LONGEST_PATH, 4096
        FUNC    execvp
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        sd      s4, 0(sp)
        mv      s0, a0                  # s0: name
        mv      s1, a1                  # s1: argv
        li      a1, '/'
        call    __libc_strchr
        bnez    a0, 8f
        lla     a0, path_name
        call    __libc_getenv
        mv      s2, a0                  # s2: the rest of the search path
        bnez    a0, 1f
        lla     s2, default_path
1:      mv      a0, s0
        call    __libc_strlen
        mv      s3, a0                  # s3: length of the name
        li      t0, LONGEST_PATH
        sub     sp, sp, t0

2:      mv      t1, sp                  # t1: address of the next byte of the candidate
        li      t2, LONGEST_PATH - 2    # t2: room for the directory
        sub     t2, t2, s3
3:      lbu     t0, 0(s2)
        li      s4, 0                   # s4: 1 if a colon ended the directory: another follows
        beqz    t0, 4f
        addi    s2, s2, 1
        addi    t3, t0, -':'
        seqz    s4, t3
        beqz    t3, 4f
        blez    t2, 3b                  # too long: truncated, and not found
        sb      t0, 0(t1)
        addi    t1, t1, 1
        addi    t2, t2, -1
        j       3b
4:      blez    t2, 6f
        beq     t1, sp, 5f              # an empty directory means the current one
        li      t3, '/'
        sb      t3, 0(t1)
        addi    t1, t1, 1
5:      mv      a0, t1
        mv      a1, s0
        call    __libc_strcpy
        mv      a0, sp
        mv      a1, s1
        call    __libc_execv            # returns only if it failed
        call    __libc___errno_location
        lw      t0, 0(a0)
        li      t1, ENOENT
        beq     t0, t1, 6f
        li      t1, EACCES
        bne     t0, t1, 7f              # found, but another error
6:      bnez    s4, 2b
        li      a0, ENOENT
        call    __set_errno
7:      li      t0, LONGEST_PATH
        add     sp, sp, t0
        li      a0, -1
        j       9f
8:      mv      a0, s0
        mv      a1, s1
        call    __libc_execv
9:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        ld      s4, 0(sp)
        addi    sp, sp, 48
        ret
        END     execvp

        .section .rodata
path_name:
        .string "PATH"
default_path:
        .string "/bin:/usr/bin"
