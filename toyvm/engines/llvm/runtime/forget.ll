; `NativeCode.drop_page` for a page that is neither executable nor writable: drop its entry, the
; ranges that lead to its frame, and the runs that may contain it. If a neighbour's frame is
; adjacent, a new generation drops all runs. GONE and BUMPS record the dropped pages and generations
; for the engine, which updates its own tables before it uses them. `%gone` is the current value of
; GONE.

define internal preserve_mostcc void @forget(ptr %s, i64 %vpn, i64 %gone) nounwind noinline noimplicitfloat {
  %gone0 = add i64 %gone, {STATE_GONE_LIST}
  %pgonepage = getelementptr i64, ptr %s, i64 %gone0
  store i64 %vpn, ptr %pgonepage
  %gone1 = add i64 %gone, 1
  %pgone = getelementptr i64, ptr %s, i64 {STATE_GONE}
  store i64 %gone1, ptr %pgone
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
  %pbumps = getelementptr i64, ptr %s, i64 {STATE_BUMPS}
  %bumps = load i64, ptr %pbumps
  %bumps1 = add i64 %bumps, %more
  store i64 %bumps1, ptr %pbumps
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
