# System calls given pointers to nowhere: -EFAULT (-14), and the process lives on.
        .include "guest.inc"
        .equ    BAD, 0x1000             # below everything that is ever mapped
        .text
        .globl  main
main:   enter
        li      a0, 1
        li      a1, BAD
        li      a2, 10
        sys     64
        show    "write: %ld\n"
        addi    sp, sp, -16
        mv      a0, sp
        call    pipe
        lw      s0, 0(sp)               # a pipe with something in it
        lw      s1, 4(sp)
        addi    sp, sp, 16
        mv      a0, s1
        la      a1, text
        li      a2, 5
        sys     64
        show    "write into the pipe: %ld\n"
        mv      a0, s0
        li      a1, BAD
        li      a2, 5
        sys     63
        show    "read: %ld\n"
        li      a0, -100
        li      a1, BAD
        li      a2, 0
        sys     56
        show    "openat: %ld\n"
        li      a0, BAD
        li      a1, 0
        sys     59
        show    "pipe2: %ld\n"
        li      a0, BAD
        sys     160
        show    "uname: %ld\n"
        li      a0, 1
        li      a1, BAD
        sys     113
        show    "clock_gettime: %ld\n"
        li      a0, BAD
        li      a1, 100
        sys     17
        show    "getcwd: %ld\n"
        li      a0, 1
        li      a1, BAD
        li      a2, 1
        sys     66
        show    "writev: %ld\n"
        li      a0, BAD
        li      a1, 0
        li      a2, 0
        sys     221
        show    "execve: %ld\n"
        li      a0, 1
        li      a1, BAD
        sys     80
        show    "fstat: %ld\n"
        li      a0, 10
        li      a1, BAD
        li      a2, 0
        li      a3, 8
        sys     134
        show    "rt_sigaction: %ld\n"
        flush
        call    fork
        bnez    a0, 1f
        call    exit
1:      li      a0, -1
        li      a1, BAD
        li      a2, 0
        li      a3, 0
        sys     260
        show    "wait4: %ld\n"
        leave

        .section .rodata
text:   .string "text"
