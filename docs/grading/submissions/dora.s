        .globl  sum
sum:    mv      t0, zero
        beqz    a1, 2f
1:      ld      t1, 0(a0)
        add     t0, t0, t1
        adi     a0, a0, 8
        addi    a1, a1, -1
        bnez    a1, 1b
2:      mv      a0, t0
        ret
