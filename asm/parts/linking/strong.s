# strong: a strong definition of `slogan`. Its local symbol `text` has nothing to do with the one in speaker.s.

        .text
        .globl  slogan
        .type   slogan, @function
slogan: lla     a0, text
        ret

        .section .rodata
text:   .string "strong.s: one definition, please"
