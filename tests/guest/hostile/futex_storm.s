# Two threads send each other signals for ever, so that each futex wait ends early, at an address that is new each time,
# and the queue of real-time signals fills.
        .include "../guest.inc"
        .equ    THREAD, 0x10f00
        .text
        .globl  main
main:   enter
        sys     172                     # getpid
        mv      s0, a0
        li      a0, 40                  # a real-time signal
        la      a1, action
        li      a2, 0
        li      a3, 8
        sys     134                     # rt_sigaction
        li      a0, THREAD
        la      a1, stack_end
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220
        addi    s1, s0, 1
        bnez    a0, 1f
        mv      s1, s0
1:      la      s2, words
        li      s3, 1000
2:      mv      a0, s0
        mv      a1, s1
        li      a2, 40
        sys     131                     # tgkill
        mv      a0, s2
        li      a1, 0                   # FUTEX_WAIT
        li      a2, 0
        la      a3, little
        sys     98
        addi    s2, s2, 4
        addi    s3, s3, -1
        bnez    s3, 2b
        j       1b
handler:
        ret

        .data
        .balign 8
action: .quad   handler, 0, 0
little: .quad   0, 1000
        .bss
        .balign 16
        .skip   4096
stack_end:
words:  .skip   4000
