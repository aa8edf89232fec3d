# price_use: prints what price() returns.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    price
        mv      a1, a0
        lla     a0, line
        call    printf
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
line:   .string "the price is %d\n"
