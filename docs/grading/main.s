# main: calls the student's `sum` with the numbers of the command line, and prints what it returns.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)
        addi    s0, a0, -1              # how many numbers
        addi    s1, a1, 8               # their texts
        la      s2, numbers
1:      ld      a0, 0(s1)
        beqz    a0, 2f
        call    atol
        sd      a0, 0(s2)
        addi    s1, s1, 8
        addi    s2, s2, 8
        j       1b
2:      la      a0, numbers
        mv      a1, s0
        call    sum                     # sum(numbers, count)
        mv      a1, a0
        la      a0, format
        call    printf
        li      a0, 0
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        ld      s2, 0(sp)
        addi    sp, sp, 32
        ret

        .section .rodata
format: .string "sum: %ld\n"
        .bss
        .balign 8
numbers: .zero  8 * 64
