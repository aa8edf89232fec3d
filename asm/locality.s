# locality: the same sum, row by row and column by column.
#
# A matrix of 64 rows of 512 numbers: one row is exactly one page. A walk along the rows stays on a page for 512
# accesses; a walk down the columns goes to another page with every access. The sums are equal, but the memory system
# is loaded differently: caches, the TLB and swapping depend on programs that access memory near recent accesses.
#
#   toyvm run --stats asm/locality.s
#   toyvm trace pages -o sum.pages asm/locality.s; toyvm locality sum.pages --heatmap sum.svg
#
# Look at the page changes, which the program counts itself. A TLB with fewer entries than the matrix has pages
# misses on nearly every access of the second walk.

        .equ    ROWS, 64
        .equ    COLUMNS, 512
        .equ    ROW_BYTES, COLUMNS * 8

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)

        la      t0, matrix              # matrix[i] = i
        li      t1, 0
        li      t2, ROWS * COLUMNS
1:      sd      t1, 0(t0)
        addi    t0, t0, 8
        addi    t1, t1, 1
        bne     t1, t2, 1b

        li      a0, ROWS                # outer, inner: the inner loop goes along a row
        li      a1, ROW_BYTES
        li      a2, COLUMNS
        li      a3, 8
        call    walk
        mv      a2, a1
        mv      a1, a0
        la      a0, by_rows
        call    printf

        li      a0, COLUMNS             # the inner loop goes down a column
        li      a1, 8
        li      a2, ROWS
        li      a3, ROW_BYTES
        call    walk
        mv      a2, a1
        mv      a1, a0
        la      a0, by_columns
        call    printf

        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# walk(outer count, outer step, inner count, inner step): the sum in a0, the number of page changes in a1.
        .type   walk, @function
walk:   la      t0, matrix              # t0: start of this inner walk
        li      t4, 0                   # t4: the page of the access before
        li      a4, 0                   # a4: sum
        li      a5, 0                   # a5: page changes
1:      mv      t1, t0
        mv      t2, a2
2:      ld      t3, 0(t1)
        add     a4, a4, t3
        srli    t3, t1, 12
        beq     t3, t4, 3f
        addi    a5, a5, 1
        mv      t4, t3
3:      add     t1, t1, a3
        addi    t2, t2, -1
        bnez    t2, 2b
        add     t0, t0, a1
        addi    a0, a0, -1
        bnez    a0, 1b
        mv      a0, a4
        mv      a1, a5
        ret

        .section .rodata
by_rows:
        .string "by rows:    sum %ld, %ld page changes\n"
by_columns:
        .string "by columns: sum %ld, %ld page changes\n"

        .bss
        .balign 4096
matrix: .skip   ROWS * ROW_BYTES
