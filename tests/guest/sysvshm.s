# System V shared memory: a key that a stranger finds, attachments counted through fork and exit, removal while attached.
        .include "guest.inc"
        .equ    KEY, 0x1234
        .equ    SHM_RDONLY, 010000
        .text
# attached(id in s0): shm_nattch.
attached:
        mv      a0, s0
        li      a1, 2                   # IPC_STAT
        la      a2, status
        sys     195
        bnez    a0, 1f
        la      t0, status
        ld      a0, 88(t0)
1:      ret

# A child that knows the key only, as a program that is no relative would.
stranger:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, KEY
        li      a1, 0
        li      a2, 0
        sys     194
        li      a1, 0
        li      a2, 0
        sys     196
        li      t0, 'S'
        lui     t1, 1
        add     t1, a0, t1
        sb      t0, 0(t1)               # the second page
        call    attached
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# A child that writes to the read-only view.
vandal: sb      zero, 0(s2)
        li      a0, 0
        ret

        .globl  main
main:   enter
        li      a0, KEY
        li      a1, 5000
        li      a2, 03600               # IPC_CREAT | IPC_EXCL, 0600
        sys     194
        mv      s0, a0
        li      a0, KEY
        li      a1, 1
        li      a2, 03600
        sys     194
        show    "made again: %ld\n"
        li      a0, KEY
        li      a1, 5001
        li      a2, 0
        sys     194
        show    "found, but too small: %ld\n"
        call    attached
        show    "attached by %ld\n"
        mv      a0, s0
        li      a1, 0
        li      a2, 0
        sys     196
        mv      s1, a0
        mv      a0, s0
        li      a1, 0
        li      a2, SHM_RDONLY
        sys     196
        mv      s2, a0
        li      t0, 'P'
        sb      t0, 0(s1)
        lbu     a0, 0(s2)
        show    "seen through the other view: %c\n"
        in_child vandal
        show    "a write to the read-only view: signal %ld\n"
        in_child stranger
        addi    a0, a0, -256
        show    "attached, the child's included: %ld\n"
        lui     t0, 1
        add     t0, s2, t0
        lbu     a0, 0(t0)
        show    "the stranger wrote: %c\n"
        call    attached
        show    "after its exit: %ld\n"
        mv      a0, s0
        li      a1, 0                   # IPC_RMID
        li      a2, 0
        sys     195
        li      a0, KEY
        li      a1, 0
        li      a2, 0
        sys     194
        show    "found after removal: %ld\n"
        lbu     a0, 0(s1)
        show    "and still there: %c\n"
        mv      a0, s1
        sys     197
        mv      a0, s2
        sys     197
        show    "detached: %ld\n"
        call    attached
        show    "and gone: %ld\n"
        mv      a0, s1
        sys     197
        show    "detached twice: %ld\n"
        leave

        .bss
        .balign 8
status: .skip   112
