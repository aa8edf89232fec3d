# Every process forks until it is told that there is no room, and so do its children; then they stay. The first says
# what it was told.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        sys     172                     # getpid
        mv      s1, a0
1:      li      a0, 17                  # clone(SIGCHLD)
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220
        bgez    a0, 1b
        mv      s0, a0
        sys     172
        beq     a0, s1, 2f
        li      a0, 1000
        call    sleep
2:      li      t0, -11                 # EAGAIN: too many processes; ENOMEM, -12, if memory went first
        li      a0, 3
        beq     s0, t0, 3f
        li      t0, -12
        beq     s0, t0, 3f
        li      a0, 4
3:      sys     94
