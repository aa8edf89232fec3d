# hello_raw: a program without any library, which calls the kernel directly.
#
# The kernel starts a process at _start, with argc on top of the stack. A system call is `ecall`: its number is in
# a7, the arguments are in a0 to a5, and the result is returned in a0 (an error as a small negative number).
# The numbers are Linux's for riscv64: write is 64, exit is 93.
#
# toyvm: linkage: static
# toyvm: exit: 7
#
#   toyvm run asm/hello_raw.s ; echo $?
#   toyvm run --trace=syscalls asm/hello_raw.s
#
# Look at the trace: the process makes two system calls and nothing else.

        .equ    SYS_write, 64
        .equ    SYS_exit, 93

        .section .rodata
greeting:
        .ascii  "hello from the bare kernel interface\n"
        .equ    greeting_size, . - greeting

        .text
        .globl  _start
        .type   _start, @function
_start: li      a0, 1                   # file descriptor 1: standard output
        la      a1, greeting
        li      a2, greeting_size
        li      a7, SYS_write
        ecall

        li      a0, 7                   # exit status
        li      a7, SYS_exit
        ecall                           # does not return
