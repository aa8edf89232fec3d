# count_use: calls `counter` three times and prints the last result and the library's `step`.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    counter
        call    counter
        call    counter
        mv      a1, a0
        la      t0, step                # the library's variable, at an address in the program
        lw      a2, 0(t0)
        lla     a0, line
        call    printf
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
line:   .string "counted to %d in steps of %d\n"
