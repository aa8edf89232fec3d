# shm_key: shared memory of unrelated processes, identified by a key.
#
# Pages of mmap(MAP_SHARED | MAP_ANONYMOUS) are shared only with children, because other processes cannot name them. A
# System V segment has a key, a number that programs agree on. Here the child creates the segment after the fork, so
# the parent cannot inherit it. The parent asks for the same key and gets the same memory. The segment outlives the
# process that created it, until it is removed.
#
#   toyvm run asm/shm_key.s
#   toyvm run --trace=faults,syscalls asm/shm_key.s
#
# Look at the name of the mapping in the faults, and at the order: when the parent attaches, the child has ended.

        .equ    KEY, 0x1234
        .equ    IPC_CREAT, 01000
        .equ    IPC_RMID, 0
        .equ    SYS_shmget, 194
        .equ    SYS_shmctl, 195
        .equ    SYS_shmat, 196

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        call    fork
        bltz    a0, failed
        beqz    a0, child

        li      a0, 0
        call    wait
        li      a0, 0                   # the parent may not make it, only find it
        la      a1, parent
        call    attach
        mv      a1, a0
        la      a0, reads
        ld      a1, 0(a1)
        call    printf
        mv      a0, s0
        li      a1, IPC_RMID
        li      a2, 0
        li      a7, SYS_shmctl
        ecall
        mv      a1, a0
        la      a0, removed
        call    printf
        li      a0, KEY
        li      a1, 4096
        li      a2, 0
        li      a7, SYS_shmget
        ecall
        mv      a1, a0
        la      a0, gone
        call    printf
        li      a0, 0
        j       leave

child:  li      a0, IPC_CREAT | 0600
        la      a1, childs
        call    attach
        li      t0, 123123113
        sd      t0, 0(a0)
        la      a0, writes
        li      a1, 123123113
        call    printf
        li      a0, 0
        call    exit

failed: li      a0, 1
leave:  ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# attach(flags, who): shmget and shmat; s0 becomes the segment's number. Ends the program when the segment cannot be had.
        .type   attach, @function
attach: addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      a1, 0(sp)
        mv      a2, a0
        li      a0, KEY
        li      a1, 4096
        li      a7, SYS_shmget
        ecall
        bltz    a0, 1f
        mv      s0, a0
        li      a1, 0                   # wherever the kernel likes
        li      a2, 0
        li      a7, SYS_shmat
        ecall
        bltz    a0, 1f
        ld      a1, 0(sp)
        sd      a0, 0(sp)
        la      a0, has
        call    printf
        ld      a0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
1:      li      a0, 1
        call    exit

        .section .rodata
childs: .string "child"
parent: .string "parent"
has:    .string "%s has the segment with key 0x1234\n"
writes: .string "child writes %d and ends\n"
reads:  .string "parent reads %d\n"
removed:
        .string "parent removes it: %d\n"
gone:   .string "asked for again without IPC_CREAT: %d (-2 is ENOENT)\n"
