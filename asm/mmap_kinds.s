# mmap_kinds: shared and private anonymous memory, and a child's write to each.
#
# After fork, a MAP_SHARED page is one frame in two page tables: the parent sees the child's write.
# A MAP_PRIVATE page is copied at the first write: the parent does not see the child's write.
#
# toyvm: with: parts/pagemap.s
# toyvm: qemu: no an emulator of one process has no page tables of its own to show in /proc/self/pagemap
#
#   toyvm run asm/mmap_kinds.s
#   toyvm run --trace=cow asm/mmap_kinds.s
#
# Look at the trace: one copy, for the private page; none for the shared one.

        .equ    PROT_READ, 1
        .equ    PROT_WRITE, 2
        .equ    MAP_SHARED, 0x01
        .equ    MAP_PRIVATE, 0x02
        .equ    MAP_ANONYMOUS, 0x20

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, MAP_SHARED | MAP_ANONYMOUS
        la      a1, shared_name
        call    try
        li      a0, MAP_PRIVATE | MAP_ANONYMOUS
        la      a1, private_name
        call    try
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# try(flags, name): map a page, write 1, fork; the child writes 2; both say what they see.
        .type   try, @function
try:    addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)
        mv      s1, a1
        mv      a3, a0
        li      a0, 0
        li      a1, 4096
        li      a2, PROT_READ | PROT_WRITE
        li      a4, -1
        li      a5, 0
        call    mmap
        li      t0, -1
        beq     a0, t0, 3f
        mv      s0, a0                  # s0: the page
        li      t0, 1
        sd      t0, 0(s0)
        mv      a0, s0
        call    frame_of
        mv      s2, a0                  # s2: its frame before fork

        call    fork
        bltz    a0, 3f
        bnez    a0, 1f
        li      t0, 2
        sd      t0, 0(s0)
        la      a0, child
        call    tell
        li      a0, 0
        call    exit
1:      li      a0, 0
        call    wait
        la      a0, parent
        call    tell
        mv      a0, s0
        li      a1, 4096
        call    munmap
2:      ld      s2, 0(sp)
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
3:      li      a0, 1
        call    exit

# tell(who): with s0 the page, s1 its name, s2 the frame before fork.
        .type   tell, @function
tell:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s3, 0(sp)
        mv      s3, a0
        mv      a0, s0
        call    frame_of
        la      a4, same
        beq     a0, s2, 1f
        la      a4, other
1:      la      a0, line
        mv      a1, s1
        mv      a2, s3
        ld      a3, 0(s0)
        call    printf
        ld      s3, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
line:   .string "%s, %s: %ld in %s frame\n"
shared_name:
        .string "MAP_SHARED"
private_name:
        .string "MAP_PRIVATE"
child:  .string "the child wrote "
parent: .string "the parent reads"
same:   .string "the same"
other:  .string "another"
