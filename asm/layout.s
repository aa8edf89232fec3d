# layout: the regions of a process's address space.
#
# From low to high addresses: the program's code, its constants, initialised data, zero-initialised data (bss); then
# the heap, growing up; a wide gap; the mapping area with shared libraries and mmap, growing down; and the stack at
# the top, growing down. This program takes one address of each kind, sorts them, and prints the kinds in that order.
# Linked statically, the library's code is part of the program's; linked dynamically, it is in the mapping area.
#
# toyvm: qemu: no the emulator puts mappings above the stack
#
#   toyvm run --static --maps asm/layout.s
#   toyvm run --dynamic --maps asm/layout.s
#
# Look at the line `library` of both runs, and in the maps at the file and the protection of each region:
# code r-x, constants r--, data rw-.

        .equ    KINDS, 8
        .equ    ENTRY, 16               # struct { char *kind; void *address; }

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)

        la      s0, table
        la      t0, main
        sd      t0, 0*ENTRY+8(s0)
        la      t0, constant
        sd      t0, 1*ENTRY+8(s0)
        la      t0, initialised
        sd      t0, 2*ENTRY+8(s0)
        la      t0, zeros
        sd      t0, 3*ENTRY+8(s0)
        li      a0, 32
        call    malloc                  # a small block: from the heap
        sd      a0, 4*ENTRY+8(s0)
        li      a0, 0
        li      a1, 1 << 20             # larger than any gap that other mappings have left
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    mmap
        sd      a0, 5*ENTRY+8(s0)
        .option push
        .option pic                     # from the global offset table: the function's true address,
        la      t0, strlen              # not that of this program's PLT entry for it
        .option pop
        sd      t0, 6*ENTRY+8(s0)
        sd      sp, 7*ENTRY+8(s0)

        mv      a0, s0
        li      a1, KINDS
        li      a2, ENTRY
        la      a3, by_address
        call    qsort

        li      s1, KINDS
1:      la      a0, line
        ld      a1, 0(s0)
        call    printf
        addi    s0, s0, ENTRY
        addi    s1, s1, -1
        bnez    s1, 1b

        li      a0, 0
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# int by_address(const entry *a, const entry *b)
        .type   by_address, @function
by_address:
        ld      a0, 8(a0)
        ld      a1, 8(a1)
        sltu    t0, a1, a0              # a > b
        sltu    t1, a0, a1              # a < b
        sub     a0, t0, t1
        ret

        .section .rodata
constant:
        .dword  42
line:   .string "%s\n"
text_is:
        .string "text     the program's code"
rodata_is:
        .string "rodata   its constants"
data_is:
        .string "data     initialised, stored in the file"
bss_is: .string "bss      zeros, only their size is in the file"
heap_is:
        .string "heap     malloc of a small block, grows up"
mmap_is:
        .string "mmap     a new mapping, below the older ones"
library_is:
        .string "library  strlen"
stack_is:
        .string "stack    grows down"

        .data
        .balign 8
initialised:
        .dword  42
table:  .dword  text_is, 0
        .dword  rodata_is, 0
        .dword  data_is, 0
        .dword  bss_is, 0
        .dword  heap_is, 0
        .dword  mmap_is, 0
        .dword  library_is, 0
        .dword  stack_is, 0

        .bss
        .balign 8
zeros:  .skip   8
