# Asks for what no machine has; is told no, in the right words.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, 1 << 46
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        show    "mmap of 64 TiB: %ld\n"
        li      a0, 0
        li      a1, -4096
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        show    "mmap of nearly 2^64: %ld\n"
        li      a0, 0x7ffffffffffff000
        li      a1, 4096
        li      a2, 3
        li      a3, 0x32
        li      a4, -1
        li      a5, 0
        sys     222
        show    "mmap fixed above the user half: %ld\n"
        li      a0, 0
        sys     214
        mv      s0, a0
        li      a0, 1 << 46
        sys     214
        sub     a0, a0, s0
        show    "brk to 64 TiB moves it by %ld\n"
        li      a0, -1
        call    malloc
        show    "malloc of 2^64 - 1: %ld\n"
        li      a0, 1 << 32
        li      a1, 1 << 32
        call    calloc
        show    "calloc of 2^32 times 2^32: %ld\n"
        leave
