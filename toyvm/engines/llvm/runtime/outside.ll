; The call of `refill` from regions: the state is in r12, the address in rax, and the result in rax.
; No other general register changes, so the code of a region is as good as without a call. A region
; has no red zone, and its stack may have any alignment.
;
; The first part is `refill` for the most common access: it is inside a page with an entry, may have
; any alignment, and its range still has patience. The second part calls `refill`: rdi, rsi, rdx and
; r11 hold arguments, or are not saved by its calling convention.

define void @outside() naked nounwind {
  call void asm sideeffect "pushq %rdx; pushq %rsi; pushq %rdi; movq %rax, %rsi; shrq $${PAGE_SHIFT}, %rsi; cmpq $${SHADOW_PAGES}, %rsi; jae 2f; movq {WANTED_BYTES}(%r12), %rdx; testb $${WANTED_ALIGNED}, %dl; jne 2f; shlq $${ENTRY_SHIFT}, %rsi; addq {SHADOW_WORD_BYTES}(%r12), %rsi; testb $${WANTED_WRITE}, %dl; je 1f; addq $${WRITES}, %rsi; 1: movl %edx, %edi; andl $${WANTED_SIZE}, %edi; leal -1(%rdi,%rax), %edi; xorl %eax, %edi; testl $${BEYOND_PAGE}, %edi; jne 2f; movq (%rsi), %rdi; testq %rdi, %rdi; je 2f; shrq $${WANTED_WORD_SHIFT}, %rdx; decl {PATIENCE_BYTES}(%r12,%rdx,8); js 2f; movq %rdi, %rax; popq %rdi; popq %rsi; popq %rdx; retq; 2: pushq %rbp; movq %rsp, %rbp; pushq %r11; movq %r12, %rdi; movq %rax, %rsi; movq {WANTED_BYTES}(%r12), %rdx; andq $$-16, %rsp; callq ${0:P}; movq -8(%rbp), %r11; leaveq; popq %rdi; popq %rsi; popq %rdx; retq", "s"(ptr @refill)
  unreachable
}

; The call of the kernel from `refill`: it calls the fifth argument with the first four, and saves
; the vector registers. So for a region an access clobbers no register, and its inline assembly
; needs no list of clobbers. LLVM compares each name in such a list with all registers of the host,
; which would take a third of its time.

define internal i64 @asking(i64 %va, i64 %writes, i64 %pc, i64 %left, ptr %kernel) naked nounwind noinline {
  call void asm sideeffect "pushq %rbp; movq %rsp, %rbp; {SAVE_VECTORS}; callq *%r8; {RESTORE_VECTORS}; movq %rbp, %rsp; popq %rbp; retq", ""()
  unreachable
}
