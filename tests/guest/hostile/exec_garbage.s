# Tries to execute what is no program: text, an empty file, an ELF header and nothing else, a directory, a device.
# toyvm: file: /tmp/words "just words\n"
# toyvm: file: /tmp/empty ""
        .include "../guest.inc"
        .text
        .globl  main
main:   enter
        la      s0, names
1:      ld      s1, 0(s0)
        beqz    s1, 2f
        mv      a0, s1
        la      a1, nothing
        la      a2, nothing
        sys     221
        mv      a2, a0
        mv      a1, s1
        la      a0, line
        call    printf
        addi    s0, s0, 8
        j       1b

2:      li      a0, -100                # a file with an ELF header and wild words after it
        la      a1, half
        li      a2, 0x241
        li      a3, 0777
        sys     56
        mv      s1, a0
        la      a1, header
        li      a2, 64
        sys     64
        mv      a0, s1
        sys     57
        la      a0, half
        la      a1, nothing
        la      a2, nothing
        sys     221
        show    "half a program: %ld\n"
        li      a0, 1
        li      a1, 0
        li      a2, 0
        sys     221
        show    "no name: %ld\n"
        leave

        .section .rodata
line:   .string "%s: %d\n"
words:  .string "/tmp/words"
empty:  .string "/tmp/empty"
folder: .string "/tmp"
device: .string "/dev/null"
half:   .string "/tmp/half"
header: .byte   0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
        .half   2, 243
        .word   1
        .dword  0x10000, 64, 0xffffffff
        .word   0
        .half   64, 56, 0xffff, 64, 0, 0
        .balign 8
        .data
names:  .dword  words, empty, folder, device, 0
nothing:
        .dword  0
