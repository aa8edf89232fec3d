# Mappings that move: to a place given, over what was there, grown into new pages; copy-on-write and protection go along.
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    MAYMOVE, 1
        .equ    FIXED, 3                # with MAYMOVE
        .text
# new_pages(number): private pages that hold 'a', 'b', 'c'...
new_pages:
        slli    s11, a0, 12
        mv      a1, s11
        li      a0, 0
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        mv      t0, a0
        add     t1, a0, s11
        li      t2, 'a'
        li      t3, PAGE
1:      sb      t2, 0(t0)
        addi    t2, t2, 1
        add     t0, t0, t3
        bltu    t0, t1, 1b
        ret

# A child that looks at s3 + s4 pages: what is there, or the signal that ends it.
look:   slli    t0, s4, 12
        add     t0, s3, t0
        lbu     a0, 0(t0)
        ret

# A child that writes to the moved page, which it shares copy-on-write with its parent.
scribble:
        li      t0, 'X'
        sb      t0, 0(s1)
        lbu     a0, 0(s1)
        ret

        .macro  row label, where, pages
        mv      s3, \where
        li      s4, 0
.Lrow\@:
        in_child look
        mv      a2, a0
        mv      a1, s4
        la      a0, \label
        call    printf
        addi    s4, s4, 1
        li      t0, \pages
        bne     s4, t0, .Lrow\@
        .endm

        .globl  main
main:   enter
        li      a0, 4
        call    new_pages
        mv      s0, a0
        li      a0, 5
        call    new_pages
        mv      s1, a0
        li      t0, PAGE                # two pages of the first to the middle of the second
        add     a0, s0, t0
        li      a1, 2 * PAGE
        li      a2, 2 * PAGE
        li      a3, FIXED
        add     a4, s1, t0
        sys     216
        sub     a0, a0, s1
        show    "moved to the second's offset %ld\n"
        row     from, s0, 4
        row     onto, s1, 5
        mv      a0, s1                  # onto itself
        li      a1, 2 * PAGE
        li      a2, 2 * PAGE
        li      a3, FIXED
        li      t0, PAGE
        add     a4, s1, t0
        sys     216
        show    "onto itself: %ld\n"
        mv      a0, s1
        li      a1, PAGE
        li      a2, PAGE
        li      a3, 2
        li      a4, 0
        sys     216
        show    "fixed, but may not move: %ld\n"
        li      t0, 1 << 20             # nothing is mapped there
        mv      a0, t0
        li      a1, PAGE
        li      a2, 2 * PAGE
        li      a3, MAYMOVE
        sys     216
        show    "from nowhere: %ld\n"

        li      a0, 2                   # a read-only page moves and stays read-only
        call    new_pages
        mv      s1, a0
        li      a1, PAGE
        li      a2, 1
        sys     226
        mv      a0, s1
        li      a1, PAGE
        li      a2, 3 * PAGE
        li      a3, MAYMOVE
        sys     216
        mv      s1, a0
        in_child scribble
        show    "a write to the read-only page, moved: signal %ld\n"
        mv      a0, s1
        li      a1, 3 * PAGE
        li      a2, 3
        sys     226
        in_child scribble
        addi    a0, a0, -256
        show    "the child, after mprotect: %c\n"
        lbu     a0, 0(s1)
        show    "and here still: %c\n"
        li      t0, 2 * PAGE
        add     t0, s1, t0
        lbu     a0, 0(t0)
        show    "a page that it grew by: %ld\n"
        mv      a0, s1
        li      a1, 3 * PAGE
        li      a2, PAGE
        li      a3, 0
        sys     216
        sub     a0, a0, s1
        show    "shrunk where it is: %ld\n"
        row     left, s1, 2
        leave

        .section .rodata
from:   .string "from %d: %d\n"
onto:   .string "onto %d: %d\n"
left:   .string "left %d: %d\n"
