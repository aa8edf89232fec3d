# File streams: fopen(3), fdopen, fclose, fseek(3), ftell, rewind, setvbuf(3), remove(3).

        .include "defs.inc"

        .equ    BUFFER_BYTES, 4096
        .equ    O_WRONLY, 1
        .equ    O_RDWR, 2
        .equ    O_CREAT, 0x40
        .equ    O_TRUNC, 0x200
        .equ    O_APPEND, 0x400

# parse_mode(a0 = mode): a0 = open flags, or -1 (EINVAL); a1 = FILE_CAN_*. "r", "w", "a", with "+"; "b" is ignored.
        LOCAL   parse_mode
        lbu     t0, 0(a0)
        li      a1, FILE_CAN_READ
        li      t1, 0                   # O_RDONLY
        addi    t2, t0, -'r'
        beqz    t2, 1f
        li      a1, FILE_CAN_WRITE
        li      t1, O_WRONLY | O_CREAT | O_TRUNC
        addi    t2, t0, -'w'
        beqz    t2, 1f
        li      t1, O_WRONLY | O_CREAT | O_APPEND
        addi    t2, t0, -'a'
        beqz    t2, 1f
        li      a0, EINVAL
        tail    __set_errno
1:      addi    a0, a0, 1
        lbu     t0, 0(a0)
        beqz    t0, 2f
        addi    t0, t0, -'+'
        bnez    t0, 1b
        li      a1, FILE_CAN_READ | FILE_CAN_WRITE
        andi    t1, t1, ~O_WRONLY
        ori     t1, t1, O_RDWR
2:      mv      a0, t1
        ret
        END     parse_mode

# FILE *fopen(const char *path, const char *mode): a stream, or NULL and errno
        FUNC    fopen
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        mv      s1, a1
        mv      a0, a1
        call    parse_mode
        bltz    a0, 1f
        mv      a1, a0
        mv      a0, s0
        li      a2, 0666
        call    __libc_open
        bltz    a0, 1f
        mv      s0, a0
        mv      a1, s1
        call    __libc_fdopen
        bnez    a0, 2f
        mv      a0, s0
        li      a7, SYS_close           # (preserves errno of fdopen)
        ecall
1:      li      a0, 0
2:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     fopen

# FILE *fdopen(int fd, const char *mode): a stream on an open descriptor, or NULL and errno
        FUNC    fdopen
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0                  # s0: fd
        mv      a0, a1
        call    parse_mode
        bltz    a0, 1f
        ori     s1, a1, FILE_OWNED      # s1: flags
        li      a0, FILE_sizeof + BUFFER_BYTES
        call    malloc
        beqz    a0, 2f
        sw      s0, FILE_fd(a0)
        sw      s1, FILE_flags(a0)
        addi    t0, a0, FILE_sizeof
        sd      t0, FILE_buffer(a0)
        li      t0, BUFFER_BYTES
        sd      t0, FILE_capacity(a0)
        sd      zero, FILE_position(a0)
        sd      zero, FILE_end(a0)
        sw      zero, FILE_lock(a0)
        call    link_stream
        j       2f
1:      li      a0, 0
2:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     fdopen

# Put f at the head of the list of open streams; f.
        LOCAL   link_stream
        LOCKED_BY 1f, __stdio_streams_lock
1:      lla     t0, __stdio_streams
        ld      t1, 0(t0)
        sd      t1, FILE_next(a0)
        sd      a0, 0(t0)
        ret
        END     link_stream

# Take f out of that list.
        LOCAL   unlink_stream
        LOCKED_BY 1f, __stdio_streams_lock
1:      lla     t0, __stdio_streams     # t0: the link to f
2:      ld      t1, 0(t0)
        beqz    t1, 4f
        beq     t1, a0, 3f
        addi    t0, t1, FILE_next
        j       2b
3:      ld      t1, FILE_next(a0)
        sd      t1, 0(t0)
4:      ret
        END     unlink_stream

# int fclose(FILE *f): flush and close f; 0, or EOF and errno (f is closed in any case)
        FUNC    fclose
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        call    __libc_fflush
        mv      s1, a0
        mv      a0, s0
        call    unlink_stream
        lw      a0, FILE_fd(s0)
        call    __libc_close
        or      s1, s1, a0
        lw      t0, FILE_flags(s0)
        andi    t1, t0, FILE_OWNED
        andi    t0, t0, ~(FILE_CAN_READ | FILE_CAN_WRITE)
        sw      t0, FILE_flags(s0)
        beqz    t1, 4f
        mv      a0, s0
        call    free
4:      mv      a0, s1
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     fclose

# int fseek(FILE *f, long offset, int whence): 0, or -1 and errno
        FUNC    fseek
        ALSO    fseeko
        LOCKED  unlocked_fseek, a0, FILE_lock
unlocked_fseek:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      a1, 8(sp)
        sd      a2, 0(sp)
        mv      s0, a0
        call    __stdio_sync            # the kernel's offset is now that of the stream
        lw      t0, FILE_flags(s0)
        andi    t0, t0, ~FILE_EOF
        sw      t0, FILE_flags(s0)
        lw      a0, FILE_fd(s0)
        ld      a1, 8(sp)
        ld      a2, 0(sp)
        call    __libc_lseek
        srai    a0, a0, 63              # offset -> 0, error -> -1
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret
        END     fseek

# long ftell(FILE *f): the offset, or -1 and errno
        FUNC    ftell
        ALSO    ftello
        LOCKED  unlocked_ftell, a0, FILE_lock
unlocked_ftell:
        PUSH_RA
        sd      s0, 0(sp)
        mv      s0, a0
        lw      a0, FILE_fd(s0)
        li      a1, 0
        li      a2, 1                   # SEEK_CUR
        call    __libc_lseek
        bltz    a0, 1f
        ld      t0, FILE_position(s0)   # + bytes to write, - bytes read ahead
        ld      t1, FILE_end(s0)
        add     a0, a0, t0
        sub     a0, a0, t1
1:      ld      s0, 0(sp)
        POP_RA
        ret
        END     ftell

# void rewind(FILE *f): seek to the start and clear the error
        FUNC    rewind
        PUSH_RA
        sd      a0, 0(sp)
        li      a1, 0
        li      a2, 0
        call    __libc_fseek
        ld      a0, 0(sp)
        POP_RA
        j       __libc_clearerr
        END     rewind

# int setvbuf(FILE *f, char *buffer, int mode, size_t size): mode 0 full, 1 line, 2 no buffering; with a NULL buffer,
# f keeps its own. 0, or -1 and EINVAL. Only before the first read or write.
        FUNC    setvbuf
        li      t0, 2
        bgtu    a2, t0, 3f
        lw      t0, FILE_flags(a0)
        andi    t0, t0, ~(FILE_LINE | FILE_NONE)
        or      t0, t0, a2              # FILE_LINE is 1, FILE_NONE 2
        sw      t0, FILE_flags(a0)
        beqz    a1, 1f
        beqz    a3, 1f
        sd      a1, FILE_buffer(a0)
        sd      a3, FILE_capacity(a0)
1:      li      a0, 0
        ret
3:      li      a0, EINVAL
        tail    __set_errno
        END     setvbuf

# void setbuf(FILE *f, char *buffer): full buffering with BUFSIZ (1024) bytes at buffer; NULL: no buffering
        FUNC    setbuf
        li      a2, 2
        beqz    a1, 1f
        li      a2, 0
1:      li      a3, 1024
        j       __libc_setvbuf
        END     setbuf

# int remove(const char *path): unlink a file, or rmdir a directory
        FUNC    remove
        PUSH_RA
        sd      a0, 0(sp)
        call    __libc_unlink
        beqz    a0, 1f
        call    __libc___errno_location
        lw      t0, 0(a0)
        li      a0, -1
        li      t1, 21                  # EISDIR
        bne     t0, t1, 1f
        ld      a0, 0(sp)
        call    __libc_rmdir
1:      POP_RA
        ret
        END     remove
