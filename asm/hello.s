# hello: the shortest program that uses a library.
#
# Linked statically, puts is copied into this program's file, and the file needs nothing else at run time.
# Linked dynamically, the file only names libc.so as needed. The dynamic linker maps the library when the program
# starts, and the call reaches puts through the procedure linkage table (PLT).
#
#   toyvm run --static asm/hello.s
#   toyvm run --dynamic asm/hello.s
#   toyvm compare asm/hello.s
#
# Look at the size of the two files in the comparison, and at the number of libraries and relocations.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, greeting
        call    puts
        li      a0, 0                   # what main returns is the program's exit status
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
greeting:
        .string "hello, world"
