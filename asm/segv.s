# segv: a write to read-only memory.
#
# The constant is in a mapped page, and can be read. But the page's entry has no W bit, and the kernel's region (VMA)
# for it is r--: the store traps, the kernel finds that the write is not allowed (it is not copy-on-write),
# and sends SIGSEGV. A shell reports a process killed by signal n as status 128 + n: 139.
#
# toyvm: exit: 139
#
#   toyvm run asm/segv.s ; echo $?
#
# Look at the explanation on standard error: the address, the kind of access, the region, and the source line.
# asm/null_write.s shows the other kind of fault: no region at the address.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, line
        la      t0, constant
        ld      a1, 0(t0)               # reading is allowed
        call    printf
        li      a0, 0
        call    fflush                  # what is still in a buffer would be lost with the process
        la      t0, constant
        li      t1, 43
        sd      t1, 0(t0)               # writing is not
        la      a0, survived            # never reached
        call    puts
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
        .balign 8
constant:
        .dword  42
line:   .string "the constant is %ld\n"
survived:
        .string "the constant was changed"
