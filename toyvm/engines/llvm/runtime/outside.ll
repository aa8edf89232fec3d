; How regions call `refill`: the state is in r12, the address in rax, and the result in rax. No other general register changes, so
; that the code of a region is as if there were no call. rdi, rsi, rdx and r11 are what arguments go in, or what the convention of
; `refill` does not save. A region has no red zone and may have any alignment of its stack.

define void @outside() naked nounwind {
  call void asm sideeffect "pushq %rbp; movq %rsp, %rbp; pushq %rdi; pushq %rsi; pushq %rdx; pushq %r11; movq %r12, %rdi; movq %rax, %rsi; movq {WANTED_BYTES}(%r12), %rdx; andq $$-16, %rsp; callq ${0:P}; leaq -32(%rbp), %rsp; popq %r11; popq %rdx; popq %rsi; popq %rdi; popq %rbp; retq", "s"(ptr @refill)
  unreachable
}

; How `refill` calls the kernel, the fifth argument, with the four before it. No vector register changes. So for a region an access
; changes no register at all, and need not name those that it might change: LLVM compares the name of each with those of all
; registers of the host, which was a third of its time.

define internal i64 @asking(i64 %va, i64 %writes, i64 %pc, i64 %left, ptr %kernel) naked nounwind noinline {
  call void asm sideeffect "pushq %rbp; movq %rsp, %rbp; {SAVE_VECTORS}; callq *%r8; {RESTORE_VECTORS}; movq %rbp, %rsp; popq %rbp; retq", ""()
  unreachable
}
