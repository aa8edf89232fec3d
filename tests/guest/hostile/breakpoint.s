# A breakpoint and nobody there.
        .text
        .globl  main
main:   ebreak
        li      a0, 0
        ret
