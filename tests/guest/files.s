# Files: create, write, seek, append, truncate, read back, share an offset with a child, unlink while open, descriptors.
        .include "guest.inc"
        .equ    AT_FDCWD, -100
        .text
        .globl  main
main:   enter
        li      a0, AT_FDCWD
        la      a1, name
        li      a2, 0x242               # O_RDWR | O_CREAT | O_TRUNC
        li      a3, 0600
        sys     56
        mv      s0, a0
        slti    a0, a0, 0
        show    "created: %ld\n"
        mv      a0, s0
        la      a1, text
        li      a2, 26
        sys     64
        show    "wrote %ld\n"
        mv      a0, s0
        li      a1, -6
        li      a2, 2
        sys     62
        show    "six before the end is %ld\n"
        call    look
        mv      a0, s0
        li      a1, 100
        li      a2, 0
        sys     62
        show    "beyond the end: %ld\n"
        mv      a0, s0
        la      a1, text
        li      a2, 1
        sys     64
        mv      a0, s0
        li      a1, 0
        li      a2, 2
        sys     62
        show    "a hole was made, the size is %ld\n"
        mv      a0, s0
        la      a1, buffer
        li      a2, 4
        li      a3, 50
        sys     67                      # pread64
        la      t0, buffer
        lw      a0, 0(t0)
        show    "in the hole is %ld\n"
        mv      a0, s0
        li      a1, 10
        sys     46                      # ftruncate
        show    "truncated: %ld\n"
        mv      a0, s0
        li      a1, -1
        li      a2, 0
        sys     62
        show    "seeking before the start: %ld\n"
        mv      a0, s0
        li      a1, 2
        li      a2, 0
        sys     62
        flush
        call    fork
        bnez    a0, 1f
        mv      a0, s0
        li      a1, 3
        li      a2, 1
        sys     62
        li      a0, 0
        sys     93
1:      li      a0, 0
        call    wait
        mv      a0, s0
        li      a1, 0
        li      a2, 1
        sys     62
        show    "the child moved the offset to %ld\n"
        call    look
        li      a0, AT_FDCWD
        la      a1, name
        li      a2, 0xc2                # O_RDWR | O_CREAT | O_EXCL
        li      a3, 0600
        sys     56
        show    "creating it exclusively: %ld\n"
        li      a0, AT_FDCWD
        la      a1, name
        li      a2, 0x401               # O_WRONLY | O_APPEND
        li      a3, 0
        sys     56
        mv      s1, a0
        la      a1, text
        li      a2, 3
        sys     64
        mv      a0, s1
        la      a1, buffer
        li      a2, 1
        sys     63
        show    "reading what is open to write: %ld\n"
        mv      a0, s1
        sys     57
        li      a0, AT_FDCWD
        la      a1, name
        li      a2, 0
        sys     35                      # unlinkat
        show    "unlinked: %ld\n"
        li      a0, AT_FDCWD
        la      a1, name
        li      a2, 0
        sys     56
        show    "gone: %ld\n"
        mv      a0, s0
        li      a1, 8
        li      a2, 0
        sys     62
        call    look
        mv      a0, s0
        sys     57
        show    "closed: %ld\n"
        leave

# look: print what follows the offset.
look:   addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      a0, s0
        la      a1, buffer
        li      a2, 60
        sys     63
        la      t0, buffer
        add     t0, t0, a0
        sb      zero, 0(t0)
        la      a1, buffer
        mv      a2, a0
        la      a0, line
        mv      t0, a1
        call    printf
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
name:   .string "/tmp/toyvm_guest_files"
text:   .string "abcdefghijklmnopqrstuvwxyz"
line:   .string "    '%s' (%d bytes)\n"
        .bss
        .balign 8
buffer: .skip   64
