.file "x.c"
.attribute arch, "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0"
.attribute unaligned_access, 0
.attribute stack_align, 16
.option norvc
.text
.align 1
.globl main
main: nop
j undef
jal x0, undef+8
beq a0,a1,undef
.align 2
.string "abc"
nop
.fill 0
nop
.word 3
.section .text.unlikely,"ax"
.comm foo,4,4
.lcomm bar,8
.weak w
.word bar
.set x,5
.word x
.word unk
y=.
z=main+4
.word z,y
.hidden h
.data
d1: .dword z
.dword d1-main
.dword d2-d1
.set .LANCHOR0,. + 0
d2: .word 5, .LANCHOR0
.word -5, 1f-., 'a', 1+2*3<<1
1:
