# A thread waits at a futex that nobody wakes, and the first one waits for the thread.
        .include "../guest.inc"
        .equ    THREAD, 0x310f00        # with CLONE_PARENT_SETTID and CLONE_CHILD_CLEARTID
        .text
        .globl  main
main:   enter
        li      a0, THREAD
        la      a1, stack_end
        la      a2, tid
        li      a3, 0
        la      a4, tid
        sys     220                     # clone
        bnez    a0, 1f
        la      a0, never
        j       2f
1:      mv      a2, a0
        la      a0, tid
        j       3f
2:      li      a2, 0
3:      li      a1, 0                   # FUTEX_WAIT
        li      a3, 0
        sys     98
        sys     94

        .bss
        .balign 16
        .skip   4096
stack_end:
        .data
        .balign 4
tid:    .word   0
never:  .word   0
