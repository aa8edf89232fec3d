# Loads and stores at every alignment and across pages; and across the end of a mapping, where they must not half happen.
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, 2 * 4096
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        call    mmap
        mv      s0, a0
        li      t0, 4096
        add     s1, s0, t0              # s1: the boundary of the two pages
        li      s2, 0x1122334455667788
        li      s3, 1                   # each way to lie across the boundary
1:      sub     t0, s1, s3
        sd      s2, 0(t0)
        lw      t1, 4(t0)
        lhu     t2, 3(t0)
        ld      t3, 0(t0)
        sub     t3, t3, s2
        mv      a1, s3
        mv      a2, t1
        mv      a3, t2
        mv      a4, t3
        la      a0, line
        call    printf
        addi    s3, s3, 1
        li      t0, 8
        bne     s3, t0, 1b

        mv      a0, s1
        li      a1, 4096
        call    munmap
        sd      s2, -8(s1)
        in_child across
        show    "a store across the end of the mapping: signal %ld\n"
        in_child across_and_look
        show    "in a handler's eyes the first half is as it was: %ld\n"
        leave

across: li      t0, -1
        sd      t0, -4(s1)
        li      a0, 0
        ret

# As across, with a handler that exits with 7 when the bytes before the boundary are untouched.
across_and_look:
        addi    sp, sp, -32
        la      t0, handler
        sd      t0, 0(sp)
        sd      zero, 8(sp)
        sd      zero, 16(sp)
        li      a0, 11
        mv      a1, sp
        li      a2, 0
        li      a3, 8
        sys     134
        li      t0, -1
        sd      t0, -4(s1)
        li      a0, 0
        call    exit
handler:
        ld      t0, -8(s1)
        li      a0, 7
        beq     t0, s2, 1f
        li      a0, 8
1:      sys     93

        .section .rodata
line:   .string "%d bytes before: lw %08x lhu %04x ld %ld\n"
