# absolute: a function with an absolute address in its code. That is right at one address only.

        .text
        .globl  peek
        .type   peek, @function
peek:   lui     t0, %hi(value)
        lw      a0, %lo(value)(t0)
        ret

        .data
value:  .word   5
