# Found by GNU's own tests: strings side by side, long numbers, names of macros, sizes of aliases.
        .data
        .asciz  "a" "b", "c"   "d"
        .ascii  "e\"" "f"
        .octa   ~0x112233445566778899aabbcc0000
        .octa   -347510587133311339321256747728896
        .octa   -1, 5
x:      .long   0, 1, 2, . - x
        y = . - x
        .long   y
        .long   y
        .macro  MACRO1
        .byte   1
        .endm
        .macro  macro2
        .byte   2
        .endm
        MACRO1
        MACRO2
        macro1
        macro2
        .purgem macro1
        .macro  MACRO1
        .byte   3
        .endm
        macro1
        .text
        .size   foo1, 1
foo1:   nop
        .size   bar2, 2
        .set    bar2, foo1
        .section .noinit
        .zero   4
        .section .persistent.x
        .word   7
        .section .text.other, "ax"
foo3:   nop
