# POSIX shared memory as shm_open(3) and shm_unlink(3) make it: a file of /dev/shm, found by name and mapped shared.
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    SIZE, 2 * PAGE
        .equ    O_RDWR, 2
        .equ    O_CREAT, 0100
        .equ    O_EXCL, 0200
        .text
# object(flags): shm_open(name, flags, 0600).
object: mv      a2, a0
        li      a0, -100                # AT_FDCWD
        la      a1, name
        li      a3, 0600
        sys     56
        ret

# attach(fd): where all of it is mapped MAP_SHARED.
attach: mv      a4, a0
        li      a0, 0
        li      a1, SIZE
        li      a2, 3
        li      a3, 1
        li      a5, 0
        sys     222
        ret

# remove(): shm_unlink(name).
remove: li      a0, -100
        la      a1, name
        li      a2, 0
        sys     35
        ret

# A child that inherits the mapping.
relative:
        lbu     a0, 0(s1)
        li      t0, 'R'
        sb      t0, 1(s1)
        ret

# A child that gives up all that it inherits and knows the name only.
stranger:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        mv      a0, s1
        li      a1, SIZE
        sys     215
        mv      a0, s0
        sys     57
        li      a0, O_RDWR
        call    object
        call    attach
        lbu     t1, 1(a0)
        li      t0, 'S'
        lui     t2, 1
        add     t2, a0, t2
        sb      t0, 0(t2)               # the second page
        mv      a0, t1
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .globl  main
main:   enter
        sys     172                     # a name of its own: qemu shows it the host's /dev/shm
        mv      a3, a0
        la      a0, name
        li      a1, 40
        la      a2, format
        call    snprintf
        li      a0, O_RDWR
        call    object
        show    "before it is made: %ld\n"
        li      a0, O_RDWR | O_CREAT | O_EXCL
        call    object
        mv      s0, a0
        li      a0, O_RDWR | O_CREAT | O_EXCL
        call    object
        show    "made again: %ld\n"
        mv      a0, s0
        li      a1, SIZE
        sys     46
        show    "ftruncate: %ld\n"
        mv      a0, s0
        call    attach
        mv      s1, a0
        li      t0, 'P'
        sb      t0, 0(s1)
        in_child relative
        addi    a0, a0, -256
        show    "the child saw: %c\n"
        lbu     a0, 1(s1)
        show    "and wrote: %c\n"
        in_child stranger
        addi    a0, a0, -256
        show    "the stranger saw: %c\n"
        lui     t0, 1
        add     t0, s1, t0
        lbu     a0, 0(t0)
        show    "and wrote: %c\n"
        call    remove
        show    "shm_unlink: %ld\n"
        li      a0, O_RDWR
        call    object
        show    "found afterwards: %ld\n"
        in_child relative
        addi    a0, a0, -256
        show    "and still there: %c\n"
        mv      a0, s0
        sys     57
        li      a0, O_RDWR | O_CREAT | O_EXCL
        call    object
        mv      s0, a0
        li      a1, 0
        li      a2, 2                   # SEEK_END
        sys     62
        show    "the size of another by that name: %ld\n"
        call    remove
        call    remove
        show    "removed twice: %ld\n"
        leave

        .section .rodata
format: .asciz  "/dev/shm/toyvm.posix_shm.%ld"
        .bss
name:   .space  40
