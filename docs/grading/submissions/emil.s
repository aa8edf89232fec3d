        .globl  sum
sum:    ld      t1, 0(zero)             # the array is not at address 0
        mv      a0, t1
        ret
