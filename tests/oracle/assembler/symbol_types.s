# The type of a symbol that is given several: by .type, by .set, in both orders, and to a label further down.
        .macro  both own, other, name
        .globl  a\name, b\name, c\name, d\name
        .type   a\name, @\own
        .set    a\name, f_\other
        .set    b\name, f_\other
        .type   b\name, @\own
c\name: .byte   1
        .type   c\name, @\other
        .type   c\name, @\own
        .type   d\name, @\own
        .set    d\name, l_\other
        .endm
        .data
        .type   f_function, @function
f_function: .byte 1
        .type   f_object, @object
f_object: .byte 1
        .type   f_notype, @notype
f_notype: .byte 1
        .type   f_gnu_indirect_function, @gnu_indirect_function
f_gnu_indirect_function: .byte 1
        .type   f_gnu_unique_object, @gnu_unique_object
f_gnu_unique_object: .byte 1
        .type   f_tls_object, @tls_object
f_tls_object: .byte 1
        both    function, function, 1
        both    function, object, 2
        both    function, notype, 3
        both    function, gnu_indirect_function, 4
        both    function, gnu_unique_object, 5
        both    function, tls_object, 6
        both    object, function, 7
        both    object, object, 8
        both    object, notype, 9
        both    object, gnu_indirect_function, 10
        both    object, gnu_unique_object, 11
        both    object, tls_object, 12
        both    notype, function, 13
        both    notype, object, 14
        both    notype, notype, 15
        both    notype, gnu_indirect_function, 16
        both    notype, gnu_unique_object, 17
        both    notype, tls_object, 18
        both    gnu_indirect_function, function, 19
        both    gnu_indirect_function, object, 20
        both    gnu_indirect_function, notype, 21
        both    gnu_indirect_function, gnu_indirect_function, 22
        both    gnu_indirect_function, gnu_unique_object, 23
        both    gnu_indirect_function, tls_object, 24
        both    gnu_unique_object, function, 25
        both    gnu_unique_object, object, 26
        both    gnu_unique_object, notype, 27
        both    gnu_unique_object, gnu_indirect_function, 28
        both    gnu_unique_object, gnu_unique_object, 29
        both    gnu_unique_object, tls_object, 30
        both    tls_object, function, 31
        both    tls_object, object, 32
        both    tls_object, notype, 33
        both    tls_object, gnu_indirect_function, 34
        both    tls_object, gnu_unique_object, 35
        both    tls_object, tls_object, 36
l_function: .byte 1
        .type   l_function, @function
l_object: .byte 1
        .type   l_object, @object
l_notype: .byte 1
        .type   l_notype, @notype
l_gnu_indirect_function: .byte 1
        .type   l_gnu_indirect_function, @gnu_indirect_function
l_gnu_unique_object: .byte 1
        .type   l_gnu_unique_object, @gnu_unique_object
l_tls_object: .byte 1
        .type   l_tls_object, @tls_object
        # a chain of names
        .globl  outer
        .type   outer, @gnu_indirect_function
        .set    outer, middle
        .set    middle, inner
        .type   inner, @function
inner:  .byte   1
        .size   inner, 1
