# An instruction that is none.
        .text
        .globl  main
main:   .word   0xffffffff
        li      a0, 0
        ret
