# counter: a library function and its variable. `step` is exported, so another library may replace it.
#
#   long counter(void)          adds `step` to a number of its own and returns it

        .text
        .globl  counter
        .type   counter, @function
counter:
        la      t0, step                # -fpic: through the GOT, for another library may define it
        lw      t0, 0(t0)
        lla     t1, sum                 # local: always relative to the pc
        lw      a0, 0(t1)
        add     a0, a0, t0
        sw      a0, 0(t1)
        ret
        .size   counter, . - counter

        .data
        .globl  step
        .type   step, @object
        .size   step, 4
step:   .word   1
sum:    .word   0
