# errno(3) and syscall(2). The first thread's errno is a variable, that of another is in its descriptor (pthread.s).

        .include "defs.inc"

# int *__errno_location(void): the address of errno; <errno.h> defines `errno` by it
        FUNC    __errno_location
        lla     a0, the_errno
        lw      t0, __libc_threaded
        bnez    t0, 1f
        ret
1:      ld      t0, __libc_main_tp
        beq     t0, tp, 2f
        ld      a0, -8(tp)
        addi    a0, a0, THREAD_errno
2:      ret
        END     __errno_location

# a0 = -errno from the kernel: set errno, return -1. Failed system calls end here.
        HIDDEN  __syscall_error
        neg     a0, a0
        # falls through
        END     __syscall_error

# a0 = an error number: set errno, return -1
        HIDDEN  __set_errno
        mv      t1, a0
        mv      t2, ra
        call    __libc___errno_location
        sw      t1, 0(a0)
        li      a0, -1
        jr      t2
        END     __set_errno

# long syscall(long number, ...): any system call, with up to six arguments.
        FUNC    syscall
        mv      a7, a0
        mv      a0, a1
        mv      a1, a2
        mv      a2, a3
        mv      a3, a4
        mv      a4, a5
        mv      a5, a6
        ecall
        RETURN_SYSCALL
        END     syscall

        .bss
        .balign 4
the_errno:
        .skip   4

        .balign 8
        .globl  __libc_main_tp          # the first thread's tp, if so
        .hidden __libc_main_tp
        .type   __libc_main_tp, @object
__libc_main_tp:
        .skip   8
        .size   __libc_main_tp, 8

# int: whether a second thread was ever made. It is in .data, which the streams touch anyway.
        .data
        .balign 4
        .globl  __libc_threaded
        .hidden __libc_threaded
        .type   __libc_threaded, @object
__libc_threaded:
        .word   0
        .size   __libc_threaded, 4
