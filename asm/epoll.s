# epoll: one process waits for three pipes at once.
#
# Three children work for different times and then write a line into a pipe of their own, some more than once. The parent
# cannot know which of the pipes has something first. If it read from one, it would sleep there while the others wait. So
# it puts all three into a set, and epoll_wait sleeps until any of them is ready. An event brings back the number that the
# parent gave with the pipe. EPOLLIN means that a read returns at once; EPOLLHUP without it means that the last writer has
# closed the pipe, and nothing more will come.
#
#   toyvm run asm/epoll.s
#   toyvm run --trace=syscalls asm/epoll.s
#
# Look at epoll_pwait in the trace: the parent sleeps in it until a child writes. Time is virtual, so the order is the same
# in every run.

        .equ    CHILDREN, 3
        .equ    EPOLLIN, 1
        .equ    EPOLL_CTL_ADD, 1
        .equ    EPOLL_CTL_DEL, 2
        .equ    EVENT_events, 0         # struct epoll_event { uint32_t events; uint64_t data; }
        .equ    EVENT_data, 8
        .equ    ROOM, 64

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -160            # 0: an event; 16: the two ends of a pipe; 24: what was read; 88: saved registers
        sd      ra, 152(sp)
        sd      s0, 144(sp)
        sd      s1, 136(sp)
        sd      s2, 128(sp)
        sd      s3, 120(sp)

        li      a0, 0
        call    epoll_create1
        mv      s0, a0                  # s0: the set
        la      s2, inputs              # s2: where the read ends are kept
        li      s1, 0                   # s1: the child's number
1:      addi    a0, sp, 16
        call    pipe
        call    fork
        beqz    a0, child
        lw      a0, 20(sp)              # the parent keeps the read end only, or it would never see the end
        call    close
        lw      a2, 16(sp)
        slli    t0, s1, 2
        add     t0, t0, s2
        sw      a2, 0(t0)
        li      t0, EPOLLIN
        sw      t0, EVENT_events(sp)
        sd      s1, EVENT_data(sp)
        mv      a0, s0
        li      a1, EPOLL_CTL_ADD
        mv      a3, sp
        call    epoll_ctl
        addi    s1, s1, 1
        li      t0, CHILDREN
        bne     s1, t0, 1b

2:      mv      a0, s0                  # s1: pipes that are open still
        mv      a1, sp
        li      a2, 1
        li      a3, -1                  # no time limit
        call    epoll_wait
        ld      s3, EVENT_data(sp)      # s3: the child that has spoken
        slli    t0, s3, 2
        add     t0, t0, s2
        lw      a0, 0(t0)
        addi    a1, sp, 24
        li      a2, ROOM - 1
        call    read
        beqz    a0, 3f
        addi    t0, sp, 24
        add     t0, t0, a0
        sb      zero, 0(t0)
        la      a0, said
        mv      a1, s3
        addi    a2, sp, 24
        call    printf
        j       2b

3:      slli    t0, s3, 2               # the end of this pipe
        add     t0, t0, s2
        lw      a2, 0(t0)
        mv      a0, s0
        li      a1, EPOLL_CTL_DEL
        li      a3, 0
        call    epoll_ctl
        la      a0, closed
        mv      a1, s3
        call    printf
        addi    s1, s1, -1
        bnez    s1, 2b

4:      li      a0, 0
        call    wait
        bgez    a0, 4b
        li      a0, 0
        ld      ra, 152(sp)
        ld      s0, 144(sp)
        ld      s1, 136(sp)
        ld      s2, 128(sp)
        ld      s3, 120(sp)
        addi    sp, sp, 160
        ret
        .size   main, . - main

# Child s1: 3 - s1 times, sleep for 200 + s1 * 140 ms and write a line. The times differ by much, because under qemu they
# are those of a busy machine.
child:  lw      a0, 16(sp)
        call    close
        li      s3, CHILDREN
        sub     s3, s3, s1
1:      li      t0, 140000
        mul     a0, s1, t0
        li      t0, 200000
        add     a0, a0, t0
        call    usleep
        lw      a0, 20(sp)
        la      a1, work
        mv      a2, s3
        call    dprintf
        addi    s3, s3, -1
        bnez    s3, 1b
        li      a0, 0
        call    exit

        .section .rodata
said:   .string "child %d says: %s"
closed: .string "child %d is done\n"
work:   .string "%d to do\n"

        .bss
        .balign 4
inputs: .skip   4 * CHILDREN
