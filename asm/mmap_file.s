# mmap_file: a file as memory, private and shared.
#
# mmap maps a file's pages into the address space, so memory reads replace read calls. A flag determines the effect of
# a write: with MAP_PRIVATE the process gets its own copy of the page (copy-on-write), and the file is not changed;
# MAP_SHARED writes to the page in the page cache, which all users of the file see.
#
# toyvm: file: /tmp/toyvm_note.txt "a note in a file\n"
#
#   toyvm run asm/mmap_file.s
#   toyvm run --trace=faults,cow asm/mmap_file.s
#
# Look at the faults: both mappings use the frame that the page cache has for the file; only the private one is
# copied when it is written.

        .equ    O_RDWR, 2
        .equ    SEEK_SET, 0
        .equ    PROT_READ, 1
        .equ    PROT_WRITE, 2
        .equ    MAP_SHARED, 0x01
        .equ    MAP_PRIVATE, 0x02
        .equ    SIZE, 17

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)

        la      a0, path
        li      a1, O_RDWR
        li      a2, 0
        call    open
        bltz    a0, failed
        mv      s0, a0                  # s0: the file

        li      a0, MAP_PRIVATE
        call    map
        mv      s1, a0                  # s1: the private mapping
        li      a0, MAP_SHARED
        call    map
        mv      s2, a0                  # s2: the shared mapping

        la      a0, mapped
        mv      a1, s1
        call    printf

        li      t0, 'A'
        sb      t0, 0(s1)               # a copy is made here
        la      a0, wrote_private
        call    show

        li      t0, 'T'
        sb      t0, 0(s2)               # and none here
        la      a0, wrote_shared
        call    show

        mv      a0, s1
        li      a1, 4096
        call    munmap
        mv      a0, s2
        li      a1, 4096
        call    munmap
        mv      a0, s0
        call    close
        li      a0, 0
        j       leave

failed: la      a0, no_file
        call    puts
        li      a0, 1
leave:  ld      s2, 0(sp)
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# map(flags): the file's first page, to read and write.
        .type   map, @function
map:    mv      a3, a0
        li      a0, 0
        li      a1, 4096
        li      a2, PROT_READ | PROT_WRITE
        mv      a4, s0
        li      a5, 0
        tail    mmap

# show(what): print both mappings, and the file as read() has it.
        .type   show, @function
show:   addi    sp, sp, -16
        sd      ra, 8(sp)
        call    puts
        la      a0, as_private
        mv      a1, s1
        call    printf
        la      a0, as_shared
        mv      a1, s2
        call    printf
        mv      a0, s0
        li      a1, 0
        li      a2, SEEK_SET
        call    lseek
        mv      a0, s0
        la      a1, buffer
        li      a2, SIZE
        call    read
        la      a0, as_file
        la      a1, buffer
        call    printf
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
path:   .string "/tmp/toyvm_note.txt"
no_file:
        .string "no /tmp/toyvm_note.txt"
mapped: .string "the file, mapped: %s"
wrote_private:
        .string "after a write of A to the private mapping"
wrote_shared:
        .string "after a write of T to the shared mapping"
as_private:
        .string "    private mapping: %s"
as_shared:
        .string "    shared mapping:  %s"
as_file:
        .string "    the file, read:  %s"

        .bss
buffer: .skip   SIZE + 1
