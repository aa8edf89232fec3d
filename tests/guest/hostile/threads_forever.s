# Threads without end: each starts threads until it is told that there is no room, and sleeps. The first one says what it
# was told, and ends them all.
        .include "../guest.inc"
        .equ    THREAD, 0x10f00         # CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
        .text
        .globl  main
main:   enter
        li      s1, 1                   # the first thread
1:      li      a0, THREAD
        li      a1, 0                   # the same stack: a thread here uses none
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220                     # clone
        beqz    a0, 2f
        bgez    a0, 1b
        beqz    s1, 3f
        show    "no more threads: %ld\n"
        leave   5
2:      li      s1, 0
        j       1b
3:      li      a0, 0
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     73                      # ppoll of nothing, for ever
        j       3b
