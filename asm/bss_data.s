# bss_data: the file contains initialised data, but only the size of zero-initialised data.
#
# `table` has 64 KiB that are not all zero, so the file must contain them. `zeros` has 1 MiB of zeros in .bss: the
# section header and the segment's p_memsz give its size, and the kernel maps zeroed frames when it is touched.
# The program compares the size of its own file with both.
#
#   toyvm run asm/bss_data.s
#   toyvm compare asm/bss_data.s
#
# Look at `toyvm size` and `toyvm readelf -lS` of the built program: .data occupies space in the file, .bss (NOBITS)
# does not, and the last LOAD segment is larger in memory (MemSiz) than in the file (FileSiz).

        .equ    O_RDONLY, 0
        .equ    SEEK_END, 2

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)

        la      a0, myself
        li      a1, O_RDONLY
        li      a2, 0
        call    open
        bltz    a0, failed
        li      a1, 0
        li      a2, SEEK_END
        call    lseek
        mv      s0, a0                  # s0: the file's size

        la      a0, in_data
        la      t0, table
        la      a1, table_end
        sub     a1, a1, t0
        la      a2, holds
        bgeu    s0, a1, 1f
        la      a2, cannot
1:      call    printf

        la      a0, in_bss
        la      t0, zeros
        la      a1, zeros_end
        sub     a1, a1, t0
        la      a2, holds
        bgeu    s0, a1, 2f
        la      a2, cannot
2:      call    printf

        la      t0, zeros_end
        la      a0, last_bytes
        lbu     a1, -1(t0)
        la      t0, table_end
        lbu     a2, -1(t0)
        call    printf
        li      a0, 0
        j       leave

failed: li      a0, 1
leave:  ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

        .section .rodata
myself: .string "/proc/self/exe"
in_data:
        .string ".data: %ld bytes; the program's file %s them\n"
in_bss: .string ".bss: %ld bytes; the program's file %s them\n"
holds:  .string "is large enough to hold"
cannot: .string "is too small to hold"
last_bytes:
        .string "the last byte of .bss is %d, of .data %d\n"

        .data
table:  .fill   65535, 1, 7
        .byte   9
table_end:

        .bss
zeros:  .skip   1 << 20
zeros_end:
