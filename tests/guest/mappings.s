# Mappings cut up: fixed ones over others, holes, protection of a part, a file's last page, memory beyond the file.
        .include "guest.inc"
        .equ    PAGE, 4096
        .text
# look(address in a0): the byte there as a child reads it, or the signal that ended it.
peek:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
        in_child 1f
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
1:      lbu     a0, 0(s0)
        ret

        .globl  main
main:   enter
        li      a0, 0
        li      a1, 8 * PAGE
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        call    mmap
        mv      s0, a0
        li      t0, 8                   # each page holds its own number
        mv      t1, s0
        li      t2, PAGE
1:      sb      t0, 0(t1)
        add     t1, t1, t2
        addi    t0, t0, -1
        bnez    t0, 1b

        li      t0, 2 * PAGE
        add     a0, s0, t0
        li      a1, PAGE
        li      a2, 3
        li      a3, 0x32                # MAP_FIXED over the third page
        li      a4, -1
        li      a5, 0
        call    mmap
        li      t0, 4 * PAGE
        add     a0, s0, t0
        li      a1, PAGE
        call    munmap
        li      t0, 6 * PAGE
        add     a0, s0, t0
        li      a1, PAGE
        li      a2, 0
        call    mprotect
        li      s1, 0
2:      slli    a0, s1, 12
        add     a0, s0, a0
        call    peek
        mv      a2, a0
        mv      a1, s1
        la      a0, line
        call    printf
        addi    s1, s1, 1
        li      t0, 8
        bne     s1, t0, 2b
        li      t0, 3 * PAGE            # one munmap over pages, a hole, and other mappings
        add     a0, s0, t0
        li      a1, 3 * PAGE
        call    munmap
        show    "munmap across a hole: %ld\n"
        mv      a0, s0
        li      a1, 8 * PAGE
        li      a2, 1
        call    mprotect
        show    "mprotect across a hole: %ld\n"
        mv      a0, s0
        li      a1, 8 * PAGE
        call    munmap
        show    "munmap of all the rest: %ld\n"

        # A file of 5000 bytes: its second page ends in zeros, and a third one is SIGBUS.
        li      a0, -100
        la      a1, name
        li      a2, 0x242
        li      a3, 0600
        sys     56
        mv      s2, a0
        li      a1, 5000
        sys     46
        mv      a0, s2
        la      a1, name
        li      a2, 1
        li      a3, 4999
        sys     68                      # pwrite64
        li      a0, 0
        li      a1, 3 * PAGE
        li      a2, 3
        li      a3, 1                   # MAP_SHARED
        mv      a4, s2
        li      a5, 0
        call    mmap
        mv      s3, a0
        li      t0, 4999
        add     t0, s3, t0
        lbu     a0, 0(t0)
        show    "the file's last byte: %c\n"
        li      t0, 5000
        add     t0, s3, t0
        lbu     a0, 0(t0)
        show    "past it: %ld\n"
        li      t0, 2 * PAGE
        add     a0, s3, t0
        call    peek
        show    "the page beyond the file: signal %ld\n"
        li      t0, 'Z'
        sb      t0, 0(s3)
        mv      a0, s2
        sys     57                      # the mapping does not need the descriptor
        lbu     a0, 0(s3)
        show    "after close: %c\n"
        li      a0, -100
        la      a1, name
        li      a2, 0
        li      a3, 0
        sys     56
        mv      s2, a0
        la      a1, byte
        li      a2, 1
        sys     63
        la      t0, byte
        lbu     a0, 0(t0)
        show    "read from the file: %c\n"
        li      a0, 0                   # a shared, writable mapping needs a writable descriptor
        li      a1, PAGE
        li      a2, 3
        li      a3, 1
        mv      a4, s2
        li      a5, 0
        sys     222
        show    "shared and writable from a read-only descriptor: %ld\n"
        li      a0, -100
        la      a1, name
        li      a2, 0
        sys     35
        leave

        .section .rodata
name:   .string "/tmp/toyvm_guest_mappings"
line:   .string "page %d: %d\n"
        .bss
byte:   .skip   1
