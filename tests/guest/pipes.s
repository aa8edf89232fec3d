# Pipes: partial reads, end of file, a full pipe, order, and descriptors that fork and dup share.
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        la      a0, ends
        li      a1, 0
        sys     59
        la      t0, ends
        lw      s0, 0(t0)               # s0: reading end
        lw      s1, 4(t0)               # s1: writing end
        mv      a0, s1
        la      a1, letters
        li      a2, 10
        sys     64
        show    "wrote %ld\n"
        mv      a0, s0
        la      a1, buffer
        li      a2, 4
        sys     63
        show    "read %ld of 4\n"
        mv      a0, s0
        la      a1, buffer
        li      a2, 100
        sys     63
        show    "read %ld of 100\n"
        la      t0, buffer
        lbu     a0, 0(t0)
        show    "the fifth letter is %c\n"
        mv      a0, s0
        la      a1, buffer
        li      a2, 0
        sys     63
        show    "reading nothing: %ld\n"
        mv      a0, s1
        la      a1, buffer
        li      a2, 1
        sys     63
        show    "reading the writing end: %ld\n"
        mv      a0, s0
        la      a1, buffer
        li      a2, 1
        sys     64
        show    "writing the reading end: %ld\n"
        mv      a0, s0
        li      a1, 0
        li      a2, 0
        sys     62
        show    "seeking: %ld\n"

        # A child writes 200,000 bytes, more than a pipe holds: it waits for the reader again and again.
        flush
        call    fork
        beqz    a0, writer
        mv      a0, s1
        sys     57
        li      s2, 0
        li      s3, 0
1:      mv      a0, s0
        la      a1, buffer
        li      a2, 4096
        sys     63
        blez    a0, 3f
        add     s2, s2, a0
        la      t0, buffer
        add     t1, t0, a0
2:      lbu     t2, 0(t0)
        add     s3, s3, t2
        addi    t0, t0, 1
        bltu    t0, t1, 2b
        j       1b
3:      show    "end of file: %ld\n"
        mv      a0, s2
        show    "%ld bytes came\n"
        mv      a0, s3
        show    "their sum is %ld\n"
        li      a0, 0
        call    wait

        # Offsets are shared by descriptors that dup made; a closed copy closes nothing.
        mv      a0, s0
        sys     23
        mv      s4, a0
        mv      a0, s0
        sys     57
        mv      a0, s4
        la      a1, buffer
        li      a2, 1
        sys     63
        show    "the copy still reads: %ld\n"
        leave

writer: mv      a0, s0
        sys     57
        li      s2, 50
1:      la      a1, block
        li      t0, 51
        sub     t0, t0, s2
        mv      t1, a1
        li      t2, 4000
        add     t2, t1, t2
2:      sb      t0, 0(t1)
        addi    t1, t1, 1
        bltu    t1, t2, 2b
        mv      a0, s1
        li      a2, 4000
        sys     64
        addi    s2, s2, -1
        bnez    s2, 1b
        li      a0, 0
        call    exit

        .section .rodata
letters:
        .ascii  "abcdefghij"
        .bss
        .balign 8
ends:   .skip   8
buffer: .skip   4096
block:  .skip   4096
