# interpose: replace a library function by another one, without changing the program.
#
# The dynamic linker searches a symbol in the program first, then in the libraries of LD_PRELOAD, then in those that the
# program was linked with, and uses the first definition. So puts of a preloaded library is called instead of libc's,
# and it can find the hidden one with dlsym(RTLD_NEXT, "puts"). In a static program, libc's puts was copied into the
# file at link time, so it cannot be replaced.
#
# toyvm: preload: parts/loud_puts.s -> loud_puts.so
#
#   toyvm run --dynamic asm/interpose.s
#   toyvm run --static asm/interpose.s
#   toyvm run --dynamic -E LD_DEBUG=bindings asm/interpose.s
#
# Look in LD_DEBUG at the binding of `puts': in the program to loud_puts.so, in loud_puts.so to libc.so.

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
