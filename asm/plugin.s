# plugin: a program that loads code while it runs.
#
# dlopen maps a shared library that the program was not linked with, relocates it and runs its initialisers; dlsym
# finds a symbol in it by name; dlclose runs its finalisers and unmaps it. dlerror returns the last error message.
# Both plug-ins define `transform`; dlsym with a handle finds the definition of that plug-in.
#
# toyvm: linkage: dynamic
# toyvm: shared: parts/plugin_upper.s -> upper.so
# toyvm: shared: parts/plugin_reverse.s -> reverse.so
#
#   toyvm run asm/plugin.s
#   toyvm run -E LD_DEBUG=files asm/plugin.s
#   toyvm run --trace=syscalls asm/plugin.s
#
# Look at the time when the libraries are mapped: not at the start, but at dlopen.

        .equ    RTLD_NOW, 2

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, upper
        la      a1, name
        call    use
        la      a0, reverse
        la      a1, name
        call    use
        la      a0, upper
        la      a1, misspelt
        call    use
        la      a0, missing
        la      a1, name
        call    use
        la      a0, text
        call    puts
        li      a0, 0
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# use(library, symbol): load the library, let its function transform the text, print it, unload.
        .type   use, @function
use:    addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        mv      s1, a1
        li      a1, RTLD_NOW
        call    dlopen
        beqz    a0, 2f
        mv      s0, a0                  # s0: the handle
        mv      a1, s1
        call    dlsym
        beqz    a0, 1f
        mv      t0, a0
        la      a0, text
        jalr    t0
        la      a0, text
        call    puts
        mv      a0, s0
        call    dlclose
        j       3f
1:      call    dlerror
        call    puts
        mv      a0, s0
        call    dlclose
        j       3f
2:      call    dlerror
        call    puts
3:      ld      s1, 8(sp)
        ld      s0, 16(sp)
        ld      ra, 24(sp)
        addi    sp, sp, 32
        ret

        .section .rodata
upper:  .string "upper.so"
reverse:
        .string "reverse.so"
missing:
        .string "missing.so"
name:   .string "transform"
misspelt:
        .string "transfrom"

        .data
text:   .string "drawn onward, live devil"
