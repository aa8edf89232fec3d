# What setrlimit forbids a process to take: address space, data and stack.
# toyvm: qemu: no it keeps these limits from the host; tests/oracle/linux/limits.c asks the host's Linux
        .include "guest.inc"
        .equ    PAGE, 4096
        .equ    KIB, 1024
        .equ    NONE, 0
        .equ    READ, 1
        .equ    WRITE, 3
        .equ    PRIVATE, 0x22
        .equ    SHARED, 0x21
        .equ    FIXED, 0x32
        .text
# limit(which, bytes): the soft limit; what prlimit64 says.
limit:  la      a2, wanted
        sd      a1, 0(a2)
        mv      a1, a0
        li      a0, 0
        li      a3, 0
        sys     261
        ret

# map(pages, prot, flags, address): 0 and the address in s2, or -errno.
map:    slli    a1, a0, 12
        mv      t0, a2
        mv      a2, s3
        mv      a0, a3
        mv      a3, t0
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 1f
        mv      s2, a0
        li      a0, 0
1:      ret

        .macro  try label, pages, prot, flags, address=zero
        li      a0, \pages
        li      s3, \prot
        li      a2, \flags
        mv      a3, \address
        call    map
        show    "\label: %ld\n"
        .endm

# raise(bytes): how far the break moved.
raise:  mv      t1, a0
        li      a0, 0
        sys     214
        mv      t0, a0
        add     a0, a0, t1
        sys     214
        sub     a0, a0, t0
        ret

# The number of pages that /proc/self/statm begins with.
pages:  addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, -100
        la      a1, statm
        li      a2, 0
        li      a3, 0
        sys     56
        la      a1, text
        li      a2, 100
        sys     63
        la      a0, text
        call    atoi
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

space:  addi    sp, sp, -16
        sd      ra, 8(sp)
        try     "eight pages", 8, NONE, PRIVATE
        mv      s1, s2
        call    pages
        addi    a1, a0, 16
        slli    a1, a1, 12
        li      a0, 9                   # RLIMIT_AS
        call    limit
        try     "17 pages of 16", 17, NONE, PRIVATE
        try     "16 pages", 16, READ, PRIVATE
        mv      s4, s2
        try     "one more", 1, NONE, PRIVATE
        try     "in the place of others", 8, WRITE, FIXED, s1
        li      a0, PAGE
        call    raise
        show    "the break moved by %ld\n"
        mv      a0, s4
        li      a1, PAGE
        sys     215
        try     "shared, after an unmap", 1, WRITE, SHARED
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

data:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, 2                   # RLIMIT_DATA
        li      a1, 1
        call    limit
        try     "read-only is no data", 4, READ, PRIVATE
        mv      s1, s2
        try     "shared is no data", 4, WRITE, SHARED
        try     "private and writable is", 4, WRITE, PRIVATE
        mv      a0, s1
        li      a1, PAGE
        li      a2, WRITE
        sys     226
        show    "to be made so: %ld\n"
        li      a0, 1
        call    raise
        show    "the break moved by %ld\n"
        li      a0, 2                   # RLIMIT_DATA
        li      a1, 0
        call    limit
        try     "a limit of 0 stops the break only", 4, WRITE, PRIVATE
        li      a0, 1
        call    raise
        show    "the break moved by %ld\n"
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# Touch the stack s1 bytes down, of 512 KiB.
deep:   addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, 3                   # RLIMIT_STACK
        li      a1, 512 * KIB
        call    limit
        ld      ra, 8(sp)
        addi    sp, sp, 16
        mv      t0, sp
        sub     sp, sp, s1
        sb      zero, 0(sp)
        mv      sp, t0
        ret

        .globl  main
main:   enter
        in_child space
        addi    a0, a0, -256
        show    "address space: status %ld\n"
        in_child data
        addi    a0, a0, -256
        show    "data: status %ld\n"
        li      s1, 400 * KIB
        in_child deep
        addi    a0, a0, -256
        show    "400 KiB of stack: status %ld\n"
        li      s1, 600 * KIB
        in_child deep
        show    "600 KiB of stack: signal %ld\n"
        leave

        .section .rodata
statm:  .asciz  "/proc/self/statm"
        .data
        .balign 8
wanted: .dword  0, -1
        .bss
text:   .space  100
