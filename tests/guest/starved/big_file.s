# A file in memory grows until the host has no more for it; then it is removed, and a small one can be written.
        .include "../guest.inc"
        .equ    PIECE, 1 << 18
        .text
        .globl  main
main:   enter
        call    create
        mv      s0, a0
1:      mv      a0, s0
        la      a1, piece
        li      a2, PIECE
        sys     64
        bgtz    a0, 1b
        show    "the last write: %ld\n"
        li      a0, -100
        la      a1, path
        li      a2, 0
        sys     35
        mv      a0, s0
        sys     57
        call    create
        la      a1, piece
        li      a2, 100
        sys     64
        show    "into a new file: %ld\n"
        leave
create: li      a0, -100
        la      a1, path
        li      a2, 0102                # O_RDWR | O_CREAT
        li      a3, 0600
        sys     56
        ret
        .section .rodata
path:   .asciz  "/tmp/file"
        .bss
piece:  .space  PIECE
