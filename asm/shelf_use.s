# shelf_use: a program that uses a whole library, and sleeps, so that many instances can run at the same time.
#
# parts/shelf.s has 64 functions on 64 pages, and this program calls them all. Linked statically, each program has the
# 64 pages in its own file, and in memory; with a shared library, all programs use the same 64 frames.
#
# toyvm: with: parts/shelf.s
#
#   toyvm run asm/shelf_use.s
#   toyvm run --stats asm/shelf_use.s
#
# Look at `frames, most in use` with fifty instances, each a separate file: docs/lessons/08-sharing.md has the commands.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    shelf_sum
        mv      a1, a0
        la      a0, sum
        call    printf
        li      a0, 1
        call    sleep
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
sum:    .string "the functions return %d together\n"
