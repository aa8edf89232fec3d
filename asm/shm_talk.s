# shm_talk: a parent and a child communicate through one page of shared memory.
#
# mmap with MAP_SHARED | MAP_ANONYMOUS maps a page that belongs to no file. After fork, both processes have it at the
# same virtual address, and, because it is shared, in the same frame of physical memory: each sees what the other
# writes. A private page would be copied at the first write (asm/mmap_kinds.s shows the difference).
# The sleeps only order the four steps:
#
#     parent  writes 123123113                          sleeps 2 s ........... prints what the child wrote
#     child                      sleeps 1 s, prints it, writes 321321331
#
#   toyvm run asm/shm_talk.s
#   toyvm run --trace=faults,syscalls asm/shm_talk.s
#
# Look at the faults of the two processes at the shared address: the same frame. The machine's time is virtual, so
# the run does not take two seconds.

        .equ    PROT_READ, 1
        .equ    PROT_WRITE, 2
        .equ    MAP_SHARED, 0x01
        .equ    MAP_ANONYMOUS, 0x20

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)

        li      a0, 0                   # let the kernel choose the address
        li      a1, 4096
        li      a2, PROT_READ | PROT_WRITE
        li      a3, MAP_SHARED | MAP_ANONYMOUS
        li      a4, -1                  # no file
        li      a5, 0
        call    mmap
        li      t0, -1                  # MAP_FAILED
        beq     a0, t0, failed
        mv      s0, a0                  # s0: the shared page, in both processes

        call    fork
        bltz    a0, failed
        beqz    a0, child

        mv      a0, s0                  # the parent speaks first ...
        la      a1, format
        la      a2, parents_words
        call    sprintf
        li      a0, 2
        call    sleep
        la      a0, parent_heard        # ... and reads the child's answer
        mv      a1, s0
        call    printf
        li      a0, 0
        j       leave

child:  li      a0, 1
        call    sleep
        la      a0, child_heard
        mv      a1, s0
        call    printf
        mv      a0, s0
        la      a1, format
        la      a2, childs_words
        call    sprintf
        li      a0, 0
        call    exit

failed: li      a0, 1
leave:  ld      ra, 8(sp)
        ld      s0, 0(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
format: .string "%s"
parents_words:
        .string "123123113"
childs_words:
        .string "321321331"
child_heard:
        .string "child: %s\n"
parent_heard:
        .string "parent: %s\n"
