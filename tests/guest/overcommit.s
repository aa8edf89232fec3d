# Promised memory: what mmap, mprotect and fork may promise in each mode of vm.overcommit_memory.
# toyvm: qemu: no it would change a setting of the host
        .include "guest.inc"
        .equ    PAGE, 4096
        .text
# mode(digit in a0): write it to /proc/sys/vm/overcommit_memory.
mode:   la      t0, digit
        sb      a0, 0(t0)
        li      a0, -100
        la      a1, setting
        li      a2, 1                   # O_WRONLY
        li      a3, 0
        sys     56
        mv      s10, a0
        la      a1, digit
        li      a2, 1
        sys     64
        mv      a0, s10
        sys     57
        ret

# area(pages, prot, flags): its address, or -errno.
area:   slli    a1, a0, 12
        mv      a3, a2
        mv      a2, s7
        li      a0, 0
        li      a4, -1
        li      a5, 0
        sys     222
        bltz    a0, 1f
        mv      s9, a0
        li      a0, 0
1:      ret

# A child that has nothing to do.
idle:   li      a0, 0
        ret

        .macro  try label, pages, prot, flags
        li      a0, \pages
        li      s7, \prot
        li      a2, \flags
        call    area
        show    "\label: %ld\n"
        .endm

        .macro  drop pages
        mv      a0, s9
        li      a1, \pages * PAGE
        sys     215
        .endm

        .equ    HUGE, 1 << 24           # pages: 64 GiB
        .equ    MANY, 6144              # 24 MiB of the 64 MiB that the machine has

        .globl  main
main:   enter
        try     "0: more than there is", HUGE, 3, 0x22
        try     "0: shared", HUGE, 3, 0x21
        try     "0: read-only", HUGE, 1, 0x22
        mv      a0, s9
        li      a1, HUGE * PAGE
        li      a2, 3
        sys     226
        show    "0: made writable: %ld\n"
        drop    HUGE
        try     "0: without reserve", HUGE, 3, 0x4022
        in_child idle
        addi    a0, a0, -256
        show    "0: and a child: %ld\n"
        drop    HUGE
        li      a0, '1'
        call    mode
        try     "1: more than there is", HUGE, 3, 0x22
        drop    HUGE
        try     "1: shared", HUGE, 3, 0x21
        drop    HUGE
        li      a0, '2'
        call    mode
        try     "2: without reserve", HUGE, 3, 0x4022
        try     "2: a part of memory", MANY, 3, 0x22
        mv      s8, s9
        try     "2: as much again", MANY, 3, 0x22
        try     "2: and shared", MANY, 3, 0x21
        flush
        li      a0, 17                  # fork, by hand: the library's would only say -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        li      a4, 0
        sys     220
        show    "2: fork: %ld\n"
        mv      a0, s8
        li      a1, MANY * PAGE
        sys     215
        in_child idle
        addi    a0, a0, -256
        show    "2: fork of less: %ld\n"
        leave

        .section .rodata
setting: .string "/proc/sys/vm/overcommit_memory"
        .data
digit:  .byte   0
