# A child executes more code than the host has memory to know of; its parent tells how that ended.
        .text
        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    fork
        beqz    a0, long
        la      a0, status
        call    wait
        lw      a1, status
        la      a0, text
        call    printf
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
long:
        .rept   300000
        addi    a1, a1, 1
        xor     a2, a2, a1
        .endr
        li      a0, 0
        call    exit
        .data
status: .word   0
text:   .asciz  "wait status %d\n"
