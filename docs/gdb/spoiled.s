# Fills an array one element too far. What follows the array is a pointer, which is used afterwards.

        .text
        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, numbers
        li      a1, 5                   # it has four elements
        call    fill
        ld      a0, text
        call    puts
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

fill:   li      t0, 0
next:   sd      t0, 0(a0)
        addi    a0, a0, 8
        addi    t0, t0, 1
        blt     t0, a1, next
        ret

        .data
        .globl  numbers, text
numbers: .zero  32
text:   .dword  words
        .section .rodata
words:  .string "all is well"
