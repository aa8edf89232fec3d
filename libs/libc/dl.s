# Dynamic loading: dlopen(3), dlsym(3), dlclose(3), dlerror(3).
#
# These functions are private system calls to the dynamic linker (docs/design/loader.md). They also call the
# initialisers and finalisers that it returns. Without such a dynamic linker (a static program, or another system) the
# kernel returns ENOSYS, and they fail with an error message.

        .include "defs.inc"

        .equ    MESSAGE_BYTES, 512

# a0 = 1 if a0 was -ENOSYS (and set the message for dlerror), else 0. Preserves a1.
        LOCAL   not_supported
        addi    a0, a0, ENOSYS
        seqz    a0, a0
        beqz    a0, 1f
        lla     t0, unsupported
        sw      a0, 0(t0)
1:      ret
        END     not_supported

# void *dlopen(const char *path, int flags): a handle, or NULL on error. A NULL path means the program itself.
        FUNC    dlopen
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        li      a7, SYS_DL_OPEN
        ecall
        mv      s0, a0                  # s0: the handle
        call    not_supported
        bnez    a0, 3f
1:      li      a7, SYS_DL_NEXT_INIT    # run the pending initialisers, even after an error
        ecall
        beqz    a0, 2f
        mv      t1, a0
        lla     t0, __libc_arguments    # initialisers get the arguments of main
        ld      a0, 0(t0)
        ld      a1, 8(t0)
        la      t0, environ
        ld      a2, 0(t0)
        jalr    t1
        j       1b
2:      mv      a0, s0
        j       4f
3:      li      a0, 0
4:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret
        END     dlopen

# void *dlsym(void *handle, const char *name): an address, or NULL on error. RTLD_DEFAULT is 0, RTLD_NEXT -1.
        FUNC    dlsym
        mv      a2, ra                  # for RTLD_NEXT: the caller
        li      a7, SYS_DL_SYM
        ecall
        PUSH_RA
        sd      a0, 0(sp)
        call    not_supported
        mv      t0, a0
        ld      a0, 0(sp)
        POP_RA
        beqz    t0, 1f
        li      a0, 0
1:      ret
        END     dlsym

# int dlclose(void *handle): 0, or -1 on error. Runs the finalisers of libraries that are no longer needed.
        FUNC    dlclose
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        li      a7, SYS_DL_CLOSE
        ecall
        sext.w  s0, a0
        call    not_supported
        bnez    a0, 2f
1:      li      a7, SYS_DL_NEXT_FINI
        ecall
        beqz    a0, 3f
        jalr    a0
        j       1b
2:      li      s0, -1
3:      mv      a0, s0
        ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret
        END     dlclose

# char *dlerror(void): the message of the last error since the last call, or NULL
        FUNC    dlerror
        lla     t0, unsupported
        lw      t1, 0(t0)
        beqz    t1, 1f
        sw      zero, 0(t0)
        lla     a0, no_dynamic_loading
        ret
1:      lla     a0, message
        li      a1, MESSAGE_BYTES
        li      a7, SYS_DL_ERROR
        ecall
        blez    a0, 2f                  # no message, or ENOSYS
        lla     a0, message
        ret
2:      li      a0, 0
        ret
        END     dlerror

        .section .rodata
no_dynamic_loading:
        .string "dynamic loading not supported"

        .bss
        .balign 4
unsupported:
        .skip   4                       # 1: the message about ENOSYS is pending
message:
        .skip   MESSAGE_BYTES
