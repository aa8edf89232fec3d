# null_write: a store through a null pointer.
#
# No process has anything mapped at address 0, on purpose: a pointer that was never set is found out at its first use.
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
