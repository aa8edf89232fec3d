# Two threads at one word. A reservation does not outlive the other thread's store, even of the same value; increments by
# lr and sc, and by amoadd, from both lose nothing; the exit of a thread clears its number and wakes who waits there.
# toyvm: qemu: no its sc compares values, so it succeeds after another thread's store of the same value
        .include "guest.inc"
        .equ    THREAD, 0x350f00        # VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID, CHILD_CLEARTID
        .equ    ROUNDS, 20000
        .text
        .globl  main
main:   enter
        li      a0, THREAD
        la      a1, stack_end
        la      a2, tid
        li      a3, 0
        la      a4, tid
        sys     220                     # clone
        beqz    a0, thread

        la      s0, same                # the other thread stores what is there already, again and again
        li      s1, 0                   # how often sc succeeded across a time slice
        li      s2, 20
1:      lr.d    t0, (s0)
        li      t1, 30000               # three time slices
2:      addi    t1, t1, -1
        bnez    t1, 2b
        sc.d    t2, t0, (s0)
        seqz    t2, t2
        add     s1, s1, t2
        addi    s2, s2, -1
        bnez    s2, 1b
        mv      a0, s1
        show    "sc after the other thread's store: %ld\n"
        la      t0, go_on
        li      t1, 1
        fence   rw, w
        sw      t1, 0(t0)
        call    count

wait:   la      a0, tid
        lw      a2, 0(a0)
        beqz    a2, ended
        li      a1, 0                   # FUTEX_WAIT
        li      a3, 0
        sys     98
        j       wait
ended:  la      t0, by_sc
        ld      a0, 0(t0)
        show    "by lr and sc: %ld\n"
        la      t0, by_amo
        ld      a0, 0(t0)
        show    "by amoadd: %ld\n"
        la      t0, highest
        lw      a0, 0(t0)
        show    "by amomax: %ld\n"
        leave

thread: la      t0, same
        la      t1, go_on
        li      t2, 7
1:      sd      t2, 0(t0)
        lw      t3, 0(t1)
        beqz    t3, 1b
        call    count
        li      a0, 0
        sys     93                      # exit: this thread only

count:  la      t0, by_sc
        la      t1, by_amo
        la      t2, highest
        li      t3, ROUNDS
        li      t4, 1
1:      lr.d.aq t5, (t0)
        addi    t5, t5, 1
        sc.d.rl t6, t5, (t0)
        bnez    t6, 1b
        amoadd.d zero, t4, (t1)
        amomax.w zero, t3, (t2)
        addi    t3, t3, -1
        bnez    t3, 1b
        ret

        .data
        .balign 8
same:   .quad   7
by_sc:  .quad   0
by_amo: .quad   0
go_on:  .word   0
highest:
        .word   0
tid:    .word   0
        .bss
        .balign 16
        .skip   4096
stack_end:
