	.file "x.c"
	.option pic
	.text
.LC0x:
	.align 3
	.globl main
	.type main,@function
main:
	lla a0, foo
	la a1, foo
	la a2, main
	lui a0, %hi(foo)
	addi a0,a0,%lo(foo)
	beq a0,a1,main
	beqz a0,1f
1:	j 1b
	call main
	tail foo
	ld a0, bar
	sd a0, bar, t0
	beq a0,a1,far
.L5:	auipc a0,%pcrel_hi(foo)
	addi a0,a0,%pcrel_lo(.L5)
	.skip 8192
far:
	.align 4
	ret
.L6:
	.size main,.-main
	.section .rodata
	.align 3
.LC0: .string "hi"
	.word .L6-.L5
	.dword foo
	.byte .L6-.L5
	.ident "gcc"
