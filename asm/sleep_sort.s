# sleep_sort: sort numbers by processes, each of which sleeps as long as its number says.
#
# The machine's time is virtual: if every process sleeps, the clock jumps to the next wake-up. So ten minutes
# of sleep pass at once, and the order is the same in every run.
#
# toyvm: qemu: no it would really sleep for ten minutes
#
#   toyvm run asm/sleep_sort.s
#   toyvm run --trace=process asm/sleep_sort.s
#
# Look at the real time of the command.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        la      s0, numbers
1:      lw      t0, 0(s0)
        beqz    t0, 2f
        call    fork
        beqz    a0, child
        addi    s0, s0, 4
        j       1b
2:      li      a0, 0
        call    wait
        bgez    a0, 2b
        li      a0, 0
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
child:  lw      a0, 0(s0)
        call    sleep
        la      a0, line
        lw      a1, 0(s0)
        call    printf
        li      a0, 0
        call    exit

        .section .rodata
        .balign 4
numbers:
        .word   300, 20, 600, 1, 45, 7, 0
line:   .string "%d\n"
