# .reloc: relocations by name, at labels, at `.` and at offsets.

foo:	nop
	.reloc ., R_RISCV_CALL_PLT, foo
	nop
	nop
	.reloc foo+12, R_RISCV_32, bar+3
	.reloc 16, R_RISCV_NONE
	nop
	nop
	nop
bar:	nop
	.data
	.word 0
	.reloc .-4, R_RISCV_32, foo
	.word bar
	.reloc d2, BFD_RELOC_64, foo+5
	.section .d2, "aw"
d2:	.dword 0
	.reloc ., R_RISCV_64, 5
	.dword 0
