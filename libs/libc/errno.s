# errno(3) and syscall(2). A process has one errno, which its threads share: POSIX wants one for each thread.

        .include "defs.inc"

# int *__errno_location(void): the address of errno; <errno.h> defines `errno` by it
        FUNC    __errno_location
        lla     a0, the_errno
        ret
        END     __errno_location

# a0 = -errno from the kernel: set errno, return -1. Failed system calls end here.
        HIDDEN  __syscall_error
        neg     a0, a0
        # falls through
        END     __syscall_error

# a0 = an error number: set errno, return -1
        HIDDEN  __set_errno
        lla     t0, the_errno
        sw      a0, 0(t0)
        li      a0, -1
        ret
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
