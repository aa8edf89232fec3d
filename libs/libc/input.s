# Stream input: getc(3), fgets(3), fread(3), getline(3). One read call fills the stream's buffer.

        .include "defs.inc"

# int fill_buffer(FILE *f): read input into the empty buffer; 0, or -1 at the end or on an error.
# stdout is flushed first, so that a prompt is visible before the program waits.
        LOCAL   fill_buffer
        PUSH_RA
        sd      s0, 0(sp)
        mv      s0, a0
        lw      t0, FILE_flags(s0)
        andi    t1, t0, FILE_CAN_READ
        beqz    t1, 3f
        andi    t1, t0, FILE_STRING
        bnez    t1, 6f
        andi    t1, t0, FILE_INPUT
        bnez    t1, 1f
        call    __stdio_flush           # the stream was written to before
1:      la      a0, stdout
        ld      a0, 0(a0)
        beq     a0, s0, 5f
        call    __stdio_flush_output
5:      lw      a0, FILE_fd(s0)
        ld      a1, FILE_buffer(s0)
        ld      a2, FILE_capacity(s0)
        call    __libc_read
        lw      t0, FILE_flags(s0)
        sd      zero, FILE_position(s0)
        sd      zero, FILE_end(s0)
        ori     t0, t0, FILE_INPUT
        bgtz    a0, 2f
        ori     t1, t0, FILE_EOF
        ori     t0, t0, FILE_ERROR
        bltz    a0, 4f
        mv      t0, t1
        j       4f
2:      sd      a0, FILE_end(s0)
        sw      t0, FILE_flags(s0)
        li      a0, 0
        ld      s0, 0(sp)
        POP_RA
        ret
3:      li      a0, EBADF
        call    __set_errno
        lw      t0, FILE_flags(s0)
        ori     t0, t0, FILE_ERROR
        j       4f
6:      ori     t0, t0, FILE_EOF        # sscanf's string
4:      sw      t0, FILE_flags(s0)
        li      a0, -1
        ld      s0, 0(sp)
        POP_RA
        ret
        END     fill_buffer

# int fgetc(FILE *f): the next byte, or EOF (-1)
        FUNC    fgetc
        ALSO    getc
        LOCKED  __stdio_getc, a0, FILE_lock
        # falls through
        END     fgetc

# int __stdio_getc(FILE *f): the same for those who have locked the stream
        HIDDEN  __stdio_getc
        ld      t0, FILE_position(a0)
        ld      t1, FILE_end(a0)        # 0 in a stream that is being written to
        bgeu    t0, t1, 1f
        ld      t2, FILE_buffer(a0)
        add     t2, t2, t0
        addi    t0, t0, 1
        sd      t0, FILE_position(a0)
        lbu     a0, 0(t2)
        ret
1:      PUSH_RA
        sd      a0, 0(sp)
        call    fill_buffer
        mv      t0, a0
        ld      a0, 0(sp)
        POP_RA
        beqz    t0, __stdio_getc
        li      a0, -1
        ret
        END     __stdio_getc

# int getchar(void): the next byte of stdin, or EOF
        FUNC    getchar
        la      a0, stdin
        ld      a0, 0(a0)
        j       __libc_fgetc
        END     getchar

# int ungetc(int c, FILE *f): push c back; EOF if there is no room (one byte after a read is guaranteed)
        FUNC    ungetc
        LOCKED  unlocked_ungetc, a1, FILE_lock
unlocked_ungetc:
        bltz    a0, 1f
        ld      t0, FILE_position(a1)
        beqz    t0, 1f
        lw      t1, FILE_flags(a1)
        andi    t2, t1, FILE_INPUT
        beqz    t2, 1f
        andi    t1, t1, ~FILE_EOF
        sw      t1, FILE_flags(a1)
        addi    t0, t0, -1
        sd      t0, FILE_position(a1)
        ld      t1, FILE_buffer(a1)
        add     t1, t1, t0
        sb      a0, 0(t1)
        andi    a0, a0, 0xff
        ret
1:      li      a0, -1
        ret
        END     ungetc

# char *fgets(char *s, int size, FILE *f): read at most size - 1 bytes, up to and including a newline; NULL at the end
        FUNC    fgets
        LOCKED  unlocked_fgets, a2, FILE_lock
unlocked_fgets:
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0
        mv      s1, a0                  # s1: address of the next byte
        addi    s2, a1, -1              # s2: room left
        mv      s3, a2
        bltz    s2, 3f
1:      blez    s2, 2f
        mv      a0, s3
        call    __stdio_getc
        bltz    a0, 4f
        sb      a0, 0(s1)
        addi    s1, s1, 1
        addi    s2, s2, -1
        addi    a0, a0, -'\n'
        bnez    a0, 1b
2:      sb      zero, 0(s1)
        mv      a0, s0
        j       5f
4:      lw      t0, FILE_flags(s3)
        andi    t0, t0, FILE_ERROR
        bnez    t0, 3f
        bne     s1, s0, 2b
3:      li      a0, 0
5:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
        END     fgets

# size_t fread(void *items, size_t size, size_t count, FILE *f): read items; the number of whole items read
        FUNC    fread
        LOCKED  unlocked_fread, a3, FILE_lock
unlocked_fread:
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mul     s1, a1, a2              # s1: bytes wanted
        mv      s0, a0                  # s0: their address
        mv      s2, a3
        mv      s3, a1                  # s3: size of an item
        sd      s1, 0(sp)
        beqz    s1, 4f
1:      ld      a2, FILE_end(s2)
        ld      t0, FILE_position(s2)
        sub     a2, a2, t0              # a2: bytes in the buffer
        bgtz    a2, 2f
        mv      a0, s2
        call    fill_buffer
        beqz    a0, 1b
        j       3f
2:      bleu    a2, s1, 5f
        mv      a2, s1
5:      ld      a1, FILE_buffer(s2)
        add     a1, a1, t0
        add     t0, t0, a2
        sd      t0, FILE_position(s2)
        mv      a0, s0
        add     s0, s0, a2
        sub     s1, s1, a2
        call    __libc_memcpy
        bnez    s1, 1b
3:      ld      a0, 0(sp)
        sub     a0, a0, s1
        divu    a0, a0, s3
        j       6f
4:      li      a0, 0
6:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
        END     fread

# ssize_t getline(char **line, size_t *size, FILE *f): read a line, including the newline, into *line of *size bytes,
# which realloc enlarges if necessary; the length, or -1 at the end
        FUNC    getline
        LOCKED  unlocked_getline, a2, FILE_lock
unlocked_getline:
        addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      s0, 48(sp)
        sd      s1, 40(sp)
        sd      s2, 32(sp)
        sd      s3, 24(sp)
        sd      s4, 16(sp)
        mv      s0, a0                  # s0: line
        mv      s1, a1                  # s1: size
        mv      s2, a2                  # s2: f
        li      s3, 0                   # s3: bytes so far
        ld      t0, 0(s0)
        bnez    t0, 1f
        sd      zero, 0(s1)
1:      mv      a0, s2
        call    __stdio_getc
        mv      s4, a0                  # s4: the byte
        addi    t0, s3, 2               # room for it and a NUL
        ld      t1, 0(s1)
        bgeu    t1, t0, 2f
        slli    a1, t1, 1
        bnez    a1, 3f
        li      a1, 128
3:      sd      a1, 0(sp)
        ld      a0, 0(s0)
        call    realloc
        beqz    a0, 5f
        sd      a0, 0(s0)
        ld      a1, 0(sp)
        sd      a1, 0(s1)
2:      ld      t0, 0(s0)
        add     t0, t0, s3
        bltz    s4, 4f
        sb      s4, 0(t0)
        addi    s3, s3, 1
        addi    t1, s4, -'\n'
        bnez    t1, 1b
        addi    t0, t0, 1
        sb      zero, 0(t0)
        mv      a0, s3
        j       6f
4:      sb      zero, 0(t0)
        mv      a0, s3
        bnez    s3, 6f
5:      li      a0, -1
6:      ld      ra, 56(sp)
        ld      s0, 48(sp)
        ld      s1, 40(sp)
        ld      s2, 32(sp)
        ld      s3, 24(sp)
        ld      s4, 16(sp)
        addi    sp, sp, 64
        ret
        END     getline

# int feof(FILE *f): 1 if a read has reached the end
        FUNC    feof
        lw      a0, FILE_flags(a0)
        andi    a0, a0, FILE_EOF
        ret
        END     feof

# int ferror(FILE *f): 1 if an operation has failed
        FUNC    ferror
        lw      a0, FILE_flags(a0)
        andi    a0, a0, FILE_ERROR
        ret
        END     ferror

# void clearerr(FILE *f): clear both flags
        FUNC    clearerr
        lw      t0, FILE_flags(a0)
        andi    t0, t0, ~(FILE_EOF | FILE_ERROR)
        sw      t0, FILE_flags(a0)
        ret
        END     clearerr

# int fileno(FILE *f): the file descriptor
        FUNC    fileno
        lw      a0, FILE_fd(a0)
        ret
        END     fileno
