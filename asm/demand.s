# demand: memory is allocated when it is touched, not when it is mapped.
#
# mmap of 1000 pages only records a region (VMA) of the process. A page gets a frame at the first access, by a page
# fault. So a program can map much and use little, and many such programs fit into a small memory.
#
# toyvm: with: parts/pagemap.s
#
#   toyvm run --stats asm/demand.s
#   toyvm run --trace=faults asm/demand.s
#   toyvm run --memory 4M asm/demand.s            1000 pages are nearly all the memory of this machine
#
# Look at the faults: ten in the new region, one for each page that was touched.

        .equ    PAGES, 1000
        .equ    EVERY, 100
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

        la      a0, mapped
        call    report
        li      t0, PAGES / EVERY
        mv      t1, s0
        li      t2, EVERY * PAGE
1:      sd      t0, 0(t1)
        add     t1, t1, t2
        addi    t0, t0, -1
        bnez    t0, 1b
        la      a0, touched
        call    report

        mv      a0, s0
        li      a1, PAGES * PAGE
        call    munmap
        li      a0, 0
        j       leave
failed: li      a0, 1
leave:  ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# report(format): print how many pages of the region have a frame.
        .type   report, @function
report: addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s1, 32(sp)
        sd      s2, 24(sp)
        sd      s3, 16(sp)
        sd      s4, 8(sp)
        mv      s1, a0
        li      s2, 0                   # pages with a frame
        mv      s3, s0
        li      s4, PAGES
1:      mv      a0, s3
        call    frame_of
        not     a0, a0                  # a frame's number is not negative
        srli    a0, a0, 63
        add     s2, s2, a0
        li      t0, PAGE
        add     s3, s3, t0
        addi    s4, s4, -1
        bnez    s4, 1b
        mv      a0, s1
        li      a1, PAGES
        mv      a2, s2
        call    printf
        ld      s4, 8(sp)
        ld      s3, 16(sp)
        ld      s2, 24(sp)
        ld      s1, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

        .section .rodata
mapped: .string "mapped %d pages: %d have a frame\n"
touched:
        .string "touched one page in a hundred of %d: %d have a frame\n"
