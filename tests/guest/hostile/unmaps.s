# A process that takes away what it stands on: its text, its stack, its data, everything.
        .include "../guest.inc"
        .equ    PAGE, 4096
        .text
        .globl  main
main:   enter
        in_child text
        show    "its text: signal %ld\n"
        in_child stack
        show    "its stack: signal %ld\n"
        in_child everything
        show    "everything: signal %ld\n"
        in_child over_text
        show    "a fresh page over its text: signal %ld\n"
        in_child unreadable
        show    "its text no longer executable: signal %ld\n"
        leave

text:   la      a0, text
        srli    a0, a0, 12
        slli    a0, a0, 12
        li      a1, PAGE
        sys     215
        ret
stack:  srli    a0, sp, 12
        slli    a0, a0, 12
        li      a1, PAGE
        sys     215
        sd      ra, 0(sp)
        ret
everything:
        li      a0, 0
        li      a1, 1 << 38
        sys     215
        li      a0, 0
        ret
over_text:
        la      a0, text
        srli    a0, a0, 12
        slli    a0, a0, 12
        li      a1, 2 * PAGE
        li      a2, 7
        li      a3, 0x32
        li      a4, -1
        li      a5, 0
        sys     222
        ret
unreadable:
        la      a0, text
        srli    a0, a0, 12
        slli    a0, a0, 12
        li      a1, 2 * PAGE
        li      a2, 1
        sys     226
        ret
