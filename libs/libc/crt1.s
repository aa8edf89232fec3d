# crt1.o: where a program begins. Linked into every program, first; everything else of the library is in libc.
#
# The kernel (or, in a dynamic program, the dynamic linker) jumps to _start with sp at argc, argv[0..argc-1], 0,
# envp[...], 0, auxv (the process image of the psABI) and with a function for atexit in a0, or 0. _start gives what
# it finds to __libc_start_main, as glibc's does (csu/libc-start.c); libc may be a shared object, so the bounds of the
# program's own tables of initialisers, which only its linker knows, travel as two functions.
#
# Who runs what (docs/design/loader.md): the program's initialisers are run here, by `init`, in static and dynamic
# programs alike; the libraries' by the dynamic linker before _start. Finalisers and .preinit_array are the dynamic
# linker's when there is one (a0 of _start is not 0), ours otherwise.

        .option pic
        .text
        .globl  _start
        .type   _start, @function
_start:
        .option push
        .option norelax                 # or the linker would shorten this to `mv gp, gp`
        lla     gp, __global_pointer$   # the linker places it; short code can reach data around it
        .option pop
        mv      a5, a0                  # rtld_fini
        la      a0, main
        ld      a1, 0(sp)               # argc
        addi    a2, sp, 8               # argv
        mv      a6, sp                  # stack_end
        andi    sp, sp, -16             # the psABI wants 16-byte alignment at every call
        lla     a3, init
        lla     a4, fini
        li      fp, 0                   # the end of the chain of frames, for debuggers
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

# void init(int argc, char **argv, char **envp, void (*rtld_fini)(void)): call the program's initialisers in order.
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
        bnez    a3, 2f                  # the dynamic linker has run .preinit_array
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

# void fini(void): call the program's finalisers, last first. Only in programs without a dynamic linker.
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
