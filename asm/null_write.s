# null_write: a store through a null pointer.
#
# Address 0 is deliberately not mapped in any process, so that the use of an uninitialised pointer is detected.
# The store traps, the kernel finds no region (VMA) at that address, and sends SIGSEGV.
#
# toyvm: exit: 139
#
#   toyvm run asm/null_write.s ; echo $?
#   toyvm run --trace=faults asm/null_write.s
#
# Look at the explanation on standard error: the null page, the instruction's source line, the nearest regions.

        .text
        .globl  main
        .type   main, @function
main:   li      t0, 0
        li      t1, 1
        sd      t1, 16(t0)              # a field of a structure that is not there
        li      a0, 0
        ret
