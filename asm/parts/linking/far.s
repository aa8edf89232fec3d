# far: two calls and two addresses, one near and one far. docs/lessons/16-relaxation.md counts what the linker removes.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    near                    # within 1 MiB: auipc and jalr become one jal
        call    distant                 # too far: both stay
        la      t0, small               # beside gp: one addi
        lw      a0, 0(t0)
        la      t1, table               # beyond 2 KiB from gp
        lw      t1, 0(t1)
        .balign 8                       # R_RISCV_ALIGN: the padding depends on what the linker removes before it
1:      addi    t1, t1, -1
        bgtz    t1, 1b
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   main, . - main

        .type   near, @function
near:   ret

        .section .distant, "ax", @progbits
        .zero   3 << 20
        .type   distant, @function
distant:
        ret

        .section .sdata, "aw", @progbits
small:  .word   0

        .data
table:  .word   3
        .zero   8192
