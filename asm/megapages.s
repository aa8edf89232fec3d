# megapages: a matrix product in one page of 2 MiB, or in 192 of 4 KiB, and what splits a large page.
#
# Each row of the three matrices has a page of its own, like rows of large matrices. They are in an aligned 2 MiB block of
# anonymous memory, which the kernel may map by one entry of the middle page table. The program is the same in both cases.
#
#   toyvm run --stats asm/megapages.s
#   toyvm run --stats --thp always asm/megapages.s
#   toyvm run --thp always --pagetable --break multiplied asm/megapages.s
#
# Look at page faults and TLB misses: one of each replaces hundreds. Then a child writes to a page, and the parent
# protects one: if a part of a megapage must differ from the rest, the megapage is split into its 512 pages in place.

        .equ    SIZE, 64                # rows and columns
        .equ    ROW, 4096               # bytes from one row to the next
        .equ    MATRIX, SIZE * ROW
        .equ    MEGAPAGE, 2 << 20

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)

        li      a0, 0                   # 4 MiB, of which 2 are aligned
        li      a1, 2 * MEGAPAGE
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    mmap
        li      t0, MEGAPAGE - 1
        add     s0, a0, t0
        not     t0, t0
        and     s0, s0, t0

        mv      a0, s0
        call    fill
        mv      a0, s0
        call    multiply
        .globl  multiplied
multiplied:
        mv      a0, s0
        call    trace_of
        mv      a1, a0
        la      a0, product
        call    printf
        li      a0, 0                   # or the child would print that again
        call    fflush

        call    fork
        bnez    a0, 1f
        li      t0, 2 * MATRIX          # the child changes the product's first number for itself
        add     t0, t0, s0
        sd      zero, 0(t0)
        .globl  written
written:
        mv      a0, s0
        call    trace_of
        mv      a1, a0
        la      a0, child
        call    printf
        li      a0, 0
        call    exit
1:      addi    a0, sp, 8
        call    wait

        li      a1, ROW                 # the parent protects the first row of the first matrix
        mv      a0, s0
        li      a2, 1                   # PROT_READ
        call    mprotect
        mv      a0, s0
        call    trace_of
        mv      a1, a0
        la      a0, parent
        call    printf

        li      a0, 0
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret

# fill(matrices): a[i][k] = i + k, b[k][j] = k - 2j.
        .type   fill, @function
fill:   li      t0, 0                   # t0: i, or k
        li      t5, SIZE
1:      li      t1, 0                   # t1: k, or j
        mv      t2, a0                  # t2: a's row
        li      t3, MATRIX
        add     t3, t3, a0              # t3: b's row
2:      add     t4, t0, t1
        sd      t4, 0(t2)
        sub     t4, t4, t1
        sub     t4, t4, t1
        sub     t4, t4, t1
        sd      t4, 0(t3)
        addi    t2, t2, 8
        addi    t3, t3, 8
        addi    t1, t1, 1
        bne     t1, t5, 2b
        li      t4, ROW
        add     a0, a0, t4
        addi    t0, t0, 1
        bne     t0, t5, 1b
        ret

# multiply(matrices): the third is the product of the first two.
        .type   multiply, @function
multiply:
        li      a1, MATRIX
        add     a1, a1, a0              # a0, a1, a2: a's row, b, the product's row
        li      a2, MATRIX
        add     a2, a2, a1
        li      a6, ROW
        li      a7, SIZE
        li      t0, SIZE                # t0: rows to do
1:      li      t1, 0                   # t1: column, in bytes
2:      mv      t2, a0
        add     t3, a1, t1
        li      t4, 0                   # t4: sum
        mv      t5, a7
3:      ld      a3, 0(t2)               # along a row of a, down a column of b: another page with each step
        ld      a4, 0(t3)
        mul     a3, a3, a4
        add     t4, t4, a3
        addi    t2, t2, 8
        add     t3, t3, a6
        addi    t5, t5, -1
        bnez    t5, 3b
        add     a3, a2, t1
        sd      t4, 0(a3)
        addi    t1, t1, 8
        li      a3, 8 * SIZE
        bne     t1, a3, 2b
        add     a0, a0, a6
        add     a2, a2, a6
        addi    t0, t0, -1
        bnez    t0, 1b
        ret

# trace_of(matrices): the sum of the product's diagonal.
        .type   trace_of, @function
trace_of:
        li      t0, 2 * MATRIX
        add     t0, t0, a0
        li      t1, SIZE
        li      t2, ROW + 8
        li      a0, 0
1:      ld      t3, 0(t0)
        add     a0, a0, t3
        add     t0, t0, t2
        addi    t1, t1, -1
        bnez    t1, 1b
        ret

        .section .rodata
product:
        .string "product: trace %ld\n"
child:  .string "child:   trace %ld\n"
parent: .string "parent:  trace %ld\n"
