.text
 nop
.word 1
 nop
.data
.word 1
 nop
.word 3
.text
.byte 1,2,3,4
.section .text.foo,"ax"
.word 1
f: nop
.align 3
.option norelax
nop
.align 4
nop
.skip 8
nop
