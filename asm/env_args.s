# env_args: the initial stack of a new process.
#
# execve copies the arguments and the environment to the top of the new stack: argc, the argv pointers, 0, the
# environment pointers, 0, the auxiliary vector (information from the kernel such as the page size). Start-up code
# passes them to main. The host's environment is not inherited: the program sees only variables set with -E.
#
# toyvm: args: one "two words" ""
# toyvm: env: GREETING=good morning
#
#   toyvm run asm/env_args.s
#   toyvm run -E GREETING=hi asm/env_args.s a b c
#
# Look at `--maps`: the strings are at the very top of the stack's region.

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -32             # main(argc in a0, argv in a1, environment in a2)
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        sd      s2, 0(sp)
        mv      s0, a0
        mv      s1, a1
        li      s2, 1                   # argv[0], the program's name, depends on who calls

        la      a0, count
        mv      a1, s0
        call    printf
1:      bge     s2, s0, 2f
        la      a0, argument
        mv      a1, s2
        slli    t0, s2, 3
        add     t0, s1, t0
        ld      a2, 0(t0)
        call    printf
        addi    s2, s2, 1
        j       1b

2:      slli    t0, s0, 3               # argv[argc] is a null pointer
        add     t0, s1, t0
        ld      a1, 0(t0)
        la      a0, ended_by
        call    printf
        la      a0, greeting
        call    getenv
        mv      a1, a0
        la      a0, variable
        call    printf
        la      a0, nonsense
        call    getenv
        la      a1, is_not_set
        beqz    a0, 3f
        la      a1, is_set
3:      la      a0, other
        call    printf
        li      a0, 0
        ld      s2, 0(sp)
        ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .section .rodata
count:  .string "argc is %d\n"
argument:
        .string "argv[%d] is '%s'\n"
ended_by:
        .string "the pointer after the last is %ld\n"
greeting:
        .string "GREETING"
variable:
        .string "GREETING is '%s'\n"
nonsense:
        .string "TOYVM_NEVER_SET"
other:  .string "TOYVM_NEVER_SET is %s\n"
is_set: .string "set"
is_not_set:
        .string "not set"
