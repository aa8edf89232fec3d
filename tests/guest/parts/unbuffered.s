# Linked to a case when it is built against glibc: standard output without a buffer, as toyvm's library has it.
        .text
        .type   unbuffer, @function
unbuffer:
        la      t0, stdout
        ld      a0, 0(t0)
        li      a1, 0
        li      a2, 2                   # _IONBF
        li      a3, 0
        tail    setvbuf
        .section .init_array.100, "aw", @init_array
        .balign 8
        .dword  unbuffer
