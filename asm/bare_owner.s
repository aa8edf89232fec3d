# bare_owner: a program that stores a number and reads it again later. It never changes it; is it still the same?
#
# With virtual memory no other program can change it. In bare physical memory its neighbour, `bare_intruder`, overwrites
# it: an address is a location in the machine's one memory, and this program's was chosen by hand (the line `base`, which
# is `ld -Ttext-segment=0x100000`).
#
#   toyvm run --together asm/bare_owner.s asm/bare_intruder.s
#   toyvm run --no-mmu asm/bare_owner.s asm/bare_intruder.s
#
# Look at what the owner finds the second time, and at docs/lessons/01-physical-memory.md.
# toyvm: base: 0x100000
# toyvm: linkage: static

        .section .rodata
keeps:  .ascii  "owner:    I keep "
        .equ    keeps_size, . - keeps
finds:  .ascii  "owner:    I find "
        .equ    finds_size, . - finds
        .balign 8
pause:  .dword  0, 1000000

        .text
        .globl  _start
_start: la      a1, keeps
        li      a2, keeps_size
        call    print
        la      a0, pause               # nanosleep: now the neighbour has its turn
        li      a1, 0
        li      a7, 101
        ecall
        la      a1, finds
        li      a2, finds_size
        call    print
        li      a0, 0
        li      a7, 93                  # exit
        ecall

# print(text in a1, length in a2), and the number behind it.
print:  li      a0, 1
        li      a7, 64                  # write
        ecall
        li      a0, 1
        la      a1, number
        li      a2, 6
        li      a7, 64
        ecall
        ret

        .data
        .balign 4096
number: .ascii  "12345\n"               # at the beginning of a page: 0x103000
