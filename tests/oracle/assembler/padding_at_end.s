.align 3
nop
beq a0,a1,x
.section .text.b,"ax"
.align 4
nop
.word 3
