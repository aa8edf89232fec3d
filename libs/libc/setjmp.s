# Jumps out of functions: setjmp(3), longjmp(3). A jmp_buf is ra, sp and the registers a function must keep, s0-s11;
# room is left for fs0-fs11.

        .include "defs.inc"

# int setjmp(jmp_buf env): 0; and once more, with longjmp's value, after longjmp. The signal mask is not kept.
        FUNC    setjmp
        ALSO    _setjmp
        sd      ra, 0(a0)
        sd      sp, 8(a0)
        sd      s0, 16(a0)
        sd      s1, 24(a0)
        sd      s2, 32(a0)
        sd      s3, 40(a0)
        sd      s4, 48(a0)
        sd      s5, 56(a0)
        sd      s6, 64(a0)
        sd      s7, 72(a0)
        sd      s8, 80(a0)
        sd      s9, 88(a0)
        sd      s10, 96(a0)
        sd      s11, 104(a0)
        li      a0, 0
        ret
        END     setjmp

# void longjmp(jmp_buf env, int value): setjmp returns value there, 1 for 0. Its caller must not have returned.
        FUNC    longjmp
        ALSO    _longjmp
        ld      ra, 0(a0)
        ld      sp, 8(a0)
        ld      s0, 16(a0)
        ld      s1, 24(a0)
        ld      s2, 32(a0)
        ld      s3, 40(a0)
        ld      s4, 48(a0)
        ld      s5, 56(a0)
        ld      s6, 64(a0)
        ld      s7, 72(a0)
        ld      s8, 80(a0)
        ld      s9, 88(a0)
        ld      s10, 96(a0)
        ld      s11, 104(a0)
        sext.w  a0, a1
        bnez    a0, 1f
        li      a0, 1
1:      ret
        END     longjmp
