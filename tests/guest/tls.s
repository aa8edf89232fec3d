# Thread-local storage of the program itself: .tdata and .tbss behind tp (local-exec model).
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        lui     t0, %tprel_hi(initialised)
        add     t0, t0, tp, %tprel_add(initialised)
        ld      a0, %tprel_lo(initialised)(t0)
        show    "initialised: %ld\n"
        lui     t0, %tprel_hi(zero_one)
        add     t0, t0, tp, %tprel_add(zero_one)
        ld      a0, %tprel_lo(zero_one)(t0)
        show    "zero: %ld\n"
        lui     t0, %tprel_hi(zero_one)
        add     t0, t0, tp, %tprel_add(zero_one)
        li      t1, 5
        sd      t1, %tprel_lo(zero_one)(t0)
        la.tls.ie t0, zero_one
        add     t0, t0, tp
        ld      a0, 0(t0)
        show    "by initial-exec: %ld\n"
        la.tls.ie t0, aligned
        add     t0, t0, tp
        andi    a0, t0, 63
        show    "aligned: %ld\n"
        leave

        .section .tdata, "awT", @progbits
        .balign 8
        .globl  initialised
initialised:
        .dword  1234
        .section .tbss, "awT", @nobits
        .balign 64
        .globl  aligned, zero_one
aligned:
        .skip   64
zero_one:
        .skip   8
