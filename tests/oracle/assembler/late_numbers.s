# Symbols that turn out to be numbers after their use: those that other files see keep their names in relocations.
        .text
f:      call    g
        call    w
        tail    g
        j       g
        jal     w
        beqz    a0, g
        bne     a0, a1, w
        lla     a0, g
        la      a0, g
        lui     a0, %hi(g)
        lw      a0, %lo(g)(a0)
        lui     a0, %hi(w + 0x5004)
        addi    a0, a0, %lo(w + 0x5004)
        sw      a1, %lo(w + 4)(a0)
        auipc   a0, %got_pcrel_hi(g + 4)
        call    l
        lla     a0, l
        lui     a0, %hi(l + 0x5004)
        addi    a0, a0, %lo(l + 4)
        sw      a1, %lo(l + 8)(a0)
        lui     a0, %hi(g - w)
        addi    a0, a0, %lo(g - w)
        lui     a0, %hi(l - h)
        addi    a0, a0, %lo(l - h)
        lui     a0, %hi(k)
        lui     a0, %hi(k2)
        call    k3
        .data
        .balign 8
        .dword  g, w, l, g + 4, g - l
        .word   g, w, g - l, g - w, w - g, l - g
lab:    .word   lab - g, lab - l
        .globl  k, k2, k3
        .set    k, g + 7
        .set    k2, l
        .set    k3, elsewhere
        .globl  g
        .set    g, 0x4000
        .weak   w
        .set    w, 0x5000
        .set    l, 0x6000
        .set    h, 0x1234
