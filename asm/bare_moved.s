# bare_moved: a program that holds an address of its own. Where it was linked for it works, anywhere else it does not.
#
# `_start` itself would run at any place, because its branches are relative to pc. But `handler` is a word in the data, and
# the linker wrote into it where `work` will be if the program is loaded at 0x300000. Loaded somewhere else in bare physical
# memory, the program jumps to where it is not. With virtual memory every program has address 0x300000 for itself, so
# nobody needs to load it anywhere else.
#
#   toyvm run --no-mmu asm/bare_moved.s
#   toyvm run --no-mmu asm/bare_moved.s@0x500000
#
# Look at the address of the illegal instruction: memory that nobody filled.
# toyvm: base: 0x300000
# toyvm: linkage: static

        .section .rodata
text:   .ascii  "I am where I was linked for\n"
        .equ    text_size, . - text

        .text
        .globl  _start
_start: ld      t0, handler
        jr      t0

work:   li      a0, 1
        la      a1, text
        li      a2, text_size
        li      a7, 64                  # write
        ecall
        li      a0, 0
        li      a7, 93                  # exit
        ecall

        .data
handler: .dword work
