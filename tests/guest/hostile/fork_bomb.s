# Every process forks until it is told that there is no room, and so do its children.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
1:      li      a0, 17                  # clone(SIGCHLD)
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220
        bgez    a0, 1b
        mv      s0, a0
        li      t0, -11                 # EAGAIN; -12, ENOMEM, if memory went first
        li      a0, 3
        beq     s0, t0, 3f
        li      t0, -12
        beq     s0, t0, 3f
        li      a0, 4
3:      sys     94
