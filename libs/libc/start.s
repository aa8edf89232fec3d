# Start-up code called by _start: set up the library, call main and exit. (glibc: csu/libc-start.c)

        .include "defs.inc"

# int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
#                       void (*init)(int, char **, char **, void (*)(void)), void (*fini)(void),
#                       void (*rtld_fini)(void), void *stack_end)
# Sets environ and, in a static program, tp; registers rtld_fini, or else fini, with atexit; calls init and main.
# Exits with the result of main; does not return.
        FUNC    __libc_start_main
        mv      s0, a0                  # does not return, so it saves no registers
        mv      s1, a1                  # s1: argc
        mv      s2, a2                  # s2: argv
        mv      s3, a3
        mv      s5, a5
        slli    t0, a1, 3
        add     s4, a2, t0
        addi    s4, s4, 8               # s4: envp, after the null pointer of argv
        la      t0, environ
        sd      s4, 0(t0)
        lla     t0, __libc_arguments
        sd      s1, 0(t0)
        sd      s2, 8(t0)

        bnez    a5, 1f                  # there is a dynamic linker
        mv      s6, a4
        mv      a0, s4
        call    __libc_setup_tls
        mv      a4, s6
1:      mv      a0, s5
        bnez    a0, 1f
        mv      a0, a4
1:      beqz    a0, 2f
        call    __libc_atexit           # registered first, so called last
2:      beqz    s3, 3f
        mv      a0, s1
        mv      a1, s2
        mv      a2, s4
        mv      a3, s5
        jalr    s3
3:      mv      a0, s1
        mv      a1, s2
        mv      a2, s4
        jalr    s0
        call    __libc_exit
        ebreak
        END     __libc_start_main

# char **environ: the environment, environ(7). environment.s modifies it.
        .bss
        .balign 8
        .globl  environ
        .type   environ, @object
environ:
        .skip   8
        .size   environ, 8

# argc and argv, for initialisers of libraries opened later (dl.s)
        .balign 8
        .globl  __libc_arguments
        .hidden __libc_arguments
        .type   __libc_arguments, @object
__libc_arguments:
        .skip   16
        .size   __libc_arguments, 16
