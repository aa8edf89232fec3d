# weak: another weak definition of `slogan`, and a weak `encore`.

        .text
        .weak   slogan
        .type   slogan, @function
slogan: lla     a0, text
        ret

        .weak   encore
        .type   encore, @function
encore: lla     a0, again
        tail    puts

        .section .rodata
text:   .string "weak.s: the first one read wins"
again:  .string "weak.s: and once more"
