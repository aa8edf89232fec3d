# Writes to its own code.
        .text
        .globl  main
main:   la      t0, main
        sw      zero, 0(t0)
        li      a0, 0
        ret
