# reach: one reference of each common kind. docs/lessons/14-relocation.md computes each of them by hand.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        lla     a0, greeting            # pc-relative: R_RISCV_PCREL_HI20 and R_RISCV_PCREL_LO12_I
        call    puts                    # pc-relative: R_RISCV_CALL_PLT
        lui     t0, %hi(number)         # absolute: R_RISCV_HI20
        lw      a0, %lo(number)(t0)     # and R_RISCV_LO12_I
        beqz    a0, leave               # to a symbol of another section: R_RISCV_BRANCH
        j       leave                   # R_RISCV_JAL

        .section .text.leave, "ax", @progbits
leave:  ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
greeting:
        .string "filled in"

        .data
        .globl  number
number: .word   7
        .balign 8
        .globl  pointer
pointer:
        .dword  greeting + 7            # data: R_RISCV_64, with an addend
