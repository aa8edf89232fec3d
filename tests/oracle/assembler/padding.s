.align 3
nop
nop
nop
.section .text.foo,"ax"
.word 5
.section .text.bar,"ax"
.section .text.baz,"ax"
nop
.align 5
