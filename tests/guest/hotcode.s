# Hot code that changes under way: patched in place, across the boundary of two pages, replaced, taken away, moved, copied on
# write, written through another mapping. It is a loop of 20,000 rounds each time, so that it is native code before and after.
# toyvm: qemu: no it does not see what another mapping of the same page of code is given
        .include "guest.inc"
        .equ    ROUNDS, 20000
        .equ    BEFORE, 6               # bytes of the loop before the boundary: its second instruction lies across it

        .macro  map address, length, prot, flags, fd=-1
        mv      a0, \address
        li      a1, \length
        li      a2, \prot
        li      a3, \flags
        li      a4, \fd
        li      a5, 0
        call    mmap
        .endm

# Call the loop at a register with ROUNDS; a0: its sum.
        .macro  hot where
        li      a0, ROUNDS
        jalr    \where
        .endm

# Make the loop's step `step` and show what it adds up to.
        .macro  patched where, step, label:vararg
        mv      a0, \where
        li      a1, \step
        call    patch
        hot     \where
        show    \label
        .endm

        .text
        .globl  main
main:   enter
        map     zero, 2 * 4096, 7, 0x22
        mv      s0, a0
        li      t0, 4096 - BEFORE
        add     s1, s0, t0              # s1: the loop
        li      t0, 4096
        add     s2, s0, t0              # s2: the boundary
        mv      a0, s1
        call    install
        hot     s1
        show    "steps of 1 across two pages: %ld\n"
        patched s1, 2, "patched in both pages, steps of 2: %ld\n"
        li      t0, -2
        slli    t0, t0, 20
        srli    t0, t0, 16              # the upper half of addi a1, a1, -2
        li      t1, 0x0005
        or      t0, t0, t1
        sh      t0, 0(s2)
        fence.i
        hot     s1
        show    "in the second page alone, steps of -2: %ld\n"

        flush
        in_child own
        show    "a child patches its copy: 256 + %ld\n"
        hot     s1
        show    "the parent's is as it was: %ld\n"
        patched s1, 3, "and patched in its turn: %ld\n"

        mv      a0, s0
        li      a1, 2 * 4096
        li      a2, 3
        call    mprotect
        in_child run
        show    "not executable: signal %ld\n"
        mv      a0, s0
        li      a1, 2 * 4096
        li      a2, 7
        call    mprotect
        hot     s1
        show    "executable again: %ld\n"

        mv      a0, s2
        li      a1, 4096
        call    munmap
        in_child run
        show    "the second page taken away: signal %ld\n"
        map     s2, 4096, 7, 0x32
        in_child run
        show    "a page of zeros in its place: signal %ld\n"
        mv      a0, s1
        call    install
        patched s1, 4, "and code again: %ld\n"

        map     zero, 2 * 4096, 0, 0x22 # a place to move to
        mv      s3, a0
        mv      a0, s0
        li      a1, 2 * 4096
        li      a2, 2 * 4096
        li      a3, 3                   # MREMAP_MAYMOVE | MREMAP_FIXED
        mv      a4, s3
        sys     216
        sub     s4, a0, s0
        add     s4, s1, s4              # s4: the loop where it is now
        hot     s4
        show    "moved: %ld\n"
        in_child run
        show    "nothing is where it was: signal %ld\n"
        map     s0, 2 * 4096, 7, 0x32
        mv      a0, s1
        call    install
        patched s1, 5, "other code is there: %ld\n"
        hot     s4
        show    "and the first still moved: %ld\n"

        la      a0, name
        li      a1, 0
        sys     279                     # memfd_create
        mv      s5, a0
        li      a1, 4096
        sys     46                      # ftruncate
        li      a0, 0
        li      a1, 4096
        li      a2, 3
        li      a3, 1                   # MAP_SHARED
        mv      a4, s5
        li      a5, 0
        call    mmap
        mv      s6, a0                  # s6: to write
        li      a0, 0
        li      a1, 4096
        li      a2, 5
        li      a3, 1
        mv      a4, s5
        li      a5, 0
        call    mmap
        mv      s7, a0                  # s7: to execute
        mv      a0, s6
        call    install
        hot     s7
        show    "written through another mapping: %ld\n"
        mv      a0, s6
        li      a1, 9
        call    patch
        hot     s7
        show    "and changed through it: %ld\n"
        in_child others
        show    "a child changes it for both: 256 + %ld\n"
        fence.i
        hot     s7
        show    "so the parent has: %ld\n"

        map     zero, 2 * 4096, 3, 0x22
        mv      s8, a0
        call    stride
        show    "misaligned all over two pages: %ld\n"
        li      t0, 4096
        add     a0, s8, t0
        li      a1, 4096
        call    munmap
        in_child stride
        show    "into a page that is gone: signal %ld\n"
        leave

# In a child: its own steps, hot; the status is a thousandth of the sum.
own:    addi    sp, sp, -16
        sd      ra, 8(sp)
        hot     s1
        mv      a0, s1
        li      a1, 7
        call    patch
        hot     s1
        j       thousandth
others: addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      a0, s6
        li      a1, 11
        call    patch
        hot     s7
thousandth:
        li      t0, 1000
        div     a0, a0, t0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
run:    li      a0, ROUNDS
        jr      s1

# Copy the loop to a0, two bytes at a time.
install:
        la      t0, loop
        la      t1, loop_end
1:      lhu     t2, 0(t0)
        sh      t2, 0(a0)
        addi    t0, t0, 2
        addi    a0, a0, 2
        bne     t0, t1, 1b
        fence.i
        ret

# Make a1 what the loop at a0 adds in each round.
patch:  slli    t0, a1, 20
        li      t1, 0x00058593          # addi a1, a1, 0
        or      t0, t0, t1
        sh      t0, 4(a0)
        srli    t0, t0, 16
        sh      t0, 6(a0)
        fence.i
        ret

# Add 1 to each third doubleword of the pages at s8, over and over; a0: the sum of what was there.
stride: li      a0, 0
        li      t3, 6
1:      mv      t0, s8
        li      t1, 2 * 4096 - 8
        add     t1, t1, s8
2:      ld      t2, 0(t0)
        add     a0, a0, t2
        addi    t2, t2, 1
        sd      t2, 0(t0)
        addi    t0, t0, 3
        bltu    t0, t1, 2b
        addi    t3, t3, -1
        bnez    t3, 1b
        ret

        .option push
        .option norvc
loop:   li      a1, 0
1:      addi    a1, a1, 1
        addi    a0, a0, -1
        bgtz    a0, 1b
        mv      a0, a1
        ret
loop_end:
        .option pop

        .section .rodata
name:   .string "code"
