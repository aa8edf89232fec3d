# 320 pages, each a mebibyte from the next, so that no two are in one part of a table: read and written by hot code, by children
# one after the other, and after half of them has been taken away. Half of the sums would be wrong if anybody saw another's pages.
        .include "guest.inc"
        .equ    PAGES, 320
        .equ    APART, 1 << 20

        .macro  map address, length, flags
        mv      a0, \address
        li      a1, \length
        li      a2, 3
        li      a3, \flags
        li      a4, -1
        li      a5, 0
        call    mmap
        .endm

        .text
        .globl  main
main:   enter
        map     zero, PAGES * APART, 0x4022     # MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        mv      s0, a0
        li      s1, 50
1:      li      a0, 1
        call    walk
        addi    s1, s1, -1
        bnez    s1, 1b
        show    "fifty rounds: %ld\n"
        in_child five
        show    "a child's, with 256: %ld\n"
        in_child five
        show    "another child's, with 256: %ld\n"
        li      a0, 0
        call    walk
        show    "ours as they were: %ld\n"
        mv      a0, s0
        li      a1, PAGES / 2 * APART
        call    munmap
        map     s0, PAGES / 2 * APART, 0x4032   # and MAP_FIXED
        li      a0, 0
        call    walk
        show    "half of them new: %ld\n"
        in_child five
        show    "a third child's, with 256: %ld\n"
        li      a0, 0
        call    walk
        show    "ours as they were: %ld\n"
        leave

# In a child: five rounds by 2; the status is a thousandth of the sum.
five:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      s1, 5
1:      li      a0, 2
        call    walk
        addi    s1, s1, -1
        bnez    s1, 1b
        li      t0, 1000
        div     a0, a0, t0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# Add a0 to each; a0: the sum of all.
walk:   mv      t0, s0
        li      t1, PAGES
        li      t2, APART
        li      t3, 0
1:      ld      t4, 16(t0)
        add     t4, t4, a0
        sd      t4, 16(t0)
        add     t3, t3, t4
        add     t0, t0, t2
        addi    t1, t1, -1
        bnez    t1, 1b
        mv      a0, t3
        ret
