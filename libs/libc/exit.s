# Process termination: exit(3), atexit(3), abort(3), _exit(2).
#
# Exit functions are stored in blocks of entries { function, argument, owner }. The first block is in .bss. If it is
# full, a page from mmap becomes the head of the list. The functions are called in reverse order of registration. A
# function registered while exit runs is called next. Threads may register functions at the same time.

        .include "defs.inc"

        .equ    ENTRY_function, 0
        .equ    ENTRY_argument, 8
        .equ    ENTRY_owner, 16         # handle of the registering shared object, or 0
        .equ    ENTRY_sizeof, 24
        .equ    BLOCK_older, 0          # the previous block, or 0
        .equ    BLOCK_used, 8           # bytes of entries in use
        .equ    BLOCK_limit, 16         # capacity in bytes of entries
        .equ    BLOCK_entries, 24
        .equ    FIRST_ENTRIES, 32 * ENTRY_sizeof
        .equ    PAGE, 4096

# int atexit(void (*function)(void)): 0, or -1 if out of memory
        FUNC    atexit
        li      a1, 0
        li      a2, 0
        j       __libc___cxa_atexit
        END     atexit

# int __cxa_atexit(void (*function)(void *), void *argument, void *owner): 0, or -1 if out of memory (Itanium C++ ABI)
        FUNC    __cxa_atexit
        LOCKED_BY unlocked_cxa_atexit, __libc_atexit_lock
unlocked_cxa_atexit:
        lla     t0, newest
        ld      t1, 0(t0)
        bnez    t1, 1f
        lla     t1, first_block         # the first call
        li      t2, FIRST_ENTRIES
        sd      t2, BLOCK_limit(t1)
        sd      t1, 0(t0)
1:      ld      t2, BLOCK_used(t1)
        ld      t3, BLOCK_limit(t1)
        bgeu    t2, t3, 3f
2:      add     t3, t1, t2
        sd      a0, BLOCK_entries + ENTRY_function(t3)
        sd      a1, BLOCK_entries + ENTRY_argument(t3)
        sd      a2, BLOCK_entries + ENTRY_owner(t3)
        addi    t2, t2, ENTRY_sizeof
        sd      t2, BLOCK_used(t1)
        li      a0, 0
        ret
3:      addi    sp, sp, -32             # full: allocate a block
        sd      ra, 24(sp)
        sd      a0, 16(sp)
        sd      a1, 8(sp)
        sd      a2, 0(sp)
        li      a0, 0
        li      a1, PAGE
        li      a2, PROT_READ | PROT_WRITE
        li      a3, MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    __libc_mmap
        mv      t1, a0
        ld      ra, 24(sp)
        ld      a0, 16(sp)
        ld      a1, 8(sp)
        ld      a2, 0(sp)
        addi    sp, sp, 32
        li      t2, -1
        beq     t1, t2, 4f
        lla     t0, newest
        ld      t2, 0(t0)
        sd      t2, BLOCK_older(t1)
        sd      t1, 0(t0)
        li      t2, (PAGE - BLOCK_entries) / ENTRY_sizeof * ENTRY_sizeof
        sd      t2, BLOCK_limit(t1)
        li      t2, 0
        j       2b
4:      li      a0, -1
        ret
        END     __cxa_atexit

# void __cxa_finalize(void *owner): call the functions registered by `owner` (0: all), once each, in reverse order
        FUNC    __cxa_finalize
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        mv      s2, a0
        lla     t0, newest
        ld      s0, 0(t0)               # s0: a block
1:      beqz    s0, 5f
        ld      s1, BLOCK_used(s0)      # s1: bytes of entries not yet visited
2:      beqz    s1, 4f
        addi    s1, s1, -ENTRY_sizeof
        add     t0, s0, s1
        ld      t1, BLOCK_entries + ENTRY_function(t0)
        beqz    t1, 2b                  # already called
        beqz    s2, 3f
        ld      t2, BLOCK_entries + ENTRY_owner(t0)
        bne     t2, s2, 2b
3:      sd      zero, BLOCK_entries + ENTRY_function(t0)
        ld      a0, BLOCK_entries + ENTRY_argument(t0)
        jalr    t1
        j       2b
4:      ld      s0, BLOCK_older(s0)
        j       1b
5:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        addi    sp, sp, 48
        ret
        END     __cxa_finalize

# void exit(int status): call the atexit functions, flush the streams, end the process
        FUNC    exit
        mv      s0, a0                  # exit does not return, so it saves no registers
1:      lla     t0, newest              # most programs have registered nothing
        ld      a0, 0(t0)
        beqz    a0, 4f
        call    take_last
        beqz    a0, 4f
        beqz    s1, 1b
        mv      a0, s2
        jalr    s1
        j       1b
4:      .weak   __stdio_flush_all       # undefined in a static program without streams
        la      t0, __stdio_flush_all
        beqz    t0, 5f
        jalr    t0
5:      mv      a0, s0
        call    __libc__exit
        ebreak
        END     exit

# a0 = 1, s1 = the function that was registered last and s2 = its argument; a0 = 0 if there is none. It is removed before
# it is called, because it may call exit or atexit.
        LOCAL   take_last
        LOCKED_BY unlocked_take_last, __libc_atexit_lock
unlocked_take_last:
        li      a0, 0
1:      lla     t0, newest
        ld      t1, 0(t0)
        beqz    t1, 3f
        ld      t2, BLOCK_used(t1)
        bnez    t2, 2f
        ld      t1, BLOCK_older(t1)     # this block is empty
        sd      t1, 0(t0)
        j       1b
2:      addi    t2, t2, -ENTRY_sizeof
        sd      t2, BLOCK_used(t1)
        add     t1, t1, t2
        ld      s1, BLOCK_entries + ENTRY_function(t1)
        ld      s2, BLOCK_entries + ENTRY_argument(t1)
        li      a0, 1
3:      ret
        END     take_last

# void _exit(int status): end the process at once, with all its threads; _exit(2)
        FUNC    _exit
        ALSO    _Exit
        li      a7, SYS_exit_group
        ecall
        ebreak
        END     _exit

# void abort(void): end the process by SIGABRT, even if it is handled, ignored or blocked; abort(3)
        FUNC    abort
        addi    sp, sp, -160
        li      t0, 1 << (SIGABRT - 1)
        sd      t0, 0(sp)
        li      a0, 1                   # SIG_UNBLOCK
        mv      a1, sp
        li      a2, 0
        call    __libc_sigprocmask
        li      a0, SIGABRT
        call    __libc_raise
        sd      zero, 0(sp)             # a handler returned: restore the default action and raise again
        sd      zero, 8(sp)
        sd      zero, 16(sp)
        li      a0, SIGABRT
        mv      a1, sp
        li      a2, 0
        call    __libc_sigaction
        li      a0, SIGABRT
        call    __libc_raise
        li      a0, 127
        call    __libc__exit
        ebreak
        END     abort

        .bss
        .balign 8
newest: .skip   8                       # the block that is being filled
first_block:
        .skip   BLOCK_entries + FIRST_ENTRIES
        .globl  __libc_atexit_lock
        .hidden __libc_atexit_lock
__libc_atexit_lock:
        .skip   4
