# wait_codes: how processes end, and how their parents are informed.
#
# wait returns a word to the parent for each child: the exit status in bits 15 to 8 if it called exit, the number of the
# signal in bits 6 to 0 if a signal killed it. A child that has ended stays a zombie until its parent waits for it. A
# child whose parent ends first is an orphan and gets another parent.
#
#   toyvm run asm/wait_codes.s
#   toyvm run --trace=process asm/wait_codes.s
#
# Look at the order: waitpid waits for one child by its number, whichever ends first.

        .equ    SYS_kill, 129
        .equ    SYS_getpid, 172
        .equ    SYS_getppid, 173
        .equ    SIGKILL, 9

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)

        la      a0, exits_42
        la      a1, name_exit
        call    run
        la      a0, returns_300
        la      a1, name_300
        call    run
        la      a0, kills_itself
        la      a1, name_kill
        call    run
        la      a0, reads_null
        la      a1, name_null
        call    run
        la      a0, illegal
        la      a1, name_illegal
        call    run

        li      a0, 0
        call    wait
        mv      a1, a0
        la      a0, nobody
        call    printf

        la      a0, leaves_orphan
        la      a1, name_orphan
        call    run
        li      a0, 2                   # let the orphan speak
        call    sleep
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# run(function, name): call the function in a child, wait for that child, and print how it ended.
        .type   run, @function
run:    addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        mv      s1, a1
        li      a0, 0
        call    fflush                  # or the child would have a copy of what is in the buffer
        call    fork
        bnez    a0, 1f
        jalr    s0
        call    exit                    # with what the function returned
1:      mv      a1, sp
        li      a2, 0
        call    waitpid
        lw      t0, 0(sp)
        andi    a2, t0, 0x7f
        bnez    a2, 2f
        srli    a2, t0, 8
        andi    a2, a2, 0xff
        la      a0, by_exit
        j       3f
2:      la      a0, by_signal
3:      mv      a1, s1
        call    printf
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .type   exits_42, @function
exits_42:
        li      a0, 42
        call    exit

        .type   returns_300, @function
returns_300:
        li      a0, 300                 # only the low eight bits reach the parent
        ret

        .type   kills_itself, @function
kills_itself:
        li      a7, SYS_getpid
        ecall
        li      a1, SIGKILL
        li      a7, SYS_kill
        ecall
        ret                             # never reached

        .type   reads_null, @function
reads_null:
        lw      a0, 0(zero)
        ret

        .type   illegal, @function
illegal:
        unimp                           # no instruction: SIGILL
        ret

# The child makes a child of its own and ends; the grandchild looks a second later who its parent is.
        .type   leaves_orphan, @function
leaves_orphan:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        li      a7, SYS_getpid
        ecall
        sd      a0, 0(sp)               # the grandchild's first parent
        call    fork
        beqz    a0, 1f
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
1:      li      a0, 1
        call    sleep
        li      a7, SYS_getppid
        ecall
        ld      t0, 0(sp)
        mv      t1, a0
        la      a0, has_another
        bne     t0, t1, 2f
        la      a0, has_same
2:      call    puts
        li      a0, 0
        call    exit

        .section .rodata
by_exit:
        .string "the child that %s: ended by exit with status %d\n"
by_signal:
        .string "the child that %s: ended by signal %d\n"
name_exit:
        .string "calls exit(42)"
name_300:
        .string "returns 300"
name_kill:
        .string "kills itself"
name_null:
        .string "reads address 0"
name_illegal:
        .string "runs into no instruction"
name_orphan:
        .string "leaves an orphan"
nobody: .string "no child is left: wait returns %d\n"
has_another:
        .string "the orphan has another parent now"
has_same:
        .string "the orphan still has its parent"
