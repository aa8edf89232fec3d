# A plug-in for asm/plugin.s: void transform(char *s) reverses s in place. It uses a library itself, and prints a line
# when it is loaded and unloaded.
        .text
        .globl  transform
        .type   transform, @function
transform:
        addi    sp, sp, -16
        sd      ra, 8(sp)
        sd      s0, 0(sp)
        mv      s0, a0
        call    strlen                  # through this library's own PLT
        add     t1, s0, a0              # one past the last
1:      addi    t1, t1, -1
        bgeu    s0, t1, 2f
        lbu     t2, 0(s0)
        lbu     t3, 0(t1)
        sb      t3, 0(s0)
        sb      t2, 0(t1)
        addi    s0, s0, 1
        j       1b
2:      ld      s0, 0(sp)
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .size   transform, . - transform

        .type   hello, @function
hello:  la      a0, hello_text
        tail    puts
        .type   bye, @function
bye:    la      a0, bye_text
        tail    puts

        .section .init_array, "aw", @init_array
        .dword  hello
        .section .fini_array, "aw", @fini_array
        .dword  bye

        .section .rodata
hello_text:
        .string "  (reverse.so is here)"
bye_text:
        .string "  (reverse.so goes)"
