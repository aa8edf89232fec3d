.insn r 0x33, 0, 0, a0, a1, a2
.insn i 0x13, 0, a0, a1, -5
.insn s 0x23, 0, a0, 4(a1)
.insn b 0x63, 0, a0, a1, near
.insn sb 0x63, 1, a0, a1, near
.insn u 0x37, a0, 0xfff
.insn j 0x6f, a0, near
.insn uj 0x6f, a0, near
.insn 0x00000013
.insn 4, 0x00000013
near: .word . - near
.option push
.option norelax
call f
.option pop
call f
.option pic
la a0, f
.option nopic
la a0, f
.word f - near + 4
1:
.p2align 3
.set here, .
.word here - near
.size f, 12
.comm c16,100
.weak w2
.word w2
.section .foo,"a",%progbits
.word 1
.text
j c16
beqz a0, w2
bnez a0, here+4
