; `FrameAllocator` in native code, on the same `machine.frame_table`. `take` is the first part of
; `alloc(zeroed=False)`: a free frame, or 0 if `alloc` would have to reclaim. `give` marks a frame
; as used, advances NEXT, and advises the host as `FrameAllocator._give` does. `use` is the second part: it sets the reference count and the totals.

define internal preserve_mostcc i64 @take(ptr %s, ptr %words) nounwind noinline noimplicitfloat {
  %pfreed = getelementptr i64, ptr %words, i64 {FRAMES_FREED}
  %freed = load i64, ptr %pfreed
  %none = icmp eq i64 %freed, 0
  br i1 %none, label %fresh, label %pop
pop:
  %top = sub i64 %freed, 1
  store i64 %top, ptr %pfreed
  %pstack = getelementptr i64, ptr %s, i64 {STATE_FREED}
  %stack = load ptr, ptr %pstack
  %pframe = getelementptr i32, ptr %stack, i64 %top
  %frame32 = load i32, ptr %pframe
  %frame = zext i32 %frame32 to i64
  ret i64 %frame
fresh:
  %pnext = getelementptr i64, ptr %words, i64 {FRAMES_NEXT}
  %next = load i64, ptr %pnext
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  %there = icmp ult i64 %next, %frames
  br i1 %there, label %first, label %fail
first:
  call preserve_mostcc void @give(ptr %s, ptr %words, i64 %next)
  ret i64 %next
fail:
  ret i64 0
}

define internal preserve_mostcc void @give(ptr %s, ptr %words, i64 %frame) nounwind noinline noimplicitfloat {
  %pgiven = getelementptr i64, ptr %s, i64 {STATE_GIVEN}
  %given = load ptr, ptr %pgiven
  %pframe = getelementptr i8, ptr %given, i64 %frame
  store i8 1, ptr %pframe
  %phase = and i64 %frame, {DENSE}
  %dense = icmp eq i64 %phase, {DENSE}
  br i1 %dense, label %advise, label %advance
advise:
  call preserve_mostcc void @advise_after(ptr %s, i64 %frame)
  br label %advance
advance:
  %pnext = getelementptr i64, ptr %words, i64 {FRAMES_NEXT}
  %next = load i64, ptr %pnext
  %isnext = icmp eq i64 %frame, %next
  br i1 %isnext, label %scan, label %done
scan:
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  br label %look
look:
  %at = phi i64 [ %frame, %scan ], [ %after, %again ]
  %after = add i64 %at, 1
  %end = icmp uge i64 %after, %frames
  br i1 %end, label %found, label %again
again:
  %pafter = getelementptr i8, ptr %given, i64 %after
  %used = load i8, ptr %pafter
  %free = icmp eq i8 %used, 0
  br i1 %free, label %found, label %look
found:
  store i64 %after, ptr %pnext
  ret void
done:
  ret void
}

; `PhysicalMemory.advise_after`: madvise(2) of the next block.
define internal preserve_mostcc void @advise_after(ptr %s, i64 %frame) nounwind noinline noimplicitfloat {
  %last = or i64 %frame, {HUGE_MASK}
  %first = add i64 %last, 1
  %end = add i64 %last, {HUGE_FRAMES}
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  %there = icmp ult i64 %end, %frames
  br i1 %there, label %ask, label %done
ask:
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load i64, ptr %pmemory
  %pa = shl i64 %first, {PAGE_SHIFT}
  %address = add i64 %memory, %pa
  %asked = call i64 asm sideeffect "syscall", "={ax},{ax},{di},{si},{dx},~{rcx},~{r11},~{memory},~{dirflag},~{fpsr},~{flags}"(i64 {SYS_MADVISE}, i64 %address, i64 {HUGE_BYTES}, i64 {MADV_HUGEPAGE})
  br label %done
done:
  ret void
}

define internal preserve_mostcc void @use(ptr %s, ptr %words, i64 %frame) nounwind noinline noimplicitfloat {
  %prefs = getelementptr i64, ptr %s, i64 {STATE_REFS}
  %refs = load ptr, ptr %prefs
  %pcount = getelementptr i32, ptr %refs, i64 %frame
  store i32 1, ptr %pcount
  %pused = getelementptr i64, ptr %words, i64 {FRAMES_USED}
  %used = load i64, ptr %pused
  %used1 = add i64 %used, 1
  store i64 %used1, ptr %pused
  %ppeak = getelementptr i64, ptr %words, i64 {FRAMES_PEAK}
  %peak = load i64, ptr %ppeak
  %higher = icmp ugt i64 %used1, %peak
  %peak1 = select i1 %higher, i64 %used1, i64 %peak
  store i64 %peak1, ptr %ppeak
  %pbirths = getelementptr i64, ptr %words, i64 {FRAMES_BIRTHS}
  %births = load i64, ptr %pbirths
  %births1 = add i64 %births, 1
  store i64 %births1, ptr %pbirths
  %pborn = getelementptr i64, ptr %s, i64 {STATE_BORN}
  %born = load ptr, ptr %pborn
  %pbirth = getelementptr i64, ptr %born, i64 %frame
  store i64 %births1, ptr %pbirth
  ret void
}
