# cow: copy-on-write. After fork and a write: the same virtual address, two values, two frames.
#
# fork copies no memory. The page tables of parent and child refer to the same frames, without write permission in
# both. The first write to such a page faults. The kernel sees that the page is private and its frame is shared,
# allocates a frame, copies the old one to it, makes the writer's page table entry refer to it with write permission,
# and the instruction runs again. If only one process still uses a frame, a write fault copies nothing: the kernel
# just restores the permission.
#
# toyvm: with: parts/pagemap.s
# toyvm: qemu: no an emulator of one process has no page tables of its own to show in /proc/self/pagemap
#
#   toyvm run asm/cow.s
#   toyvm run --trace=cow asm/cow.s
#   toyvm run --stats asm/cow.s
#
# Look in the trace at the fault on the page of `number`: the entry before, the copy, the entry after. And look at the
# number of copies in the statistics: of all pages that the two processes share, only those that were written.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)

        la      t0, number
        li      t1, 1
        sd      t1, 0(t0)               # the page has a frame from here on
        la      a0, number
        call    frame_of
        mv      s0, a0                  # s0: the frame before fork; the child's s0 is the same
        bltz    s0, failed

        call    fork
        bltz    a0, failed
        beqz    a0, child

        li      a0, -1                  # the parent lets the child go first
        li      a1, 0
        li      a2, 0
        call    waitpid
        la      a0, parent_after
        call    report                  # the child's write did not reach this page
        la      t0, number
        li      t1, 3
        sd      t1, 0(t0)               # the frame is no longer shared: no copy
        la      a0, parent_wrote
        call    report
        li      a0, 0
        j       leave

child:  la      a0, child_before
        call    report
        la      t0, number
        li      t1, 2
        sd      t1, 0(t0)               # <- the copy-on-write fault is here
        la      a0, child_wrote
        call    report
        li      a0, 0
        call    exit

failed: li      a0, 1
leave:  ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret

# report(who): print the number, and whether its frame is the one it had before fork (in s0).
        .type   report, @function
report: addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s1, 0(sp)
        mv      s1, a0
        la      a0, number
        call    frame_of
        la      a3, same
        beq     a0, s0, 1f
        la      a3, another
1:      la      a0, line
        mv      a1, s1
        la      t0, number
        ld      a2, 0(t0)
        call    printf
        ld      ra, 8(sp)
        ld      s1, 0(sp)
        addi    sp, sp, 16
        ret

        .data
        .balign 4096                    # a page of its own, so that no other write makes the copy
number: .dword  0
        .balign 4096

        .section .rodata
line:   .string "%s number is %ld, in %s\n"
same:   .string "the frame from before the fork"
another:
        .string "a frame of its own"
child_before:
        .string "child,  before it writes:"
child_wrote:
        .string "child,  after it wrote:  "
parent_after:
        .string "parent, after the child: "
parent_wrote:
        .string "parent, after it wrote:  "
