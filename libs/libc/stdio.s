# Stream output: FILE, stdout, stderr, and the output functions. stdio(3), setvbuf(3)
#
# stdout is line buffered, even if it is not a terminal. The buffer is flushed after a call whose text contains a
# newline, if it is full, and by fflush, exit, fork (process.s) and reads from stdin. So the lines of several processes
# appear in the order in which they were printed, even through a pipe. stderr is not buffered: each call is one
# write.
#
# If a write fails, the stream's error flag is set, and functions return EOF (-1).

        .include "defs.inc"

        .equ    BUFFER_BYTES, 1024

# int __stdio_write(FILE *f, const char *s, size_t n): append; 0 or -1. All output functions use it.
# The caller calls __stdio_settle after the last write.
        HIDDEN  __stdio_write
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0                  # s0: f
        mv      s1, a1                  # s1: s
        mv      s2, a2                  # s2: n
        lw      t0, FILE_flags(s0)
        andi    t1, t0, FILE_CAN_WRITE
        beqz    t1, 8f
        andi    t1, t0, FILE_INPUT
        beqz    t1, 1f
        call    __stdio_end_input
        mv      a0, s0
1:      beqz    s2, 5f
        ld      t0, FILE_position(s0)
        ld      s3, FILE_capacity(s0)
        sub     s3, s3, t0              # s3: room
        bnez    s3, 2f
        lw      t1, FILE_flags(s0)
        andi    t1, t1, FILE_STRING
        bnez    t1, 5f                  # a string is full: discard the rest
        mv      a0, s0
        call    __stdio_flush
        bltz    a0, 6f
        j       1b
2:      bleu    s3, s2, 3f
        mv      s3, s2                  # s3: number of bytes to copy now
3:      ld      a0, FILE_buffer(s0)
        add     a0, a0, t0
        add     t0, t0, s3
        sd      t0, FILE_position(s0)
        mv      a1, s1
        mv      a2, s3
        call    __libc_memcpy
        lw      t0, FILE_flags(s0)
        andi    t1, t0, FILE_LINE
        beqz    t1, 4f
        mv      a0, s1                  # a newline: set the flag for __stdio_settle
        li      a1, '\n'
        mv      a2, s3
        call    __libc_memrchr
        beqz    a0, 4f
        lw      t0, FILE_flags(s0)
        ori     t0, t0, FILE_NEWLINE
        sw      t0, FILE_flags(s0)
4:      add     s1, s1, s3
        sub     s2, s2, s3
        j       1b
5:      li      a0, 0
6:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        addi    sp, sp, 48
        ret
8:      ori     t0, t0, FILE_ERROR      # not open for writing
        sw      t0, FILE_flags(s0)
        li      a0, EBADF
        call    __set_errno
        j       6b
        END     __stdio_write

# int __stdio_settle(FILE *f): end an output call: flush as the buffering mode of the stream requires
        HIDDEN  __stdio_settle
        lw      t0, FILE_flags(a0)
        andi    t0, t0, FILE_NONE | FILE_NEWLINE
        bnez    t0, __stdio_flush
        li      a0, 0
        ret
        END     __stdio_settle

# int __stdio_flush_output(FILE *f): nothing for input; otherwise take the lock, and write the buffer; 0, or -1 and errno
        HIDDEN  __stdio_flush_output
        lw      t0, FILE_flags(a0)
        andi    t0, t0, FILE_INPUT
        beqz    t0, 1f
        li      a0, 0
        ret
1:      LOCKED  __stdio_flush, a0, FILE_lock
        # falls through
        END     __stdio_flush_output

# int __stdio_flush(FILE *f): write the buffer; 0, or -1 and errno
        HIDDEN  __stdio_flush
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        mv      s0, a0
        lw      t0, FILE_flags(s0)
        andi    t0, t0, FILE_INPUT | FILE_STRING
        li      a0, 0
        bnez    t0, 3f
        ld      s1, FILE_buffer(s0)
        ld      s2, FILE_position(s0)
        lw      t0, FILE_flags(s0)
        andi    t0, t0, ~FILE_NEWLINE
        sw      t0, FILE_flags(s0)
        sd      zero, FILE_position(s0) # also after an error: the same bytes would fail again
1:      beqz    s2, 2f
        lw      a0, FILE_fd(s0)
        mv      a1, s1
        mv      a2, s2
        call    __libc_write
        blez    a0, 4f
        add     s1, s1, a0
        sub     s2, s2, a0
        j       1b
2:      li      a0, 0
3:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        addi    sp, sp, 48
        ret
4:      lw      t0, FILE_flags(s0)
        ori     t0, t0, FILE_ERROR
        sw      t0, FILE_flags(s0)
        li      a0, -1
        j       3b
        END     __stdio_flush

# int __stdio_flush_all(void): flush all streams; 0, or -1 if one failed. exit and fork call it.
        HIDDEN  __stdio_flush_all
        LOCKED_BY flush_all, __stdio_streams_lock
flush_all:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        li      s1, 0
        lla     t0, __stdio_streams
        ld      s0, 0(t0)
1:      beqz    s0, 2f
        ld      t0, FILE_position(s0)
        beqz    t0, 3f
        mv      a0, s0
        call    __stdio_flush_output
        or      s1, s1, a0
3:      ld      s0, FILE_next(s0)
        j       1b
2:      mv      a0, s1
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     __stdio_flush_all

# int __stdio_end_input(FILE *f): discard the read-ahead, and move the file offset back over it
        HIDDEN  __stdio_end_input
        PUSH_RA
        sd      s0, 0(sp)
        mv      s0, a0
        ld      t0, FILE_position(s0)
        ld      t1, FILE_end(s0)
        sd      zero, FILE_position(s0)
        sd      zero, FILE_end(s0)
        lw      t2, FILE_flags(s0)
        andi    t2, t2, ~(FILE_INPUT | FILE_EOF)
        sw      t2, FILE_flags(s0)
        sub     a1, t0, t1
        beqz    a1, 1f
        lw      a0, FILE_fd(s0)
        li      a2, 1                   # SEEK_CUR
        call    __libc_lseek            # fails for a pipe: the read-ahead is lost, as in other C libraries
1:      li      a0, 0
        ld      s0, 0(sp)
        POP_RA
        ret
        END     __stdio_end_input

# int fflush(FILE *f): flush f, or all streams if f is NULL; 0 or EOF
        FUNC    fflush
        beqz    a0, 1f
        LOCKED  __stdio_sync, a0, FILE_lock
1:      j       __stdio_flush_all
        END     fflush

# int __stdio_sync(FILE *f): write the buffer, or discard the read-ahead
        HIDDEN  __stdio_sync
        lw      t0, FILE_flags(a0)
        andi    t0, t0, FILE_INPUT
        bnez    t0, __stdio_end_input
        j       __stdio_flush
        END     __stdio_sync

# int fputc(int c, FILE *f): c, or EOF
        FUNC    fputc
        ALSO    putc
        LOCKED  unlocked_fputc, a1, FILE_lock
unlocked_fputc:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        mv      s0, a1
        sb      a0, 0(sp)
        mv      a0, a1
        mv      a1, sp
        li      a2, 1
        call    __stdio_write
        bltz    a0, 1f
        mv      a0, s0
        call    __stdio_settle
        bltz    a0, 1f
        lbu     a0, 0(sp)
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret
        END     fputc

# int putchar(int c): c, or EOF
        FUNC    putchar
        la      a1, stdout
        ld      a1, 0(a1)
        j       __libc_fputc
        END     putchar

# int fputs(const char *s, FILE *f): not negative, or EOF
        FUNC    fputs
        LOCKED  unlocked_fputs, a1, FILE_lock
unlocked_fputs:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a1
        mv      s1, a0
        call    __libc_strlen
        mv      a2, a0
        mv      a1, s1
        mv      a0, s0
        call    __stdio_write
        bltz    a0, 1f
        mv      a0, s0
        call    __stdio_settle
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     fputs

# int puts(const char *s): write s and a newline to stdout in one call; not negative, or EOF
        FUNC    puts
        la      a1, stdout
        ld      a1, 0(a1)
        LOCKED  unlocked_puts, a1, FILE_lock
unlocked_puts:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a1
        mv      s1, a0
        call    __libc_strlen
        mv      a2, a0
        mv      a1, s1
        mv      a0, s0
        call    __stdio_write
        bltz    a0, 1f
        mv      a0, s0
        lla     a1, newline
        li      a2, 1
        call    __stdio_write
        bltz    a0, 1f
        mv      a0, s0
        call    __stdio_settle
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     puts

# size_t fwrite(const void *items, size_t size, size_t count, FILE *f): write items; the number of items written
        FUNC    fwrite
        LOCKED  unlocked_fwrite, a3, FILE_lock
unlocked_fwrite:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a3
        mv      s1, a2                  # s1: the result
        mv      t0, a1
        mv      a1, a0
        mul     a2, a2, t0
        beqz    a2, 1f
        mv      a0, s0
        call    __stdio_write
        bltz    a0, 1f
        mv      a0, s0
        call    __stdio_settle
        bgez    a0, 2f
1:      li      s1, 0
2:      mv      a0, s1
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     fwrite

# The standard streams. Programs see pointers, which a program linked at fixed addresses may copy to its own .bss
# (R_RISCV_COPY). So the library reads them through the global offset table too.
        .section .rodata
newline:
        .ascii  "\n"

        .data
        .balign 8
        .macro  STREAM name, fd, flags, next
        .globl  \name
        .type   \name, @object
        .size   \name, 8
\name:  .dword  file_\name
file_\name:
        .word   \fd, \flags
        .dword  buffer_\name, BUFFER_BYTES, 0, 0, \next, 0
        .pushsection .bss
        .balign 8
buffer_\name:
        .skip   BUFFER_BYTES
        .popsection
        .endm
        STREAM  stdin, 0, FILE_CAN_READ, 0
        STREAM  stdout, 1, FILE_CAN_WRITE | FILE_LINE, file_stdin
        STREAM  stderr, 2, FILE_CAN_WRITE | FILE_NONE, file_stdout

# The head of the list of open streams.
        .globl  __stdio_streams
        .hidden __stdio_streams
        .type   __stdio_streams, @object
        .size   __stdio_streams, 8
__stdio_streams:
        .dword  file_stderr

        .bss
        .balign 4
        .globl  __stdio_streams_lock
        .hidden __stdio_streams_lock
        .type   __stdio_streams_lock, @object
        .size   __stdio_streams_lock, 4
__stdio_streams_lock:
        .skip   4
