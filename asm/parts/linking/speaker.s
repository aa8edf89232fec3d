# speaker: prints the line that `slogan` returns. Its own slogan is weak: any strong one replaces it.
#
# The lesson docs/lessons/12-symbols.md links it with strong.s, weak.s and hidden.s.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    slogan
        call    puts
        lla     t0, encore              # undefined and weak: 0 if no file defines it
        beqz    t0, 1f
        call    encore
1:      li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .weak   slogan
        .type   slogan, @function
slogan: lla     a0, text
        ret

        .weak   encore

        .section .rodata
text:   .string "speaker.s: no opinion"
