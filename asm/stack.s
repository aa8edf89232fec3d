# stack: the stack grows down automatically, page by page, up to its limit.
#
# Only the top of the stack is mapped when a program starts. A function that uses more touches a page below it. That
# faults, and the kernel finds an address in the stack's region and maps a zeroed frame. A child with endless
# recursion goes through the region into the guard gap below it, and is killed by SIGSEGV.
#
# toyvm: with: parts/pagemap.s
#
#   toyvm run --stats asm/stack.s
#   toyvm run --trace=faults asm/stack.s
#
# Look at the faults in the trace: stack addresses, each a little lower than the one before.

        .equ    DEPTH, 64
        .equ    FRAME, 1024             # 64 frames of 1 KiB: 16 pages

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)

        la      a0, before
        call    deep_page
        li      a0, DEPTH
        call    descend
        mv      a1, a0
        la      a0, sum_is
        call    printf
        la      a0, after
        call    deep_page

        li      a0, 0
        call    fflush                  # or the child would have a copy of what is in the buffer
        call    fork
        bltz    a0, failed
        bnez    a0, 1f
        li      a0, -1                  # the child goes down 2^64 frames
        call    descend
        call    exit                    # never reached
1:      mv      a0, sp
        call    wait
        lw      a1, 0(sp)
        andi    a1, a1, 0x7f
        la      a0, ended
        call    printf
        li      a0, 0
        j       leave
failed: li      a0, 1
leave:  ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# descend(n): n + (n - 1) + ... + 1, each number in a stack frame of its own.
        .type   descend, @function
descend:
        beqz    a0, 1f
        addi    sp, sp, -FRAME
        sd      ra, FRAME-8(sp)
        sd      a0, FRAME-16(sp)
        addi    a0, a0, -1
        call    descend
        ld      t0, FRAME-16(sp)
        add     a0, a0, t0
        ld      ra, FRAME-8(sp)
        addi    sp, sp, FRAME
1:      ret

# deep_page(when): is there a frame for the page that the recursion will reach?
        .type   deep_page, @function
deep_page:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
        li      t0, (DEPTH - 4) * FRAME
        sub     a0, sp, t0
        call    frame_of
        la      a2, has
        bgez    a0, 1f
        la      a2, has_not
1:      la      a0, line
        mv      a1, s0
        call    printf
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
before: .string "before"
after:  .string "after"
line:   .string "%s the recursion, the page 15 pages down %s\n"
has:    .string "has a frame"
has_not:
        .string "has no frame yet"
sum_is: .string "64 + 63 + ... + 1 = %ld\n"
ended:  .string "the recursion without end was ended by signal %d\n"
