# interpose: put a function of your own before the library's, without touching the program.
#
# The dynamic linker looks a symbol up in the program first, then in the libraries of LD_PRELOAD, then in those the
# program was linked with, and takes the first it finds. So a preloaded library's puts is called instead of libc's,
# and it can find the one it hides with dlsym(RTLD_NEXT, "puts"). A static program took libc's puts into its own file
# when it was linked: nothing can come in between.
#
# toyvm: preload: parts/loud_puts.s -> loud_puts.so
#
#   toyvm run --dynamic asm/interpose.s
#   toyvm run --static asm/interpose.s
#   toyvm run --dynamic -E LD_DEBUG=bindings asm/interpose.s
#
# Look in LD_DEBUG at where `puts' is bound: for the program to loud_puts.so, for loud_puts.so to libc.so.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, first
        call    puts
        la      a0, second
        call    puts
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
first:  .string "the program says hello"
second: .string "the program says goodbye"
