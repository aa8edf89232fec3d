# crt1.o: the entry point. It is linked first into every program; the rest of the C library is in libc.
#
# The kernel (or, in a dynamic program, the dynamic linker) jumps to _start. sp points to argc, argv[0..argc-1], 0,
# envp[...], 0, auxv (psABI, process image); a0 is a function for atexit, or 0. _start calls __libc_start_main, as in
# glibc (csu/libc-start.c). libc may be a shared object, which does not know the bounds of the program's own tables of
# initialisers. So _start passes two functions that run them.
#
# Division of work (docs/design/loader.md): `init` runs the program's initialisers here, in static and dynamic programs.
# The dynamic linker runs those of libraries before _start. Finalisers and .preinit_array are run by the dynamic linker
# if there is one (a0 of _start is not 0), and here otherwise.

        .option pic
        .text
        .globl  _start
        .type   _start, @function
_start:
        .option push
        .option norelax                 # or the linker would relax this to `mv gp, gp`
        lla     gp, __global_pointer$   # the linker defines it; gp-relative code reaches data near it
        .option pop
        mv      a5, a0                  # rtld_fini
        la      a0, main
        ld      a1, 0(sp)               # argc
        addi    a2, sp, 8               # argv
        mv      a6, sp                  # stack_end
        andi    sp, sp, -16             # the psABI requires 16-byte alignment at calls
        lla     a3, init
        lla     a4, fini
        li      fp, 0                   # the end of the frame chain, for debuggers
        li      ra, 0
        call    __libc_start_main       # does not return
        ebreak
        .size   _start, . - _start

        .weak   __preinit_array_start, __preinit_array_end
        .weak   __init_array_start, __init_array_end
        .weak   __fini_array_start, __fini_array_end
        .hidden __preinit_array_start, __preinit_array_end
        .hidden __init_array_start, __init_array_end
        .hidden __fini_array_start, __fini_array_end

# void init(int argc, char **argv, char **envp, void (*rtld_fini)(void)): call the program's initialisers in order
        .type   init, @function
init:   addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        sd      s4, 0(sp)
        mv      s2, a0
        mv      s3, a1
        mv      s4, a2
        bnez    a3, 2f                  # the dynamic linker has already run .preinit_array
        la      s0, __preinit_array_start
        la      s1, __preinit_array_end
1:      bgeu    s0, s1, 2f
        ld      t0, 0(s0)
        mv      a0, s2
        mv      a1, s3
        mv      a2, s4
        jalr    t0
        addi    s0, s0, 8
        j       1b
2:      la      s0, __init_array_start
        la      s1, __init_array_end
3:      bgeu    s0, s1, 4f
        ld      t0, 0(s0)
        mv      a0, s2
        mv      a1, s3
        mv      a2, s4
        jalr    t0
        addi    s0, s0, 8
        j       3b
4:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        ld      s3, 8(sp)
        ld      s4, 0(sp)
        addi    sp, sp, 48
        ret
        .size   init, . - init

# void fini(void): call the program's finalisers in reverse order; only in programs without a dynamic linker
        .type   fini, @function
fini:   addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        la      s0, __fini_array_end
        la      s1, __fini_array_start
1:      bgeu    s1, s0, 2f
        addi    s0, s0, -8
        ld      t0, 0(s0)
        jalr    t0
        j       1b
2:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        .size   fini, . - fini
