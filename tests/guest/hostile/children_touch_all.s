# Children that each take what memory is left: the machine ends one of them, not everything; the parent lives and tells.
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        li      s0, 3
1:      in_child eat
        show    "a child that ate everything: %ld\n"
        addi    s0, s0, -1
        bnez    s0, 1b
        leave
eat:    li      a0, 0
        li      a1, 1 << 20
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 2f
        li      t0, 1 << 20
        add     t0, a0, t0
        li      t1, 4096
1:      sd      t0, 0(a0)
        add     a0, a0, t1
        bltu    a0, t0, 1b
        j       eat
2:      li      a0, 0
        ret
