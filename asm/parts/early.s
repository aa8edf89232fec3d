# A library with an initialiser and a finaliser, see asm/constructors.s.
        .text
        .type   early, @function
early:  la      a0, early_text
        tail    puts
        .type   late, @function
late:   la      a0, late_text
        tail    puts

        .section .init_array, "aw", @init_array
        .balign 8
        .dword  early
        .section .fini_array, "aw", @fini_array
        .balign 8
        .dword  late

        .section .rodata
early_text:
        .string "library:  initialiser"
late_text:
        .string "library:  finaliser"
