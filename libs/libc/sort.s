# Sorting and searching: qsort(3), bsearch(3).
#
# qsort is a heapsort: in place, O(n log n) comparisons in the worst case, not stable. It uses bottom-up sift
# (Wegener 1993), with half the comparisons of the textbook version. An element moved from the end of the heap to its
# root usually belongs near the leaves. So the sift first descends to a leaf along the larger children, with one
# comparison per level, and then climbs to the position of the element.

        .include "defs.inc"

# void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
#   s0 base, s1 heap size, s2 element size, s3 compare, s4 root of the sift, s5 position in the heap
        FUNC    qsort
        li      t0, 2
        bltu    a1, t0, 9f
        beqz    a2, 9f
        addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      s0, 48(sp)
        sd      s1, 40(sp)
        sd      s2, 32(sp)
        sd      s3, 24(sp)
        sd      s4, 16(sp)
        sd      s5, 8(sp)
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        mv      s3, a3

        srli    s4, s1, 1               # build the heap: sift each element with children, last first
1:      beqz    s4, 2f
        addi    s4, s4, -1
        call    sift
        j       1b
2:      addi    s1, s1, -1              # move the largest after the heap, which shrinks by one
        beqz    s1, 3f
        mv      a0, s0
        mul     a1, s1, s2
        add     a1, a1, s0
        call    swap
        li      s4, 0
        call    sift
        j       2b

3:      ld      ra, 56(sp)
        ld      s0, 48(sp)
        ld      s1, 40(sp)
        ld      s2, 32(sp)
        ld      s3, 24(sp)
        ld      s4, 16(sp)
        ld      s5, 8(sp)
        addi    sp, sp, 64
9:      ret
        END     qsort

# Sift element s4, which may be smaller than its children, down. Uses qsort's registers.
        LOCAL   sift
        PUSH_RA
        mv      s5, s4
1:      slli    t0, s5, 1               # children of i: 2 i + 1, 2 i + 2
        addi    t0, t0, 2
        bgeu    t0, s1, 3f
        mv      s5, t0
        mul     a1, t0, s2
        add     a1, a1, s0
        sub     a0, a1, s2
        jalr    s3
        blez    a0, 1b                  # the second child is not smaller
        addi    s5, s5, -1
        j       1b
3:      bne     t0, s1, 4f              # an only child
        addi    s5, t0, -1
4:      beq     s5, s4, 6f              # climb to the first that is not smaller than the element
        mul     a0, s4, s2
        add     a0, a0, s0
        mul     a1, s5, s2
        add     a1, a1, s0
        jalr    s3
        blez    a0, 5f
        addi    s5, s5, -1
        srli    s5, s5, 1
        j       4b
5:      beq     s5, s4, 6f              # insert it; the elements on the way move up, swapped through the root
        mul     a0, s4, s2
        add     a0, a0, s0
        mul     a1, s5, s2
        add     a1, a1, s0
        call    swap
        addi    s5, s5, -1
        srli    s5, s5, 1
        j       5b
6:      POP_RA
        ret
        END     sift

# Swap s2 bytes at a0 and a1.
        LOCAL   swap
        add     t6, a0, s2
        or      t0, a0, a1
        or      t0, t0, s2
        andi    t0, t0, 7
        bnez    t0, 2f
1:      ld      t0, 0(a0)
        ld      t1, 0(a1)
        sd      t1, 0(a0)
        sd      t0, 0(a1)
        addi    a0, a0, 8
        addi    a1, a1, 8
        bne     a0, t6, 1b
        ret
2:      lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        sb      t1, 0(a0)
        sb      t0, 0(a1)
        addi    a0, a0, 1
        addi    a1, a1, 1
        bne     a0, t6, 2b
        ret
        END     swap

# void *bsearch(const void *key, const void *base, size_t count, size_t size, int (*compare)(const void *, const void *)):
# an element equal to key, or NULL
        FUNC    bsearch
        addi    sp, sp, -64
        sd      ra, 56(sp)
        sd      s0, 48(sp)
        sd      s1, 40(sp)
        sd      s2, 32(sp)
        sd      s3, 24(sp)
        sd      s4, 16(sp)
        sd      s5, 8(sp)
        mv      s0, a0
        mv      s1, a1                  # s1: start of the range
        mv      s2, a2                  # s2: count of the range
        mv      s3, a3
        mv      s4, a4
1:      beqz    s2, 3f
        srli    t0, s2, 1
        mul     s5, t0, s3
        add     s5, s5, s1              # s5: the middle element
        mv      a0, s0
        mv      a1, s5
        jalr    s4
        beqz    a0, 4f
        srli    t0, s2, 1
        bltz    a0, 2f
        add     s1, s5, s3              # the upper half, without the middle
        sub     t0, s2, t0
        addi    t0, t0, -1
2:      mv      s2, t0
        j       1b
3:      li      s5, 0
4:      mv      a0, s5
        ld      ra, 56(sp)
        ld      s0, 48(sp)
        ld      s1, 40(sp)
        ld      s2, 32(sp)
        ld      s3, 24(sp)
        ld      s4, 16(sp)
        ld      s5, 8(sp)
        addi    sp, sp, 64
        ret
        END     bsearch
