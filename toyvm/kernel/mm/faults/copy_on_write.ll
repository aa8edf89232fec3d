; A copy of the shared frame `%old`; 0 if no frame is free. The caller drops its reference to
; `%old`.

define internal i64 @copy(ptr %s, ptr %words, i64 %old) alwaysinline nounwind {
  %new = call preserve_mostcc i64 @take(ptr %s, ptr %words)
  %none = icmp eq i64 %new, 0
  br i1 %none, label %fail, label %taken
taken:
  call preserve_mostcc void @use(ptr %s, ptr %words, i64 %new)
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load i64, ptr %pmemory
  %oldpa = shl i64 %old, {PAGE_SHIFT}
  %newpa = shl i64 %new, {PAGE_SHIFT}
  %from = add i64 %memory, %oldpa
  %to = add i64 %memory, %newpa
  %moved = call {i64, i64, i64} asm sideeffect "rep movsq", "={di},={cx},={si},0,1,2,~{memory},~{dirflag},~{fpsr},~{flags}"(i64 %to, i64 {FRAME_WORDS}, i64 %from)
  ret i64 %new
fail:
  ret i64 0
}
