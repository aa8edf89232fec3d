# overfull: a program that needs more memory than the machine has, and still works.
#
# It writes a number to each of a thousand pages, twice, and checks them all each time. In a machine with enough memory
# this causes a thousand faults. In one with a quarter of that, pages that have not been used for a while are moved to
# the swap area and read back when they are touched. The program cannot detect this, except by time or by asking.
#
# toyvm: with: parts/pagemap.s
# toyvm: qemu: no an emulator of one process has no page tables of its own to show in /proc/self/pagemap
#
#   toyvm run --stats asm/overfull.s
#   toyvm run --memory 1M --swap 8M --stats asm/overfull.s
#   toyvm run --memory 1M --overcommit 1 asm/overfull.s       no swap area: the kernel kills the program
#
# Look at the last line of the output, and at `pages swapped` in the statistics.

        .equ    PAGES, 1000
        .equ    PAGE, 4096

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)

        li      a0, 0
        li      a1, PAGES * PAGE
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    mmap
        li      t0, -1
        beq     a0, t0, failed
        mv      s0, a0                  # s0: the region

        li      a0, 1
        call    round
        li      a0, 2
        call    round

        call    present
        mv      a2, a0
        li      a1, PAGES
        la      a0, in_memory
        call    printf
        li      a0, 0
        j       leave
failed: la      a0, refused
        call    printf
        li      a0, 1
leave:  ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# round(k): write k times its number to each page, then go through all again and print how many are wrong.
        .type   round, @function
round:  addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      a1, a0
        li      t3, PAGE
        li      t4, PAGES
        mv      t0, s0
        li      t1, 1
1:      mul     t2, t1, a1
        sd      t2, 0(t0)
        add     t0, t0, t3
        addi    t1, t1, 1
        ble     t1, t4, 1b

        li      a3, 0                   # wrong ones
        mv      t0, s0
        li      t1, 1
2:      ld      t2, 0(t0)
        mul     t5, t1, a1
        sub     t2, t2, t5
        snez    t2, t2
        add     a3, a3, t2
        add     t0, t0, t3
        addi    t1, t1, 1
        ble     t1, t4, 2b
        la      a0, checked
        li      a2, PAGES
        call    printf
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# present(): how many pages of the region have a frame.
        .type   present, @function
present:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s1, 16(sp)
        sd      s2, 8(sp)
        sd      s3, 0(sp)
        mv      s1, s0
        li      s2, PAGES
        li      s3, 0
1:      mv      a0, s1
        call    frame_of
        not     a0, a0                  # a frame's number is not negative
        srli    a0, a0, 63
        add     s3, s3, a0
        li      t0, PAGE
        add     s1, s1, t0
        addi    s2, s2, -1
        bnez    s2, 1b
        mv      a0, s3
        ld      s3, 0(sp)
        ld      s2, 8(sp)
        ld      s1, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .section .rodata
checked:
        .string "round %d: %d pages written and read back, %d wrong\n"
refused:
        .string "the kernel refuses to promise so much memory\n"
in_memory:
        .string "of %d pages, %d are in memory\n"
