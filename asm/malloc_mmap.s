# malloc_mmap: malloc is a library function; it uses sbrk for small blocks and mmap for large ones.
#
# The program break shows which: for a small block it moves (or the block is below it already); for a large block it
# does not move. free returns a large block to the kernel at once, so a child that still uses it is killed by
# SIGSEGV. A small one goes to a free list of the library, and the next malloc returns it.
#
#   toyvm run asm/malloc_mmap.s
#   toyvm run --trace=syscalls asm/malloc_mmap.s
#
# Look at the brk, mmap and munmap calls in the trace: one brk for many small blocks, one mmap for each large one.

        .equ    SMALL, 100
        .equ    LARGE, 1 << 20

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)

        li      a0, SMALL
        call    malloc
        mv      s0, a0                  # s0: a small block
        li      a0, 0
        call    sbrk
        mv      s1, a0                  # s1: the break
        la      a0, small_block
        la      a1, below
        bltu    s0, s1, 1f
        la      a1, above
1:      call    printf

        li      a0, LARGE
        call    malloc
        mv      s2, a0                  # s2: a large block
        la      a0, large_block
        la      a1, below
        bltu    s2, s1, 2f
        la      a1, above
2:      call    printf
        li      a0, 0
        call    sbrk
        la      a1, stood
        beq     a0, s1, 3f
        la      a1, moved
3:      la      a0, break_has
        call    printf

        mv      a0, s0
        call    free
        li      a0, SMALL
        call    malloc
        la      a1, same
        beq     a0, s0, 4f
        la      a1, different
4:      la      a0, reused
        call    printf

        li      t0, 1
        sb      t0, 0(s2)               # the large block is there ...
        mv      a0, s2
        call    free
        call    fork
        bltz    a0, failed
        bnez    a0, 5f
        lbu     a0, 0(s2)               # ... and now it is not
        call    exit
5:      mv      a0, sp
        call    wait
        la      a0, ended
        lw      a1, 0(sp)
        andi    a1, a1, 0x7f
        call    printf
        li      a0, 0
        j       leave

failed: li      a0, 1
leave:  ld      s2, 16(sp)
        ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

        .section .rodata
small_block:
        .string "a block of 100 bytes lies %s the program break\n"
large_block:
        .string "a block of 1 MiB lies %s the program break\n"
below:  .string "below"
above:  .string "above"
break_has:
        .string "for the large block the break %s\n"
stood:  .string "stood still"
moved:  .string "moved"
reused: .string "freed and asked for again, the small block is %s\n"
same:   .string "the same"
different:
        .string "a different one"
ended:  .string "a child that reads the freed large block is ended by signal %d\n"
