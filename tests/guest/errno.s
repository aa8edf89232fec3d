# System calls that fail, and how: the result is -errno (errno(3)).
        .include "guest.inc"
        .text
        .globl  main
main:   enter
        li      a0, 99
        la      a1, nothing
        li      a2, 1
        sys     64                      # write
        show    "write to a closed descriptor: %ld\n"
        li      a0, -1
        sys     57                      # close
        show    "close of -1: %ld\n"
        li      a0, -100
        la      a1, nowhere
        li      a2, 0
        sys     56                      # openat
        show    "open of a missing file: %ld\n"
        li      a0, -100
        la      a1, below_file
        li      a2, 0
        sys     56
        show    "open below a file: %ld\n"
        li      a0, -100
        la      a1, empty
        li      a2, 0
        sys     56
        show    "open of an empty name: %ld\n"
        li      a0, -100
        la      a1, root
        li      a2, 1
        sys     56
        show    "open of a directory to write: %ld\n"
        li      a0, -1
        li      a1, 0
        li      a2, 0
        li      a3, 0
        sys     260                     # wait4
        show    "wait without a child: %ld\n"
        li      a0, 0
        li      a1, 0
        li      a2, 1
        li      a3, 0x22
        li      a4, -1
        li      a5, 0
        sys     222                     # mmap
        show    "mmap of nothing: %ld\n"
        li      a0, 0
        li      a1, 4096
        li      a2, 1
        li      a3, 0x20                # neither MAP_SHARED nor MAP_PRIVATE
        li      a4, -1
        li      a5, 0
        sys     222
        show    "mmap neither shared nor private: %ld\n"
        li      a0, 0
        li      a1, 4096
        li      a2, 1
        li      a3, 2
        li      a4, 99
        li      a5, 0
        sys     222
        show    "mmap of a closed descriptor: %ld\n"
        li      a0, 0
        li      a1, 4096
        li      a2, 1
        li      a3, 2
        li      a4, 1
        li      a5, 100
        sys     222
        show    "mmap at a crooked offset: %ld\n"
        li      a0, 1
        li      a1, 4096
        sys     215                     # munmap
        show    "munmap of a crooked address: %ld\n"
        li      a0, 4096
        li      a1, 0
        sys     215
        show    "munmap of nothing: %ld\n"
        li      a0, 1
        li      a1, 4096
        li      a2, 1
        sys     226                     # mprotect
        show    "mprotect of a crooked address: %ld\n"
        li      a0, 0x10000000
        li      a1, 4096
        li      a2, 1
        sys     226
        show    "mprotect where nothing is: %ld\n"
        li      a0, -100
        la      a1, nowhere
        li      a2, 0
        li      a3, 0
        sys     35                      # unlinkat
        show    "unlink of a missing file: %ld\n"
        la      a0, nowhere
        li      a1, 0
        li      a2, 0
        sys     221                     # execve
        show    "execve of a missing file: %ld\n"
        la      a0, root
        la      a1, no_strings
        la      a2, no_strings
        sys     221
        show    "execve of a directory: %ld\n"
        la      a0, pair
        li      a1, 0x12345             # no flags of pipe2
        sys     59
        show    "pipe2 with wild flags: %ld\n"
        li      a0, 1
        li      a1, 1
        li      a2, 0
        sys     24                      # dup3
        show    "dup3 to itself: %ld\n"
        li      a0, 50
        li      a1, 51
        li      a2, 0
        sys     24
        show    "dup3 of a closed descriptor: %ld\n"
        li      a0, 0x7fffffff
        li      a1, 0
        sys     129                     # kill
        show    "kill of nobody: %ld\n"
        li      a0, 5000                # no such system call
        mv      a7, a0
        ecall
        show    "system call 5000: %ld\n"
        leave

        .section .rodata
nothing:
        .string "x"
nowhere:
        .string "/toyvm/no/such/file"
below_file:
        .string "/proc/self/maps/below"
empty:  .string ""
root:   .string "/"
        .balign 8
no_strings:
        .dword  0
        .bss
        .balign 8
pair:   .skip   8
