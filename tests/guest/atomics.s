# Atomic instructions: every AMO once, lr/sc that succeeds and that fails, and a counter that four processes share.
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        la      s0, word
        .macro  amo name, initial, operand
        li      t0, \initial
        sd      t0, 0(s0)
        li      t1, \operand
        \name   s1, t1, (s0)
        mv      a1, s1
        ld      a2, 0(s0)
        la      a0, .Lamo\@
        call    printf
        .pushsection .rodata
.Lamo\@:
        .asciz  "\name %lx -> %lx\n"
        .popsection
        .endm
        amo     amoswap.d, 5, 7
        amo     amoadd.d, 5, -7
        amo     amoxor.d, 0xff, 0x0f
        amo     amoand.d, 0xff, 0x3c
        amo     amoor.d, 0xf0, 0x0f
        amo     amomin.d, -5, 7
        amo     amomax.d, -5, 7
        amo     amominu.d, -5, 7
        amo     amomaxu.d, -5, 7
        amo     amoswap.w, 0x1ffffffff, 7
        amo     amoadd.w, 0x7fffffff, 1
        amo     amomin.w, 0x80000000, 7
        amo     amomaxu.w, 0x80000000, 7
        amo     amoadd.d.aqrl, 1, 1

        li      t0, 40
        sd      t0, 0(s0)
        lr.d    t1, (s0)
        addi    t1, t1, 2
        sc.d    a0, t1, (s0)
        show    "sc after lr: %ld\n"
        li      t1, 9
        sc.d    a0, t1, (s0)
        snez    a0, a0
        show    "sc without lr fails: %ld\n"
        ld      a0, 0(s0)
        show    "value: %ld\n"
        lr.w    t1, (s0)
        addi    t2, s0, 64
        sc.w    a0, t1, (t2)
        snez    a0, a0
        show    "sc elsewhere fails: %ld\n"

        li      a0, 0
        li      a1, 4096
        li      a2, 3
        li      a3, 0x21                # shared, anonymous
        li      a4, -1
        li      a5, 0
        call    mmap
        mv      s0, a0
        flush
        li      s1, 4
1:      call    fork
        beqz    a0, count
        addi    s1, s1, -1
        bnez    s1, 1b
2:      li      a0, 0
        call    wait
        bgez    a0, 2b
        lw      a0, 0(s0)
        show    "4 processes, 500 times each, amoadd: %ld\n"
        lw      a0, 4(s0)
        show    "4 processes, 500 times each, lr/sc: %ld\n"
        leave

count:  li      t0, 500
        addi    t3, s0, 4
1:      li      t1, 1
        amoadd.w zero, t1, (s0)
2:      lr.w    t1, (t3)
        addi    t1, t1, 1
        sc.w    t2, t1, (t3)
        bnez    t2, 2b
        addi    t0, t0, -1
        bnez    t0, 1b
        li      a0, 0
        call    exit

        .bss
        .balign 8
word:   .skip   128
