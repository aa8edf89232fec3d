# `.` in an operand is the address of the instruction itself.
        .text
        nop
        j       .
        beq     a0, a1, . + 16
        j       . - 4
        beqz    a0, .
        bnez    a0, . - 2
        call    . + 8
        tail    .
        lui     a0, %hi(.)
        .option norvc
        j       .
        bltu    a0, a1, . + 8
        .option norelax
        j       . + 4
        blt     a0, a1, .
