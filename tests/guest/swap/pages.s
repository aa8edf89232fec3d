# Three hundred pages, each with its number, gone through five times; functions that have a page of code each are called on
# the way. Then a child changes every third page and checks all, and the parent finds its own as they were.
        .include "../guest.inc"
        .equ    PAGE, 4096
        .equ    COUNT, 300

        .text
        .globl  main
main:   enter
        li      a0, 0
        li      a1, COUNT * PAGE
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222                     # mmap
        mv      s0, a0
        li      s1, COUNT
        li      s5, PAGE
        mv      t0, s0
        li      t1, 0
1:      sd      t1, 8(t0)
        add     t0, t0, s5
        addi    t1, t1, 1
        blt     t1, s1, 1b

        li      s2, 0                   # errors
        li      s3, 5                   # rounds
        li      s4, 0                   # what the functions made of it
2:      li      a1, 0
        call    pass
        call    step0
        addi    s3, s3, -1
        bnez    s3, 2b
        mv      a0, s2
        show    "errors: %ld\n"
        mv      a0, s4
        show    "steps: %ld\n"

        li      a0, 17
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220                     # clone(SIGCHLD)
        bnez    a0, 5f
        mv      t0, s0                  # the child
        li      t1, 0
3:      ld      t2, 8(t0)
        addi    t2, t2, 1000
        sd      t2, 8(t0)
        add     t0, t0, s5
        add     t0, t0, s5
        add     t0, t0, s5
        addi    t1, t1, 3
        blt     t1, s1, 3b
        li      a1, 1000
        call    pass
        snez    a0, s2
        sys     93
5:      li      a0, -1
        addi    a1, sp, -16
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
        lw      a0, -16(sp)
        show    "the child's status: %ld\n"
        li      a1, 0
        call    pass
        mv      a0, s2
        show    "errors in the end: %ld\n"
        leave

# Count in s2 the pages that do not hold their number; every third one has a1 more.
pass:   mv      t0, s0
        li      t1, 0
        li      t4, 0
1:      ld      t2, 8(t0)
        mv      t3, t1
        bnez    t4, 2f
        add     t3, t3, a1
        li      t4, 3
2:      addi    t4, t4, -1
        beq     t2, t3, 3f
        addi    s2, s2, 1
3:      add     t0, t0, s5
        addi    t1, t1, 1
        blt     t1, s1, 1b
        ret

# step0 goes on to what follows on the next page, and so on: twelve pages.
        .balign PAGE
step0:
        .irp    number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        slli    s4, s4, 1
        addi    s4, s4, \number
        slli    s4, s4, 3
        srli    s4, s4, 3
        j       1f
        .balign PAGE
1:
        .endr
        ret
