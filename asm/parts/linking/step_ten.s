# step_ten: another `step`. Preloaded, it comes before the one of counter.s.

        .data
        .globl  step
        .type   step, @object
        .size   step, 4
step:   .word   10
