# A plug-in for asm/plugin.s: void transform(char *s) converts s to upper case in place.
        .text
        .globl  transform
        .type   transform, @function
transform:
        li      t1, 'a'
        li      t2, 'z'
1:      lbu     t0, 0(a0)
        beqz    t0, 3f
        bltu    t0, t1, 2f
        bgtu    t0, t2, 2f
        addi    t0, t0, 'A' - 'a'
        sb      t0, 0(a0)
2:      addi    a0, a0, 1
        j       1b
3:      ret
        .size   transform, . - transform
