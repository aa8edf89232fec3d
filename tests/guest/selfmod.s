# Code that is written while the program runs: fence.i or riscv_flush_icache makes it visible, mprotect takes it away, fork keeps them apart.
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, 4096
        li      a2, 7                   # read, write, execute
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        call    mmap
        mv      s0, a0
        li      s1, 0
1:      slli    t0, s1, 20              # addi a0, zero, s1: the immediate is bits 31 to 20
        li      t1, 0x513
        or      t0, t0, t1
        sw      t0, 0(s0)
        la      t2, template
        lw      t0, 4(t2)               # ret
        sw      t0, 4(s0)
        fence.i
        jalr    s0
        show    "generated code returns %ld\n"
        addi    s1, s1, 100
        li      t0, 300
        bne     s1, t0, 1b
        li      t0, 0x03700513          # li a0, 55
        sw      t0, 0(s0)
        mv      a0, s0
        addi    a1, s0, 8
        li      a2, 1
        li      a7, 259                 # riscv_flush_icache
        ecall
        show    "flushed: %ld\n"
        jalr    s0
        show    "and it returns %ld\n"
        in_child rewrite
        show    "the child's own version returns 256 + %ld\n"
        jalr    s0
        show    "the parent's still returns %ld\n"
        mv      a0, s0
        li      a1, 4096
        li      a2, 3
        call    mprotect
        in_child run
        show    "not executable: signal %ld\n"
        mv      a0, s0
        li      a1, 4096
        li      a2, 5
        call    mprotect
        in_child run
        show    "executable again: %ld\n"
        in_child write
        show    "but not writable: signal %ld\n"
        leave

        .option push
        .option norvc
template:
        li      a0, 0
        ret
        .option pop

rewrite:
        li      t0, 0x04d00513          # li a0, 77
        sw      t0, 0(s0)
        fence.i
run:    jr      s0
write:  sw      zero, 0(s0)
        li      a0, 0
        ret
