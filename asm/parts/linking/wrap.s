# wrap: what `ld --wrap=puts` calls in place of puts. It prints a line of its own before the caller's.

        .text
        .globl  __wrap_puts
        .type   __wrap_puts, @function
__wrap_puts:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      a0, 0(sp)
        lla     a0, notice
        call    __real_puts
        ld      a0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        tail    __real_puts

        .section .rodata
notice: .string "wrap.s: puts was called with"
