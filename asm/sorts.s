# sorts: the same records sorted by quicksort and by heapsort: one result, two memory access patterns.
#
#   toyvm run asm/sorts.s
#   toyvm trace pages -o sorts.pages asm/sorts.s
#   toyvm locality sorts.pages --references data --heatmap sorts.svg
#
# Look at the picture (docs/lessons/02-locality.md shows it). Quicksort splits the records into two halves, and sorts one half
# completely before the other: most of the time it accesses few pages. Heapsort (the library's qsort) walks from the
# root of its heap to a leaf for every record, and the leaves are everywhere: it accesses the whole heap all the time.

        .equ    RECORDS, 2048
        .equ    SIZE, 128               # bytes of a record: its key, and what stands for the rest

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)

        call    fill
        la      a0, records             # first and last record
        lla     a1, records + (RECORDS - 1) * SIZE
        call    quick
        la      a0, by_quicksort
        call    check

        call    fill                    # the same again
        la      a0, records
        li      a1, RECORDS
        li      a2, SIZE
        la      a3, compare
        call    qsort
        la      a0, by_heapsort
        call    check

        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# Fill the records: keys that look random (a linear congruential generator), always the same.
        .type   fill, @function
fill:   la      t0, records
        li      t1, RECORDS
        li      t2, 1
        li      t3, 6364136223846793005
1:      mul     t2, t2, t3
        addi    t2, t2, 1
        srli    t4, t2, 33
        sd      t4, 0(t0)
        addi    t0, t0, SIZE
        addi    t1, t1, -1
        bnez    t1, 1b
        ret

# quick(first, last): put the records from first to last in order of their keys. Hoare's, with the middle one's key as pivot.
        .type   quick, @function
quick:  bgeu    a0, a1, 9f
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sub     t0, a1, a0
        srli    t0, t0, 8               # half of the distance, in whole records
        slli    t0, t0, 7
        add     t0, a0, t0
        ld      t0, 0(t0)               # t0: pivot
        mv      t1, a0                  # t1 goes up, t2 goes down
        mv      t2, a1
1:      ld      t3, 0(t1)
        bgeu    t3, t0, 2f
        addi    t1, t1, SIZE
        j       1b
2:      ld      t4, 0(t2)
        bgeu    t0, t4, 3f
        addi    t2, t2, -SIZE
        j       2b
3:      bltu    t2, t1, 5f
        mv      a2, t1                  # exchange the records at t1 and t2
        mv      a3, t2
        addi    a4, t1, SIZE
4:      ld      t3, 0(a2)
        ld      t4, 0(a3)
        sd      t4, 0(a2)
        sd      t3, 0(a3)
        addi    a2, a2, 8
        addi    a3, a3, 8
        bne     a2, a4, 4b
        addi    t1, t1, SIZE
        addi    t2, t2, -SIZE
        bgeu    t2, t1, 1b
5:      mv      s0, t1                  # all up to t2 belong before all from t1 on
        mv      s1, a1
        mv      a1, t2
        call    quick
        mv      a0, s0
        mv      a1, s1
        call    quick
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
9:      ret

# compare(record, record): below, equal to or above zero, as qsort wants it.
        .type   compare, @function
compare:
        ld      t0, 0(a0)
        ld      t1, 0(a1)
        sltu    t2, t1, t0
        sltu    t3, t0, t1
        sub     a0, t2, t3
        ret

# check(name): print how many neighbours are in the wrong order, and the sum of all keys.
        .type   check, @function
check:  mv      a1, a0
        la      t0, records
        li      t1, RECORDS - 1
        ld      a3, 0(t0)
        li      a2, 0
1:      ld      t2, 0(t0)
        addi    t0, t0, SIZE
        ld      t3, 0(t0)
        add     a3, a3, t3
        sltu    t4, t3, t2
        add     a2, a2, t4
        addi    t1, t1, -1
        bnez    t1, 1b
        la      a0, line
        tail    printf

        .section .rodata
line:   .string "%s %ld out of order, sum of keys %ld\n"
by_quicksort:
        .string "quicksort:"
by_heapsort:
        .string "heapsort: "

        .bss
        .balign 4096
records:
        .skip   RECORDS * SIZE
