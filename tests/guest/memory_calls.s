# The calls about memory that other guest tests do not make: a file without a name, msync, mincore, locks, advice, areas that grow down.
# toyvm: qemu: no it knows neither MAP_POPULATE nor MAP_FIXED_NOREPLACE, and takes all advice
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    SIZE, 3 * PAGE
        .equ    HOLE, 600 * PAGE
        .text
# map(address, length, flags, fd): readable and writable
map:    mv      a4, a3
        mv      a3, a2
        li      a2, 3
        li      a5, 0
        sys     222
        ret

        .macro  mapped address, length, flags, fd=-1
        \address
        li      a1, \length
        li      a2, \flags
        .ifc    \fd, file
        mv      a3, s0
        .else
        li      a3, -1
        .endif
        call    map
        .endm

        .macro  call3 number, first, second, third
        mv      a0, \first
        li      a1, \second
        li      a2, \third
        sys     \number
        .endm

# A child that touches what the file does not reach any more.
beyond: li      t0, PAGE
        add     t0, s1, t0
        lbu     a0, 0(t0)
        ret

        .globl  main
main:   enter
        la      a0, name
        li      a1, 0
        sys     279
        mv      s0, a0
        mv      a0, s0
        li      a1, SIZE
        sys     46
        show    "memfd_create and ftruncate: %ld\n"
        mapped  "li a0, 0", SIZE, 0x8001, file          # MAP_SHARED | MAP_POPULATE
        mv      s1, a0
        mapped  "li a0, 0", SIZE, 0x2, file             # MAP_PRIVATE
        mv      s2, a0
        li      t0, 'A'
        sb      t0, 0(s1)
        lbu     a0, 0(s2)
        show    "what a private mapping sees: %ld\n"
        li      t0, 'P'
        sb      t0, 0(s2)
        lbu     a0, 0(s1)
        show    "what its write does to the file: %ld\n"
        call3   227, s1, SIZE, 4
        show    "msync: %ld\n"
        call3   227, s1, SIZE, 5
        show    "msync, now and later: %ld\n"
        mv      a0, s1
        li      a1, SIZE
        la      a2, vector
        sys     232
        show    "mincore: %ld\n"
        la      t0, vector
        lwu     a0, 0(t0)
        li      t0, 0x010101
        and     a0, a0, t0
        show    "what is in memory: %ld\n"
        mv      a0, s0
        li      a1, PAGE
        sys     46
        in_child beyond
        show    "beyond the new end: signal %ld\n"
        mapped  "mv a0, s1", PAGE, 0x100022             # MAP_FIXED_NOREPLACE
        show    "in the place of another: %ld\n"
        mapped  "li a0, 0", 1 << 33, 0x4022             # MAP_NORESERVE
        sgtz    a0, a0
        show    "8 GiB without reserve: %ld\n"

        mapped  "li a0, 0", HOLE, 0x22
        mv      s3, a0
        li      a1, HOLE
        sys     215
        li      t0, HOLE - PAGE
        add     s3, s3, t0
        mapped  "mv a0, s3", PAGE, 0x132                # MAP_GROWSDOWN | MAP_FIXED
        sub     a0, a0, s3
        show    "at the top of a hole: %ld\n"
        li      t0, 'G'
        li      t1, 5 * PAGE
        sub     t1, s3, t1
        sb      t0, 0(t1)
        lbu     a0, 0(t1)
        show    "five pages below it: %ld\n"

        mv      a0, s2
        li      a1, PAGE
        sys     228
        show    "mlock: %ld\n"
        call3   233, s2, PAGE, 4
        show    "to forget a locked page: %ld\n"
        mv      a0, s2
        li      a1, PAGE
        sys     229
        show    "munlock: %ld\n"
        call3   233, s2, PAGE, 4
        show    "to forget it now: %ld\n"
        lbu     a0, 0(s2)
        show    "what the file has is seen again: %ld\n"
        call3   233, s1, PAGE, 2
        show    "MADV_SEQUENTIAL: %ld\n"
        call3   233, s1, PAGE, 8
        show    "MADV_FREE of a file: %ld\n"
        mv      a0, s0
        li      a1, 0
        li      a2, PAGE
        li      a3, 3
        sys     223
        show    "posix_fadvise: %ld\n"
        mv      a0, s0
        li      a1, 0
        li      a2, PAGE
        li      a3, 9
        sys     223
        show    "advice that there is not: %ld\n"
        leave

        .section .rodata
name:   .asciz  "file"
        .bss
        .balign 8
vector: .space  8
