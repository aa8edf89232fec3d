# sbrk: the end of the heap moves up and down.
#
# The kernel stores one number for a process's heap, the program break: the first address after the heap.
# sbrk(increment) moves it and returns the old value, so sbrk(0) returns the current value and sbrk(n) the start of a new
# block; it returns -1 if there is no room. Memory above the break is not mapped: a child that accesses memory after
# the break was lowered is killed by SIGSEGV.
#
# toyvm: qemu: no the emulator leaves memory above a lowered break accessible
#
#   toyvm run asm/sbrk.s
#   toyvm run --trace=faults,syscalls asm/sbrk.s
#
# Look at the brk system calls in the trace, and at the faults: growing the heap allocates no frame, touching it does.

        .equ    PAGE, 4096

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)

        li      a0, 0
        call    sbrk
        neg     a0, a0                  # up to the next page boundary, so that a page is a page
        slli    a0, a0, 52
        srli    a0, a0, 52
        call    sbrk
        li      a0, 0
        call    sbrk
        mv      s0, a0                  # s0: where the heap's top is at the start

        li      a0, 3*PAGE
        call    sbrk
        la      a1, grown
        call    report                  # the old top: the new block's first byte
        li      a0, 0
        call    sbrk
        la      a1, top
        call    report

        li      t0, 2*PAGE              # the new memory is zero, and ours
        add     t0, s0, t0
        ld      t1, 0(t0)
        bnez    t1, failed
        li      t1, 77
        sd      t1, 0(t0)

        li      a0, -2*PAGE
        call    sbrk
        la      a1, shrunk
        call    report
        li      a0, 0
        call    sbrk
        la      a1, top
        call    report

        li      a0, 1
        slli    a0, a0, 46              # 64 TiB: more than the address space has
        call    sbrk
        la      a1, too_much
        call    report_plain

        call    fork
        bltz    a0, failed
        bnez    a0, 1f
        li      t0, 2*PAGE              # the child reads above the break
        add     t0, s0, t0
        ld      a0, 0(t0)
        call    exit                    # never reached
1:      mv      a0, sp
        call    wait
        lw      a1, 0(sp)
        andi    a1, a1, 0x7f
        la      a0, ended
        call    printf

        li      a0, 2*PAGE              # growing again gives fresh zeros, not the old contents
        call    sbrk
        li      t0, 2*PAGE
        add     t0, s0, t0
        ld      a1, 0(t0)
        la      a0, fresh
        call    printf
        li      a0, 0
        j       leave

failed: li      a0, 1
leave:  ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# report(address, format): print how many bytes past the start the address is.
        .type   report, @function
report: sub     a0, a0, s0
        .type   report_plain, @function
report_plain:
        mv      t0, a0
        mv      a0, a1
        mv      a1, t0
        tail    printf

        .section .rodata
grown:  .string "sbrk(3 pages)  returns start + %ld\n"
top:    .string "sbrk(0)        returns start + %ld\n"
shrunk: .string "sbrk(-2 pages) returns start + %ld\n"
too_much:
        .string "sbrk(64 TiB)   returns %ld\n"
ended:  .string "a child that reads what was given back is ended by signal %d\n"
fresh:  .string "grown again, the page holds %ld\n"
