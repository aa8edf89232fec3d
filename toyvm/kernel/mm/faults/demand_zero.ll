; First touches of anonymous memory, whose PTEs are 0. `window` returns the window that contains a
; page, or null. In a window, the kernel has declared what such a PTE means (`native_windows`).
; `zeroed` is `FrameAllocator.alloc_in_span` for a page of a window: a frame of zeros, or 0 if no
; frame is free.

define internal preserve_mostcc ptr @window(ptr %words, i64 %vpn) nounwind noinline noimplicitfloat {
  br label %next
next:
  %number = phi i64 [ {FRAMES_WINDOWS}, %0 ], [ %number1, %other ]
  %window = getelementptr i64, ptr %words, i64 %number
  %pfirst = getelementptr i64, ptr %window, i64 {WINDOW_FIRST}
  %first = load i64, ptr %pfirst
  %ppages = getelementptr i64, ptr %window, i64 {WINDOW_PAGES}
  %pages = load i64, ptr %ppages
  %offset = sub i64 %vpn, %first
  %inside = icmp ult i64 %offset, %pages
  br i1 %inside, label %found, label %other
other:
  %number1 = add i64 %number, {WINDOW_WORDS}
  %more = icmp ult i64 %number1, {FRAMES_WINDOWS_END}
  br i1 %more, label %next, label %fail
found:
  ret ptr %window
fail:
  ret ptr null
}

define internal preserve_mostcc i64 @zeroed(ptr %s, ptr %words, ptr %window, i64 %vpn) nounwind noinline noimplicitfloat {
  %pspan = getelementptr i64, ptr %window, i64 {WINDOW_SPAN}
  %span = load i64, ptr %pspan
  %nospan = icmp eq i64 %span, 0
  br i1 %nospan, label %anywhere, label %inspan
inspan:
  %pfirst = getelementptr i64, ptr %window, i64 {WINDOW_FIRST}
  %first = load i64, ptr %pfirst
  %offset = sub i64 %vpn, %first
  %wished = add i64 %span, %offset
  %pgiven = getelementptr i64, ptr %s, i64 {STATE_GIVEN}
  %given = load ptr, ptr %pgiven
  %pwished = getelementptr i8, ptr %given, i64 %wished
  %taken = load i8, ptr %pwished
  %free = icmp eq i8 %taken, 0
  br i1 %free, label %beside, label %anywhere
beside:
  call preserve_mostcc void @give(ptr %s, ptr %words, i64 %wished)
  ret i64 %wished
anywhere:
  %frame = call preserve_mostcc i64 @take(ptr %s, ptr %words)
  %none = icmp eq i64 %frame, 0
  br i1 %none, label %fail, label %clean
clean:
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load i64, ptr %pmemory
  %pa = shl i64 %frame, {PAGE_SHIFT}
  %address = add i64 %memory, %pa
  %cleaned = call {i64, i64, i64} asm sideeffect "rep stosq", "={di},={cx},={ax},0,1,2,~{memory},~{dirflag},~{fpsr},~{flags}"(i64 %address, i64 {FRAME_WORDS}, i64 0)
  ret i64 %frame
fail:
  ret i64 0
}
