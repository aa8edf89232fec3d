; The call of `refill` from regions: the state is in r12, the address in rax, and the result in rax.
; No other general register changes, so the code of a region is as good as without a call. rdi, rsi,
; rdx and r11 hold arguments, or are not saved by the calling convention of `refill`. A region has
; no red zone, and its stack may have any alignment.

define void @outside() naked nounwind {
  call void asm sideeffect "pushq %rbp; movq %rsp, %rbp; pushq %rdi; pushq %rsi; pushq %rdx; pushq %r11; movq %r12, %rdi; movq %rax, %rsi; movq {WANTED_BYTES}(%r12), %rdx; andq $$-16, %rsp; callq ${0:P}; leaq -32(%rbp), %rsp; popq %r11; popq %rdx; popq %rsi; popq %rdi; popq %rbp; retq", "s"(ptr @refill)
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
