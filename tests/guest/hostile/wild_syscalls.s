# Every system call number from 0 to 451 and the private ones, with wild arguments of several kinds, each in a child.
# Whatever they do to the child, the parent and the machine go on.
        .include "../guest.inc"
        .equ    SETS, 7
        .text
        .globl  main
main:   enter
        li      s0, 0                   # s0: the number
        li      s2, 0                   # s2: children that were seen to end
1:      li      s1, 0                   # s1: which arguments
2:      call    fork
        beqz    a0, child
        bltz    a0, 5f
        mv      s3, a0
        la      a0, while               # time enough for all it does; some calls would wait forever
        li      a1, 0
        sys     101
        mv      a0, s3
        li      a1, 9
        sys     129
        mv      a0, s3
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260
        bne     a0, s3, 3f
        addi    s2, s2, 1
3:      li      a0, -1                  # and the orphans that wild clones left
        li      a1, 0
        li      a2, 1                   # WNOHANG
        li      a3, 0
        sys     260
        bgtz    a0, 3b
4:      addi    s1, s1, 1
        li      t0, SETS
        bne     s1, t0, 2b
5:      addi    s0, s0, 1
        li      t0, 452
        bne     s0, t0, 6f
        li      s0, 7000                # those of the dynamic linker
6:      li      t0, 7010
        bne     s0, t0, 1b
        mv      a0, s2
        show    "%ld children have ended\n"
        leave

child:  li      t0, 129                 # kill(-1) and kill(0) would reach the parent, as they should
        beq     s0, t0, 7f
        li      t0, 130
        beq     s0, t0, 7f
        li      t0, 131
        beq     s0, t0, 7f
        slli    t0, s1, 3
        la      t1, words
        add     t0, t1, t0
        ld      a0, 0(t0)
        mv      a1, a0
        mv      a2, a0
        mv      a3, a0
        mv      a4, a0
        mv      a5, a0
        li      t2, 6
        bne     s1, t2, 6f
        la      a0, words               # a good pointer, a large size, small numbers
        li      a1, 4096
        li      a2, 3
        li      a3, 1
        li      a4, 0
        li      a5, 1
6:      mv      a7, s0
        ecall
7:      li      a0, 0
        sys     94

        .data
        .balign 8
while:  .dword  0, 1000000
words:  .dword  0, -1, 1, 0x8000000000000000, 0x1000, 0x3ffffff000, 0
