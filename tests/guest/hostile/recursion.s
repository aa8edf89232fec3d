# Calls itself without end.
        .text
        .globl  main
main:   addi    sp, sp, -256
        sd      ra, 248(sp)
        call    main
        ld      ra, 248(sp)
        addi    sp, sp, 256
        ret
