# Signals: a handler that mends what a fault broke, one that counts, blocking and pending, an ignored one, SIGPIPE.
        .include "guest.inc"
        .equ    SIGILL, 4
        .equ    SIGUSR1, 10
        .equ    SIGSEGV, 11
        .equ    SIGPIPE, 13
        .equ    SIGTERM, 15
        .equ    SA_SIGINFO, 4
        .text
# action(signal in a0, handler in a1): rt_sigaction with SA_SIGINFO.
action: addi    sp, sp, -32
        sd      a1, 0(sp)
        li      t0, SA_SIGINFO
        sd      t0, 8(sp)
        sd      zero, 16(sp)
        mv      a1, sp
        li      a2, 0
        li      a3, 8
        sys     134
        addi    sp, sp, 32
        ret

        .globl  main
main:   enter
        # A handler is given the address that faulted; it maps a page there, and the load runs again.
        li      a0, SIGSEGV
        la      a1, mend
        call    action
        show    "rt_sigaction: %ld\n"
        li      s0, 0x20000000
        li      s1, 5
        ld      s2, 16(s0)
        add     a0, s1, s2
        show    "after the handler mapped the page: %ld\n"

        # A handler skips an illegal instruction by moving pc in the frame it was given.
        li      a0, SIGILL
        la      a1, skip
        call    action
        li      s1, 5
        .option push
        .option norvc
        unimp
        nop
        .option pop
        mv      a0, s1
        show    "after the illegal instruction: %ld\n"

        # Blocked, a signal waits; two of one kind count as one.
        li      a0, SIGUSR1
        la      a1, count
        call    action
        li      a0, 0                   # SIG_BLOCK
        li      a1, 1 << (SIGUSR1 - 1)
        call    mask
        call    raise_usr1
        call    raise_usr1
        la      t0, counted
        ld      a0, 0(t0)
        show    "blocked: %ld\n"
        li      a0, 1                   # SIG_UNBLOCK
        li      a1, 1 << (SIGUSR1 - 1)
        call    mask
        la      t0, counted
        ld      a0, 0(t0)
        show    "unblocked: %ld\n"
        call    raise_usr1
        la      t0, counted
        ld      a0, 0(t0)
        show    "once more: %ld\n"

        in_child term_itself
        show    "SIGTERM: %ld\n"
        in_child ignores_term
        show    "SIGTERM ignored: %ld\n"
        in_child writes_to_nobody
        show    "write to a pipe without reader: %ld\n"
        in_child wild_handler
        show    "a handler at a wild address: %ld\n"
        in_child no_stack
        show    "a handler without a stack: %ld\n"
        leave

mend:   ld      a0, 16(a1)              # siginfo: si_addr
        srli    a0, a0, 12
        slli    a0, a0, 12
        li      a1, 4096
        li      a2, 3
        li      a3, 0x32                # private, anonymous, fixed
        li      a4, -1
        li      a5, 0
        sys     222
        li      t0, 37
        sd      t0, 16(a0)
        li      s1, -1                  # registers come back as they were
        ret

skip:   ld      t0, 176(a2)             # ucontext: the pc of the machine context
        addi    t0, t0, 4
        sd      t0, 176(a2)
        ret

count:  la      t0, counted
        ld      t1, 0(t0)
        addi    t1, t1, 1
        sd      t1, 0(t0)
        ret

# mask(how, set)
mask:   addi    sp, sp, -16
        sd      a1, 0(sp)
        mv      a1, sp
        li      a2, 0
        li      a3, 8
        sys     135
        addi    sp, sp, 16
        ret

raise_usr1:
        sys     172
        li      a1, SIGUSR1
        sys     129
        ret

term_itself:
        sys     172
        li      a1, SIGTERM
        sys     129
        li      a0, 1
        ret
ignores_term:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a0, SIGTERM
        li      a1, 1                   # SIG_IGN
        call    action
        call    term_itself
        li      a0, 3
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
writes_to_nobody:
        addi    sp, sp, -16
        mv      a0, sp
        li      a1, 0
        sys     59
        lw      a0, 0(sp)
        sys     57
        lw      a0, 4(sp)
        mv      a1, sp
        li      a2, 1
        sys     64
        li      a0, 4
        addi    sp, sp, 16
        ret
wild_handler:
        li      a0, SIGSEGV
        li      a1, 0                   # SIG_DFL: or `mend` would map a page there
        call    action
        li      a0, SIGUSR1
        li      a1, 0x1000
        call    action
        call    raise_usr1
        li      a0, 5
        sys     93
no_stack:
        li      sp, 0x1000
        lw      a0, 0(zero)             # the handler `mend` cannot be given a frame
        li      a0, 6
        sys     93

        .bss
        .balign 8
counted:
        .skip   8
