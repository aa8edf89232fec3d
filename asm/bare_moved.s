# bare_moved: a program that contains an absolute address. It works only where it was linked to run.
#
# `_start` itself runs at any address, because its branches are pc-relative. But `handler` is a word in the data, and the
# linker stored in it the address of `work` for a program loaded at 0x300000. Loaded elsewhere in bare physical
# memory, the program jumps to the wrong address. With virtual memory every program has an address 0x300000 of its
# own, so it need not be loaded anywhere else.
#
#   toyvm run --no-mmu asm/bare_moved.s
#   toyvm run --no-mmu asm/bare_moved.s@0x500000
#
# Look at the address of the illegal instruction: that memory contains no program.
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
