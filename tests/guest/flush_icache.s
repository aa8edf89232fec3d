# riscv_flush_icache refuses a flag that there is not.
# toyvm: qemu: no qemu-riscv64 7.2 looks at no flag
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        la      a0, main
        addi    a1, a0, 8
        li      a2, 1
        li      a7, 259                 # riscv_flush_icache
        ecall
        show    "local: %ld\n"
        la      a0, main
        addi    a1, a0, 8
        li      a2, 2
        li      a7, 259
        ecall
        show    "with a flag that there is not: %ld\n"
        li      a0, 0
        leave
