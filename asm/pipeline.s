# pipeline: three processes in a row; the output of each is the input of the next.
#
# A shell does the same for `produce | upper | count`: a pipe between two neighbours, a fork for each process, dup2 to
# make an end of the pipe the standard input or output. Each process closes the ends that it does not use, because a
# reader gets end-of-file only when all descriptors of the write end are closed.
#
#   toyvm run asm/pipeline.s
#   toyvm run --trace=process,syscalls asm/pipeline.s
#
# Look at the order of the processes: a reader of an empty pipe blocks, and the scheduler runs another.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32             # int first[2] at sp, int second[2] at sp + 8
        sd      ra, 24(sp)

        mv      a0, sp
        call    pipe
        bnez    a0, failed
        addi    a0, sp, 8
        call    pipe
        bnez    a0, failed

        la      a0, produce
        li      a1, -1                  # its input stays what it is
        lw      a2, 4(sp)
        mv      a3, sp
        call    start
        la      a0, upper
        lw      a1, 0(sp)
        lw      a2, 12(sp)
        mv      a3, sp
        call    start
        la      a0, count
        lw      a1, 8(sp)
        li      a2, -1                  # its output stays what it is
        mv      a3, sp
        call    start

        mv      a0, sp
        call    close_all
1:      li      a0, 0
        call    wait                    # until there is no child any more
        bgez    a0, 1b
        la      a0, done
        call    puts
        li      a0, 0
        j       leave
failed: li      a0, 1
leave:  ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# start(function, input, output, pipes): run the function in a process of its own, with these standard files.
        .type   start, @function
start:  addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        sd      s3, 8(sp)
        mv      s0, a0
        mv      s1, a1
        mv      s2, a2
        mv      s3, a3
        call    fork
        beqz    a0, 1f
        ld      s3, 8(sp)
        ld      s2, 16(sp)
        ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret
1:      bltz    s1, 2f
        mv      a0, s1
        li      a1, 0
        call    dup2
2:      bltz    s2, 3f
        mv      a0, s2
        li      a1, 1
        call    dup2
3:      mv      a0, s3
        call    close_all
        jalr    s0
        li      a0, 0
        call    exit

# close_all(pipes): close the four ends under their first numbers.
        .type   close_all, @function
close_all:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s0, a0
        li      s1, 4
1:      lw      a0, 0(s0)
        call    close
        addi    s0, s0, 4
        addi    s1, s1, -1
        bnez    s1, 1b
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

# produce: some lines to standard output.
        .type   produce, @function
produce:
        la      a0, words
        tail    puts

# upper: copy standard input to standard output, in capital letters.
        .type   upper, @function
upper:  addi    sp, sp, -288            # a buffer of 256 bytes at sp
        sd      ra, 280(sp)
1:      li      a0, 0
        mv      a1, sp
        li      a2, 256
        call    read
        blez    a0, 4f
        mv      a2, a0
        mv      t0, sp
        add     t1, sp, a0
        li      t3, 'a'
        li      t4, 'z'
2:      lbu     t2, 0(t0)
        bltu    t2, t3, 3f
        bgtu    t2, t4, 3f
        addi    t2, t2, 'A' - 'a'
        sb      t2, 0(t0)
3:      addi    t0, t0, 1
        bltu    t0, t1, 2b
        li      a0, 1
        mv      a1, sp
        call    write
        j       1b
4:      ld      ra, 280(sp)
        addi    sp, sp, 288
        ret

# count: show standard input, and say how many lines and characters it was.
        .type   count, @function
count:  addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        li      s0, 0                   # lines
        li      s1, 0                   # characters
1:      li      a0, 0
        mv      a1, sp
        li      a2, 1
        call    read
        blez    a0, 2f
        addi    s1, s1, 1
        lbu     a0, 0(sp)
        addi    t0, a0, -'\n'
        seqz    t0, t0
        add     s0, s0, t0
        call    putchar
        j       1b
2:      la      a0, counted
        mv      a1, s0
        mv      a2, s1
        call    printf
        ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

        .section .rodata
words:  .string "one process makes the lines\nanother one makes them loud\nand a third one counts"
counted:
        .string "%d lines, %d characters\n"
done:   .string "all three have ended"
