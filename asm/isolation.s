# isolation: two processes use the same address without conflict, and an address of one is not valid in another.
#
# Without virtual memory a program could read and overwrite every other. Here each process has its own page table: the
# parent's 111 and the child's 222 are at the same virtual address, in different frames. Then the parent maps a page
# that the second child does not have, and sends it the address through a pipe. The child tries to read it. Its page
# table has no entry for it, the load faults, and the kernel kills the child with SIGSEGV. The parent is not affected.
#
#   toyvm run asm/isolation.s
#   toyvm run --trace=faults,cow asm/isolation.s
#
# Look at the explanation of the segmentation fault on standard error: the address, and the regions around it.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)

        # One address, two values.
        la      s0, value
        call    fork
        bltz    a0, failed
        bnez    a0, 1f
        li      t0, 222                 # the child
        sd      t0, 0(s0)
        la      a0, child_sees
        ld      a1, 0(s0)
        call    printf
        li      a0, 0
        call    exit
1:      li      t0, 111                 # the parent
        sd      t0, 0(s0)
        li      a0, 0
        call    wait
        la      a0, parent_sees
        ld      a1, 0(s0)
        call    printf

        # The second child exists before the parent maps the secret page.
        mv      a0, sp                  # int ends[2] at sp
        call    pipe
        bnez    a0, failed
        call    fork
        bltz    a0, failed
        beqz    a0, spy

        li      a0, 0
        li      a1, 4096
        li      a2, 3                   # PROT_READ | PROT_WRITE
        li      a3, 0x22                # MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    mmap
        li      t0, -1
        beq     a0, t0, failed
        mv      s1, a0
        la      a1, secret
        call    strcpy
        sd      s1, 8(sp)
        lw      a0, 4(sp)               # the pipe's writing end
        addi    a1, sp, 8
        li      a2, 8
        call    write
        addi    a0, sp, 16
        call    wait
        la      a0, spy_ended
        lw      a1, 16(sp)
        andi    a1, a1, 0x7f            # WTERMSIG: the signal that ended the child
        call    printf
        la      a0, still_has
        mv      a1, s1
        call    printf
        li      a0, 0
        j       leave

spy:    lw      a0, 0(sp)               # the pipe's reading end
        addi    a1, sp, 8
        li      a2, 8
        call    read
        la      a0, spy_tries
        call    puts
        li      a0, 0
        call    fflush                  # what is still in a buffer would be lost with the process
        ld      a0, 8(sp)
        call    puts                    # puts reads the string at the parent's address: SIGSEGV
        li      a0, 0                   # never reached
        call    exit

failed: li      a0, 1
leave:  ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

        .data
        .balign 8
value:  .dword  0

        .section .rodata
secret: .string "the parent's secret"
child_sees:
        .string "child:  the value at this address is %ld\n"
parent_sees:
        .string "parent: the value at this address is %ld\n"
spy_tries:
        .string "spy:    reading the parent's page"
spy_ended:
        .string "parent: the spy was ended by signal %d\n"
still_has:
        .string "parent: still have %s\n"
