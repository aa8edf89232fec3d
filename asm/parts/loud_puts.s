# A library for LD_PRELOAD, see asm/interpose.s: a puts that counts its calls, decorates the text, and calls the real one.
        .equ    RTLD_NEXT, -1

        .text
        .globl  puts
        .type   puts, @function
puts:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        mv      s0, a0
        la      t0, count
        lw      a1, 0(t0)
        addi    a1, a1, 1
        sw      a1, 0(t0)
        la      a0, before
        call    printf
        li      a0, RTLD_NEXT           # the next `puts` in the search order after this library: libc's
        la      a1, name
        call    dlsym
        mv      t0, a0
        mv      a0, s0
        jalr    t0
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
        .size   puts, . - puts

        .section .rodata
name:   .string "puts"
before: .string "puts call %d: "

        .bss
        .balign 4
count:  .skip   4
