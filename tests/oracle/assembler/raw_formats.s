# .insn: every format, and instructions of 2 to 22 bytes.

	.insn r 0x33, 0, 0, a0, a1, a2
	.insn r OP_FP, 7, 0x20, fa0, fa1, fa2
	.insn r OP_FP, 7, 0x20, fa0, a1, fa2
	.insn r4 MADD, 1, 2, a0, a1, a2, a3
	.insn r4 0x43, 1, 2, fa0, fa1, fa2, fa3
	.insn r MADD, 1, 2, a0, a1, a2, a3
	.insn i OP_IMM, 0, a0, a1, 13
	.insn i LOAD, 3, a0, 4(a1)
	.insn i LOAD_FP, 3, fa0, 4(a1)
	.insn i LOAD, 3, a0, %lo(foo)(a1)
	.insn i OP_IMM, 0, a0, a1, %lo(foo)
	.insn s STORE, 3, a0, 4(a1)
	.insn s STORE_FP, 3, fa0, %lo(foo)(a1)
	.insn sb BRANCH, 1, a0, a1, foo
	.insn b BRANCH, 1, a0, a1, undef
	.insn b CUSTOM_0, 1, a0, a1, foo
	.insn u LUI, a0, 0xfff
	.insn u LUI, a0, %hi(foo)
	.insn uj JAL, a0, foo
	.insn j CUSTOM_1, a0, undef
	.option rvc
	.insn cr C2, 8, a0, a1
	.insn cr 2, 9, fa0, a1
	.insn ci C1, 0, a0, 4
	.insn ci C1, 2, a0, -4
	.insn ciw C0, 0, a0, 1
	.insn ciw C0, 7, fa1, 255
	.insn css C2, 6, a0, 1
	.insn css C2, 6, fa0, 63
	.insn cl C0, 2, a0, 4(a1)
	.insn cl C0, 2, fa0, 0(a1)
	.insn cs C0, 6, a0, 31(a1)
	.insn cs C0, 6, fa0, 0(a1)
	.insn ca C1, 0x23, 0, a0, a1
	.insn ca C1, 0x23, 3, fa0, fa1
	.insn cb C1, 6, a0, foo
	.insn cb C1, 7, a0, far
	.insn cj C1, 5, foo
foo:
	nop
	.insn cj C1, 5, foo
	.insn 0x13
	.insn 2, 1
	.insn 6, 0x1f
	.insn 0x123456789a1f
	.insn 8, 0x123456780000003f
	.insn 10, 0x1234567890abcdef007f
	.insn 0x607f
	.skip 5000
far:	nop
