# lazy: the address of a library function is resolved at the first call, not before.
#
# A dynamically linked program calls atoi through its procedure linkage table (PLT): a few instructions that load an
# address from a slot of the global offset table (GOT) and jump to it. At first the slot contains the address of code
# that calls the dynamic linker. The dynamic linker resolves atoi, stores its address in the slot, and jumps to it.
# The second call goes directly to the library.
#
# The program finds the slot as a debugger would: _DYNAMIC refers to the table of PLT relocations (DT_JMPREL), and the
# relocation with the symbol "atoi" contains the address of its slot. A static program has neither: the linker has
# written the address into the call instruction itself.
#
#   toyvm run --dynamic asm/lazy.s
#   toyvm run --dynamic -E LD_BIND_NOW=1 asm/lazy.s         all slots are bound before main
#   toyvm run --dynamic -E LD_DEBUG=bindings asm/lazy.s
#   toyvm run --static asm/lazy.s
#
# Look at the first line of the three runs, and in LD_DEBUG at the time when `atoi' is bound.

        .equ    DT_STRTAB, 5            # struct { long tag; unsigned long value; } of _DYNAMIC, ended by DT_NULL
        .equ    DT_SYMTAB, 6
        .equ    DT_JMPREL, 23
        .equ    RELA_SIZE, 24           # struct { offset; info; addend; }, info = symbol << 32 | type
        .equ    SYM_SIZE, 24            # struct { unsigned name; ... }

        .text
        .globl  main
        .type   main, @function
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)

        call    find_slot
        mv      s0, a0                  # s0: the GOT slot of atoi, or 0
        la      a0, before
        call    where
        la      a0, digits
        call    atoi
        mv      a1, a0
        la      a0, result
        call    printf
        la      a0, after
        call    where
        li      a0, 0
        ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret

# where(when): say where the slot in s0 points to.
        .type   where, @function
where:  mv      a1, a0
        la      a2, no_slot
        beqz    s0, 1f
        ld      t0, 0(s0)
        la      t1, _end                # the program ends here; libraries are mapped far above
        la      a2, to_program
        bltu    t0, t1, 1f
        la      a2, to_library
1:      la      a0, line
        tail    printf

# void *find_slot(void): the address of atoi's slot in the GOT; 0 in a static program.
        .type   find_slot, @function
find_slot:
        addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        .weak   _DYNAMIC
        la      t0, _DYNAMIC
        li      a0, 0
        beqz    t0, 4f
1:      ld      t1, 0(t0)
        ld      t2, 8(t0)
        addi    t0, t0, 16
        beqz    t1, 3f                  # DT_NULL: the end
        addi    t3, t1, -DT_STRTAB
        bnez    t3, 2f
        mv      s2, t2                  # s2: the strings
2:      addi    t3, t1, -DT_SYMTAB
        bnez    t3, 2f
        mv      s1, t2                  # s1: the symbols
2:      addi    t3, t1, -DT_JMPREL
        bnez    t3, 1b
        mv      s0, t2                  # s0: the relocations
        j       1b

3:      lwu     t0, 12(s0)              # the symbol's number
        li      t1, SYM_SIZE
        mul     t0, t0, t1
        add     t0, t0, s1
        lwu     a0, 0(t0)               # where its name is among the strings
        add     a0, a0, s2
        la      a1, wanted
        call    same
        addi    s0, s0, RELA_SIZE
        beqz    a0, 3b
        ld      a0, -RELA_SIZE(s0)
4:      ld      s2, 16(sp)
        ld      s1, 24(sp)
        ld      s0, 32(sp)
        ld      ra, 40(sp)
        addi    sp, sp, 48
        ret

# same(a, b): 1 if the two strings are equal. (A call of strcmp would have a slot of its own to bind.)
        .type   same, @function
same:   lbu     t0, 0(a0)
        lbu     t1, 0(a1)
        bne     t0, t1, 1f
        addi    a0, a0, 1
        addi    a1, a1, 1
        bnez    t0, same
        li      a0, 1
        ret
1:      li      a0, 0
        ret

        .section .rodata
wanted: .string "atoi"
digits: .string "42"
result: .string "atoi returns %d\n"
line:   .string "%s the first call: %s\n"
before: .string "before"
after:  .string "after"
no_slot:
        .string "no slot, the call is direct"
to_program:
        .string "the slot points into the program, at its PLT"
to_library:
        .string "the slot points into the library, at atoi"
