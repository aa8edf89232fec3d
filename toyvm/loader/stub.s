# The page [ld.so]: the only code of the dynamic loader that the guest executes.
#
# The loader is written in Python and works on the guest's memory from outside. This page does what
# must happen in the guest: it passes registers to the loader with private system calls
# (docs/design/loader.md), and calls the functions that the loader returns. stub.py assembles this
# file and defines the constants: DL_RESOLVE etc., SYS_exit_group, AT_ENTRY and TLS_DTV_OFFSET.
#
# All processes share one frame, at different virtual addresses. So the code is
# position-independent.

        .option norelax                 # keep the code exactly as written
        .option norvc                   # every instruction has four bytes
        .text

# _dl_runtime_resolve: bind a PLT slot at its first call.
#
# GOT[0] points here. The PLT header (psABI, "Program Linkage Table") jumps here with t0 = GOT[1],
# the link map of the calling object, and t1 = the offset of the slot in .got.plt after the two
# reserved entries. The argument registers a0-a7 and fa0-fa7 must be preserved. The system call
# changes only a7, which holds its number, and t registers.
        .globl  _dl_runtime_resolve
_dl_runtime_resolve:
        addi    sp, sp, -16             # the ABI keeps sp a multiple of 16
        sd      a7, 0(sp)
        li      a7, DL_RESOLVE
        ecall                           # t3 = the function, or _dl_resolve_ifunc with its t0 and t1
        ld      a7, 0(sp)
        addi    sp, sp, 16
        jr      t3

# _dl_resolve_ifunc: bind a PLT slot to an IFUNC symbol.
#
# t0 = the resolver, which returns the function to use; t1 = the address of the slot. The resolver
# is an ordinary function and may change all caller-saved registers, so the argument registers are
# saved around the call.
        .equ    FRAME, 18 * 8
        .globl  _dl_resolve_ifunc
_dl_resolve_ifunc:
        addi    sp, sp, -FRAME
        sd      ra, 0(sp)
        sd      t1, 8(sp)
        sd      a0, 16(sp)
        sd      a1, 24(sp)
        sd      a2, 32(sp)
        sd      a3, 40(sp)
        sd      a4, 48(sp)
        sd      a5, 56(sp)
        sd      a6, 64(sp)
        sd      a7, 72(sp)
        fsd     fa0, 80(sp)
        fsd     fa1, 88(sp)
        fsd     fa2, 96(sp)
        fsd     fa3, 104(sp)
        fsd     fa4, 112(sp)
        fsd     fa5, 120(sp)
        fsd     fa6, 128(sp)
        fsd     fa7, 136(sp)
        jalr    t0
        mv      t3, a0                  # t3: the function that the resolver returned
        ld      ra, 0(sp)
        ld      t1, 8(sp)
        ld      a0, 16(sp)
        ld      a1, 24(sp)
        ld      a2, 32(sp)
        ld      a3, 40(sp)
        ld      a4, 48(sp)
        ld      a5, 56(sp)
        ld      a6, 64(sp)
        ld      a7, 72(sp)
        fld     fa0, 80(sp)
        fld     fa1, 88(sp)
        fld     fa2, 96(sp)
        fld     fa3, 104(sp)
        fld     fa4, 112(sp)
        fld     fa5, 120(sp)
        fld     fa6, 128(sp)
        fld     fa7, 136(sp)
        sd      t3, 0(t1)               # later calls go directly to the function
        addi    sp, sp, FRAME
        jr      t3

# _dl_start_user: the initial pc of a dynamic program.
#
# It calls the initialisers of all libraries with argc, argv and envp, as glibc does. Then it jumps
# to the program's entry point (AT_ENTRY of the auxiliary vector). sp is as exec set it, and a0 is a
# function to register with atexit (psABI, "Process Initialization"): _dl_fini.
        .globl  _dl_start_user
_dl_start_user:
        ld      s0, 0(sp)               # s0: argc
        addi    s1, sp, 8               # s1: argv
        slli    s2, s0, 3
        add     s2, s2, s1
        addi    s2, s2, 8               # s2: envp, after the NULL at the end of argv
next_init:
        li      a7, DL_NEXT_INIT        # a0: the result of the previous function (IFUNC resolver)
        ecall
        beqz    a0, initialised
        mv      t1, a0
        mv      a0, s0
        mv      a1, s1
        mv      a2, s2
        jalr    t1
        j       next_init

initialised:                            # s2: advance to the auxiliary vector, after envp and its NULL
        ld      t0, 0(s2)
        addi    s2, s2, 8
        bnez    t0, initialised
        li      t1, AT_ENTRY
next_auxv:                              # pairs of type and value; exec always provides AT_ENTRY
        ld      t0, 0(s2)
        ld      t3, 8(s2)
        addi    s2, s2, 16
        bne     t0, t1, next_auxv
        lla     a0, _dl_fini
        jr      t3

# _dl_fini: at exit, call the finalisers of all objects, each before those of its dependencies.
        .globl  _dl_fini
_dl_fini:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a7, DL_FINI             # queue the finalisers
        ecall
next_fini:
        li      a7, DL_NEXT_FINI
        ecall
        beqz    a0, finalised
        jalr    a0
        j       next_fini
finalised:
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# void *__tls_get_addr(struct { unsigned long module, offset; } *): return the address of a
# thread-local variable.
#
# The word at tp - 16 is the address of the dtv, whose entry m is the address of module m's block.
# Offsets in the structure are biased by -0x800 (psABI, "Thread Local Storage"). Only a0 and
# temporaries change.
        .globl  __tls_get_addr
__tls_get_addr:
        ld      t0, 0(a0)               # the module
        ld      a0, 8(a0)               # the biased offset
        ld      t1, -16(tp)
        slli    t0, t0, 3
        add     t0, t0, t1
        ld      t0, 0(t0)               # the module's block
        li      t1, TLS_DTV_OFFSET
        add     a0, a0, t1
        add     a0, a0, t0
        ret

# The functions of TLS descriptors (psABI, "TLS Descriptors"): a descriptor is the address of one of
# them and its argument. a0 = the descriptor, t0 = the return address; the result in a0 is the
# variable's offset from tp, and every other register keeps its value.
#
# _dl_tlsdesc_return: a variable in the static block; the argument is its offset.
        .globl  _dl_tlsdesc_return
_dl_tlsdesc_return:
        ld      a0, 8(a0)
        jr      t0

# _dl_tlsdesc_undefweak: an undefined weak variable, whose address is the argument.
        .globl  _dl_tlsdesc_undefweak
_dl_tlsdesc_undefweak:
        ld      a0, 8(a0)
        sub     a0, a0, tp
        jr      t0

# _dl_tlsdesc_dynamic: a variable in a block of its own. The upper 16 bits of the argument are its
# module, the lower 48 its offset in the block.
        .globl  _dl_tlsdesc_dynamic
_dl_tlsdesc_dynamic:
        addi    sp, sp, -16
        sd      t1, 0(sp)
        sd      t2, 8(sp)
        ld      a0, 8(a0)
        ld      t2, -16(tp)             # the dtv
        srli    t1, a0, 48
        slli    t1, t1, 3
        add     t1, t1, t2
        ld      t1, 0(t1)               # the module's block
        slli    a0, a0, 16
        srai    a0, a0, 16
        add     a0, a0, t1
        sub     a0, a0, tp
        ld      t1, 0(sp)
        ld      t2, 8(sp)
        addi    sp, sp, 16
        jr      t0

# _dl_debug_state: r_brk of struct r_debug, where debuggers set a breakpoint.
        .globl  _dl_debug_state
_dl_debug_state:
        ret

# _dl_exit: the initial pc if the program must not run (LD_TRACE_LOADED_OBJECTS, LD_DEBUG=help).
        .globl  _dl_exit
_dl_exit:
        li      a0, 0
        li      a7, SYS_exit_group
        ecall
