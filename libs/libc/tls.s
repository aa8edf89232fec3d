# Thread-local storage of static programs. (The dynamic linker sets up the storage of dynamic programs.)
#
# The RISC-V psABI uses variant I: tp points to the program's TLS block. Below tp is the thread control block: the address
# of the dtv, which is 0 here (tls_get_addr.s), and of the thread's descriptor, 0 for the first thread (pthread.s). The
# initial contents are in the segment PT_TLS.

        .include "defs.inc"

        .equ    AT_PHDR, 3              # struct { unsigned long type, value; } of the auxiliary vector
        .equ    AT_PHNUM, 5
        .equ    PT_TLS, 7

# void __libc_setup_tls(char **envp): find PT_TLS through the auxiliary vector after envp, allocate its block, set tp.
# Without the segment nothing is done; without memory the program is ended by ebreak.
        HIDDEN  __libc_setup_tls
1:      ld      t0, 0(a0)               # skip the environment
        addi    a0, a0, 8
        bnez    t0, 1b
        li      t1, 0                   # t1: program headers
        li      t2, 0                   # t2: their number
2:      ld      t0, 0(a0)
        ld      t3, 8(a0)
        addi    a0, a0, 16
        addi    t4, t0, -AT_PHDR
        bnez    t4, 3f
        mv      t1, t3
3:      addi    t4, t0, -AT_PHNUM
        bnez    t4, 4f
        mv      t2, t3
4:      bnez    t0, 2b

        li      t4, PT_TLS
5:      beqz    t2, 6f
        lwu     t0, PHDR_type(t1)
        beq     t0, t4, found
        addi    t1, t1, PHDR_SIZE
        addi    t2, t2, -1
        j       5b
6:      ret

found:  addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        mv      s0, t1                  # s0: the segment's header
        lla     t0, __libc_tls_segment
        sd      t1, 0(t0)
        ld      a1, PHDR_memsz(s0)
        ld      t0, PHDR_align(s0)
        add     a1, a1, t0
        addi    a1, a1, TCB_SIZE
        li      a0, 0
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    __libc_mmap
        addi    t0, a0, 1
        beqz    t0, none
        addi    a0, a0, TCB_SIZE        # round up to the segment's alignment
        ld      t0, PHDR_align(s0)
        beqz    t0, 7f
        addi    t1, t0, -1
        add     a0, a0, t1
        neg     t0, t0
        and     a0, a0, t0
7:      mv      tp, a0
        ld      a1, PHDR_vaddr(s0)
        ld      a2, PHDR_filesz(s0)
        call    __libc_memcpy           # the rest is zero already
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret
none:   ebreak
        END     __libc_setup_tls

# The program's PT_TLS, for pthread_create; 0: there is none, or the dynamic linker knows it.
        .bss
        .balign 8
        .globl  __libc_tls_segment
        .hidden __libc_tls_segment
        .type   __libc_tls_segment, @object
        .size   __libc_tls_segment, 8
__libc_tls_segment:
        .skip   8
