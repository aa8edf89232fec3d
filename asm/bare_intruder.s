# bare_intruder: a program that reads and overwrites the memory of another program, whose address it knows.
#
# In bare physical memory this is an ordinary load and an ordinary store. With virtual memory the same address is not
# mapped in this program: the load faults, and this program is killed, not the other.
#
#   toyvm run --no-mmu asm/bare_owner.s asm/bare_intruder.s
#   toyvm run --together asm/bare_owner.s asm/bare_intruder.s
#
# Look at the segmentation fault: the address is the same, but the owner is not affected.
# toyvm: base: 0x200000
# toyvm: linkage: static
# toyvm: exit: 139

        .section .rodata
tries:  .ascii  "intruder: I look at 0x103000\n"
        .equ    tries_size, . - tries
reads:  .ascii  "intruder: there is "
        .equ    reads_size, . - reads

        .equ    NUMBER, 0x103000        # where bare_owner keeps it

        .text
        .globl  _start
_start: li      a0, 1
        la      a1, tries
        li      a2, tries_size
        li      a7, 64                  # write
        ecall
        li      s0, NUMBER
        lwu     s1, 0(s0)               # the first four digits
        li      a0, 1
        la      a1, reads
        li      a2, reads_size
        li      a7, 64
        ecall
        addi    sp, sp, -16
        sw      s1, 0(sp)
        li      t0, '\n'
        sb      t0, 4(sp)
        li      a0, 1
        mv      a1, sp
        li      a2, 5
        li      a7, 64
        ecall
        li      t0, '9'
        sb      t0, 0(s0)               # and now they are others
        sb      t0, 1(s0)
        li      a0, 0
        li      a7, 93                  # exit
        ecall
