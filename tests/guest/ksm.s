# Same-page merging: equal pages that were offered become one frame while the program sleeps; a write parts them again.
# toyvm: qemu: no it would change a setting of the host
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    COUNT, 12
        .text
# number(file name): what a file of /sys/kernel/mm/ksm says.
number: addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      a1, a0
        li      a0, -100
        li      a2, 0
        li      a3, 0
        sys     56
        mv      s11, a0
        la      a1, text
        li      a2, 20
        sys     63
        la      t0, text
        add     t0, t0, a0
        sb      zero, 0(t0)
        mv      a0, s11
        sys     57
        la      a0, text
        call    atoi
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

rest:   la      a0, pause
        li      a1, 0
        sys     101
        ret

        .macro  told what
        la      a0, \what
        call    number
        show    "\what: %ld\n"
        .endm

# A child changes its copy of a merged page, and merges go on among relatives.
child:  addi    sp, sp, -16
        sd      ra, 8(sp)
        li      t0, 'C'
        sb      t0, 0(s0)
        call    rest
        lbu     a0, 0(s0)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .globl  main
main:   enter
        li      a0, -100
        la      a1, run
        li      a2, 1                   # O_WRONLY
        li      a3, 0
        sys     56
        la      a1, one
        li      a2, 2
        sys     64
        show    "switched on: %ld\n"
        li      a0, 0
        li      a1, COUNT * PAGE
        li      a2, 3
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222
        mv      s0, a0
        li      t0, COUNT               # all pages begin with 'e', but the last one
        mv      t1, s0
        li      t2, PAGE
        li      t3, 'e'
1:      sb      t3, 0(t1)
        add     t1, t1, t2
        addi    t0, t0, -1
        bnez    t0, 1b
        li      t3, 'x'
        sub     t1, t1, t2
        sb      t3, 0(t1)
        call    rest
        told    pages_sharing
        mv      a0, s0
        li      a1, COUNT * PAGE
        li      a2, 12                  # MADV_MERGEABLE
        sys     233
        show    "offered: %ld\n"
        call    rest
        told    pages_shared
        told    pages_sharing
        told    pages_unshared
        in_child child
        addi    a0, a0, -256
        show    "the child has %c\n"
        lbu     a0, 0(s0)
        show    "here is %c\n"
        li      t0, 'm'
        li      t1, 3 * PAGE
        add     t1, s0, t1
        sb      t0, 0(t1)
        li      t2, PAGE
        add     t1, t1, t2
        lbu     a0, 0(t1)
        show    "its neighbour after a write: %c\n"
        told    pages_sharing
        mv      a0, s0
        li      a1, COUNT * PAGE
        li      a2, 13                  # MADV_UNMERGEABLE
        sys     233
        told    pages_shared
        lbu     a0, 0(s0)
        show    "apart again: %c\n"
        leave

        .section .rodata
run:    .string "/sys/kernel/mm/ksm/run"
pages_shared: .string "/sys/kernel/mm/ksm/pages_shared"
pages_sharing: .string "/sys/kernel/mm/ksm/pages_sharing"
pages_unshared: .string "/sys/kernel/mm/ksm/pages_unshared"
one:    .string "1\n"
        .balign 8
pause:  .dword  0, 500000000
        .bss
text:   .skip   24
