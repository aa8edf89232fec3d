# Thread-local variables in the general dynamic form (psABI, "Thread Local Storage").

        .include "defs.inc"

# void *__tls_get_addr(struct { unsigned long module, offset; } *): the address of a variable of the calling thread.
# The word at tp - 16 is the address of the dtv, whose entry m is the block of module m (docs/design/loader.md). It is 0
# in a static program, whose only block is at tp.
        .equ    TLS_DTV_OFFSET, 0x800
        FUNC    __tls_get_addr
        ld      t0, -16(tp)
        ld      t1, 0(a0)
        ld      a0, 8(a0)
        mv      t2, tp
        beqz    t0, 1f
        slli    t1, t1, 3
        add     t1, t1, t0
        ld      t2, 0(t1)
1:      li      t0, TLS_DTV_OFFSET
        add     a0, a0, t0
        add     a0, a0, t2
        ret
        END     __tls_get_addr
