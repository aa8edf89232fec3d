# constructors: code that runs before main and after it.
#
# Every object may put addresses of functions into .init_array and .fini_array. The linker collects them, those with a
# priority in the section name first. Start-up code (static) or the dynamic linker (dynamic) calls them: libraries
# before the program that needs them; and at exit, after the functions of atexit, in the reverse order.
#
# toyvm: preload: parts/early.s -> early.so
#
#   toyvm run --static asm/constructors.s
#   toyvm run --dynamic asm/constructors.s
#
# Look at the library's lines, which appear only in the dynamic run: the first and the last.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, in_main
        call    puts
        la      a0, at_exit_1
        call    atexit
        la      a0, at_exit_2
        call    atexit
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .macro  says name, text         # a function that prints one line
        .type   \name, @function
\name:  la      a0, .Ltext_\name
        tail    puts
        .pushsection .rodata
.Ltext_\name:
        .string "\text"
        .popsection
        .endm

        says    first_init, "program:  initialiser 1 (priority 101)"
        says    second_init, "program:  initialiser 2"
        says    third_init, "program:  initialiser 3"
        says    at_exit_1, "program:  atexit, registered first"
        says    at_exit_2, "program:  atexit, registered second"
        says    first_fini, "program:  finaliser, first in the array"
        says    second_fini, "program:  finaliser, second in the array"

        .section .init_array, "aw", @init_array
        .balign 8
        .dword  second_init, third_init
        .section .init_array.101, "aw", @init_array
        .balign 8
        .dword  first_init
        .section .fini_array, "aw", @fini_array
        .balign 8
        .dword  first_fini, second_fini

        .section .rodata
in_main:
        .string "program:  main"
