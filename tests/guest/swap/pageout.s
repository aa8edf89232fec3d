# madvise(MADV_PAGEOUT): pages that nobody else maps leave memory at once, and come back as they were when they are touched.
        .include "../guest.inc"
        .equ    PAGE, 4096
        .equ    COUNT, 8
        .text
# resident(): how many of the pages from s0 on are in memory.
resident:
        mv      a0, s0
        li      a1, COUNT * PAGE
        la      a2, vector
        sys     232
        bnez    a0, 2f
        la      t0, vector
        li      t1, COUNT
1:      lbu     t2, 0(t0)
        andi    t2, t2, 1
        add     a0, a0, t2
        addi    t0, t0, 1
        addi    t1, t1, -1
        bnez    t1, 1b
2:      ret

# out(): what madvise says.
out:    mv      a0, s0
        li      a1, COUNT * PAGE
        li      a2, 21
        sys     233
        ret

# sum(): of the pages' first words.
sum:    mv      t0, s0
        li      t1, COUNT
        li      t3, PAGE
        li      a0, 0
1:      ld      t2, 0(t0)
        add     a0, a0, t2
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 1b
        ret

# A child that asks for pages which its parent maps too.
child:  addi    sp, sp, -16
        sd      ra, 8(sp)
        call    out
        call    resident
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .globl  main
main:   enter
        li      a0, 0
        li      a1, COUNT * PAGE
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        mv      s0, a0
        mv      t0, s0
        li      t1, COUNT
        li      t3, PAGE
1:      sd      t1, 0(t0)
        add     t0, t0, t3
        addi    t1, t1, -1
        bnez    t1, 1b
        call    resident
        show    "written: %ld\n"
        call    out
        show    "MADV_PAGEOUT: %ld\n"
        call    resident
        show    "in memory: %ld\n"
        call    sum
        show    "their sum: %ld\n"
        call    resident
        show    "in memory: %ld\n"
        in_child child
        addi    a0, a0, -256
        show    "left to a child that shares them: %ld\n"
        call    out
        call    out
        show    "MADV_PAGEOUT twice: %ld\n"
        li      t0, 1000
        lui     t1, 3
        add     t1, s0, t1
        sd      t0, 0(t1)
        call    out
        call    sum
        show    "the sum with one changed: %ld\n"
        mv      a0, s0
        li      a1, PAGE
        sys     228
        call    out
        show    "with a locked page: %ld\n"
        leave

        .bss
vector: .space  COUNT
