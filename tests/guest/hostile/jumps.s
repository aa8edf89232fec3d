# Jumps to where no code is: each in a child, the signal told.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        la      s0, targets
1:      ld      s1, 0(s0)
        li      t0, -2
        beq     s1, t0, 2f
        in_child go
        mv      a2, a0
        mv      a1, s1
        la      a0, line
        call    printf
        addi    s0, s0, 8
        j       1b
2:      la      s1, main_data
        in_child go
        show    "into data: signal %ld\n"
        mv      s1, sp
        in_child go
        show    "into the stack: signal %ld\n"
        leave
go:     jr      s1

        .data
        .balign 8
main_data:
        .dword  0x13
targets:
        .dword  0, 0x1000, 0x7fffffff000, 0x3fffffe000, 0x4000000000, -4096, 0x8000000000000000, 0x5555555555555554, -4, -2
        .section .rodata
line:   .string "to %lx: signal %d\n"
