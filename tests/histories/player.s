# Plays a history: reads operations of eight 64-bit words from standard input, carries them out, and writes one 64-bit result for each.
# Which operation has which words is in operations.py. Up to four processes play in turn: whoever has the turn reads the next
# operation, the others wait at a pipe of their own.
#
# An access that a signal forbids ends its operation: the result is address << 8 | signal << 4 | si_code.
        .equ    SLOTS, 4
        .equ    SIGCHLD, 17
        .equ    SIG_IGN, 1
        .equ    SA_SIGINFO, 4

        .macro  sys number
        li      a7, \number
        ecall
        .endm

        .text
        .globl  main
# s0: the operation; s1: my slot; s2: how many pipes are made
main:   la      s0, operation
        li      s1, 0
        li      a0, 11                  # SIGSEGV
        call    catch
        li      a0, 7                   # SIGBUS
        call    catch
        li      a0, SIGCHLD
        la      a1, ignore
        call    act

# Two files, descriptors 3 and 4.
        la      a1, path
1:      li      a0, -100
        li      a2, 0102                # O_RDWR | O_CREAT
        li      a3, 0600
        sys     56
        la      a1, path
        lbu     t0, 5(a1)
        addi    t0, t0, 1
        sb      t0, 5(a1)
        li      t1, 'c'
        bne     t0, t1, 1b

# The pipes, two words for each slot.
        la      s3, pipes
        li      s2, SLOTS
2:      mv      a0, s3
        li      a1, 0
        sys     59
        addi    s3, s3, 8
        addi    s2, s2, -1
        bnez    s2, 2b

next:   li      a0, 0
        mv      a1, s0
        li      a2, 64
        sys     63
        li      t0, 64
        bne     a0, t0, over
        ld      t0, 0(s0)
        slli    t0, t0, 3
        la      t1, actions
        add     t0, t0, t1
        ld      t0, 0(t0)
        ld      a0, 8(s0)
        ld      a1, 16(s0)
        ld      a2, 24(s0)
        ld      a3, 32(s0)
        jalr    t0
done:   call    tell
        j       next

over:   li      a0, 0
        sys     94

# tell(a0): one result.
tell:   la      t0, result
        sd      a0, 0(t0)
        li      a0, 1
        mv      a1, t0
        li      a2, 8
        sys     64
        ret

# call: any system call, number and six arguments
do_call:
        mv      a7, a0
        mv      a0, a1
        mv      a1, a2
        mv      a2, a3
        ld      a3, 40(s0)
        ld      a4, 48(s0)
        ld      a5, 56(s0)
        ecall
        ret

# fill(address, count, stride, value): value, value + 1, ... every `stride` bytes
do_fill:
        beqz    a1, 2f
1:      sd      a3, 0(a0)
        add     a0, a0, a2
        addi    a3, a3, 1
        addi    a1, a1, -1
        bnez    a1, 1b
2:      li      a0, 0
        ret

# sum(address, count): of words, each times a power of 3; 8 words at a time
do_sum: li      t0, 0
        li      t2, 3
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        ld      t1, \n * 8(a0)
        mul     t0, t0, t2
        add     t0, t0, t1
        .endr
        addi    a0, a0, 64
        addi    a1, a1, -8
        bnez    a1, 1b
        mv      a0, t0
        ret

# copy(to, from, count): byte by byte, upwards
do_copy:
        beqz    a2, 2f
1:      lbu     t0, 0(a1)
        sb      t0, 0(a0)
        addi    a0, a0, 1
        addi    a1, a1, 1
        addi    a2, a2, -1
        bnez    a2, 1b
2:      li      a0, 0
        ret

# add(address, addend): atomically, what was there before
do_add: amoadd.d a0, a1, (a0)
        ret

# swap(address, value): by LR and SC, what was there before
do_swap:
        mv      t0, a0
1:      lr.d    a0, (t0)
        sc.d    t1, a1, (t0)
        bnez    t1, 1b
        ret

# code(address, value): write 8 bytes of code and call them
do_code:
        sd      a1, 0(a0)
        fence.i
        mv      s3, ra                  # and not the stack, which a fault would leave as it is
        jalr    a0
        mv      ra, s3
        ret

# fork(slot): the child waits for its turn
do_fork:
        mv      s2, a0
        li      a0, SIGCHLD
        li      a1, 0
        sys     220
        beqz    a0, 1f
        sgtz    t0, a0                  # its number is of no interest
        addi    t0, t0, -1
        and     a0, a0, t0
        ret
1:      mv      s1, s2
        call    wait
        j       next

# turn(slot): another process goes on
do_turn:
        mv      s2, a0
        li      a0, 0
        call    tell
        mv      a0, s2
        call    wake
        call    wait
        j       next

# wake(slot), wait(): by the pipes
wake:   slli    a0, a0, 3
        la      t0, pipes
        add     a0, a0, t0
        lw      a0, 4(a0)
        la      a1, token
        li      a2, 1
        sys     64
        ret

wait:   slli    a0, s1, 3
        la      t0, pipes
        add     a0, a0, t0
        lw      a0, 0(a0)
        la      a1, token
        li      a2, 1
        sys     63
        ret

# exit(slot, how): the turn goes to `slot`; `how` is an exit status, or -1 for the end by a signal
do_exit:
        mv      s2, a0
        mv      s3, a1
        li      a0, 0
        call    tell
        mv      a0, s2
        call    wake
        bgez    s3, 1f
        li      a0, 11
        la      a1, default
        call    act
        sd      zero, 0(zero)
1:      mv      a0, s3
        sys     94

# catch(signal), act(signal, struct sigaction)
catch:  la      a1, handler_action
        la      t0, handler
        sd      t0, 0(a1)
act:    li      a2, 0
        li      a3, 8
        sys     134
        ret

# The operation ends with what the signal tells: the handler returns to `done`, the stack as it was.
handler:
        lw      t0, 0(a1)               # si_signo
        lw      t1, 8(a1)               # si_code
        ld      t2, 16(a1)              # si_addr
        slli    t2, t2, 8
        slli    t0, t0, 4
        or      t2, t2, t0
        or      t2, t2, t1
        sd      t2, 256(a2)             # a0
        la      t0, done
        sd      t0, 176(a2)             # pc
        ret

        .section .rodata
        .balign 8
actions:
        .dword  do_call, do_fill, do_sum, do_copy, do_add, do_swap, do_code, do_fork, do_turn, do_exit

        .data
        .balign 8
handler_action:
        .dword  0, SA_SIGINFO, 0
ignore: .dword  SIG_IGN, 0, 0
default:
        .dword  0, 0, 0
path:   .asciz  "/tmp/a"

        .bss
        .balign 8
operation:
        .space  64
result: .space  8
pipes:  .space  8 * SLOTS
token:  .space  8
