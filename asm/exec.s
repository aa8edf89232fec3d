# exec: fork creates a process, execve runs a program in it.
#
# The two are separate in Unix so that something can happen in between (see asm/pipeline.s). execve discards the whole
# address space and builds a new one from a file. The child here sets a variable before; the new program, which is this
# same file, finds the initial value of the file. The process itself stays the same: its number, its parent, its open
# files.
#
# toyvm: qemu: no /proc/self/exe is the emulator there
#
#   toyvm run asm/exec.s
#   toyvm run --trace=process,syscalls asm/exec.s
#
# Look at the mappings that the child's exec creates in `--trace=process`: everything is mapped again.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        mv      s0, a0                  # s0: argc
        mv      s1, a1                  # s1: argv
        li      t0, 1
        bgt     s0, t0, again

        call    fork
        bltz    a0, failed
        beqz    a0, child
        mv      a0, sp
        call    wait
        lw      a1, 0(sp)
        srli    a1, a1, 8               # WEXITSTATUS: bits 15 to 8
        andi    a1, a1, 0xff
        la      a0, ended
        call    printf
        li      a0, 0
        j       leave

child:  la      t0, variable
        li      t1, 2
        sd      t1, 0(t0)
        la      a0, child_has
        ld      a1, 0(t0)
        call    printf
        li      a0, 0
        call    fflush                  # a buffer is memory too: it would not survive execve
        la      a0, myself
        la      a1, arguments
        la      a2, environment
        call    execve                  # returns only if it fails
failed: li      a0, 1
        j       leave

again:  la      a0, new_has             # the new program, in the old process
        la      t0, variable
        ld      a1, 0(t0)
        mv      a2, s0
        call    printf
1:      la      a0, argument
        ld      a1, 0(s1)
        call    printf
        addi    s1, s1, 8
        addi    s0, s0, -1
        bnez    s0, 1b
        la      a0, name
        call    getenv
        mv      a1, a0
        la      a0, has_env
        call    printf
        li      a0, 5
leave:  ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

        .data
        .balign 8
variable:
        .dword  1
arguments:
        .dword  argument_0, argument_1, argument_2, 0
environment:
        .dword  setting, 0

        .section .rodata
myself: .string "/proc/self/exe"
argument_0:
        .string "renamed"
argument_1:
        .string "first"
argument_2:
        .string "the second"
setting:
        .string "MOOD=fresh"
name:   .string "MOOD"
child_has:
        .string "child, before execve: variable is %ld\n"
new_has:
        .string "after execve: variable is %ld, %d arguments:\n"
argument:
        .string "    %s\n"
has_env:
        .string "    MOOD=%s\n"
ended:  .string "parent: it returned %d\n"
