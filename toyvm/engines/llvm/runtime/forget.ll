; `NativeCode.drop_page` for a page that is neither executable nor writable: drop its entry, the
; ranges that lead to its frame, and the runs that may contain it. If a neighbour's frame is
; adjacent, a new generation drops all runs. STALE_PAGES and GENERATION_STEPS record the dropped
; pages and generations for the engine, which updates its own tables before it uses them. `%stale` is
; the current value of STALE.

define internal preserve_mostcc void @forget(ptr %s, i64 %vpn, i64 %stale) nounwind noinline noimplicitfloat {
  %stale0 = add i64 %stale, {STATE_STALE_PAGES}
  %pstalepage = getelementptr i64, ptr %s, i64 %stale0
  store i64 %vpn, ptr %pstalepage
  %stale1 = add i64 %stale, 1
  %pstale = getelementptr i64, ptr %s, i64 {STATE_STALE}
  store i64 %stale1, ptr %pstale
  %pshadow = getelementptr i64, ptr %s, i64 {STATE_SHADOW}
  %shadow = load ptr, ptr %pshadow
  %entry = getelementptr {i64, i64}, ptr %shadow, i64 %vpn
  %delta = load i64, ptr %entry
  %known = icmp ne i64 %delta, 0
  br i1 %known, label %drop, label %done
drop:
  %prun = getelementptr i64, ptr %entry, i64 1
  store i64 0, ptr %entry
  store i64 0, ptr %prun
  %pbelow = getelementptr i64, ptr %entry, i64 -2
  %below = load i64, ptr %pbelow
  %pabove = getelementptr i64, ptr %entry, i64 2
  %above = load i64, ptr %pabove
  %likebelow = icmp eq i64 %below, %delta
  %likeabove = icmp eq i64 %above, %delta
  %like = or i1 %likebelow, %likeabove
  %more = zext i1 %like to i64
  %pgeneration = getelementptr i64, ptr %s, i64 {STATE_GENERATION}
  %generation = load i64, ptr %pgeneration
  %generation1 = add i64 %generation, %more
  store i64 %generation1, ptr %pgeneration
  %psteps = getelementptr i64, ptr %s, i64 {STATE_GENERATION_STEPS}
  %steps = load i64, ptr %psteps
  %steps1 = add i64 %steps, %more
  store i64 %steps1, ptr %psteps
  br label %next
next:
  %word = phi i64 [ {RANGES}, %drop ], [ %word1, %kept ]
  %range = getelementptr i64, ptr %s, i64 %word
  %pdelta = getelementptr i64, ptr %range, i64 {RANGE_DELTA}
  %leads = load i64, ptr %pdelta
  %there = icmp eq i64 %leads, %delta
  br i1 %there, label %clear, label %kept
clear:
  %pinside = getelementptr i64, ptr %range, i64 {RANGE_INSIDE}
  store i64 0, ptr %pinside
  br label %kept
kept:
  %word1 = add i64 %word, {RANGE_WORDS}
  %end = icmp eq i64 %word1, {RANGES_END}
  br i1 %end, label %done, label %next
done:
  ret void
}
