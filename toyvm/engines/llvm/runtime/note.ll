; Mark a group of pages that is about to get entries, and append it to the log if there is room.
; `native_tables.NativeTables` reads both.

define internal preserve_mostcc void @note(ptr %shadow, i64 %group) nounwind noinline noimplicitfloat {
  %marks = getelementptr i8, ptr %shadow, i64 {SHADOW_BYTES}
  %pmark = getelementptr i8, ptr %marks, i64 %group
  %marked = load i8, ptr %pmark
  %known = icmp ne i8 %marked, 0
  br i1 %known, label %done, label %new
new:
  store i8 1, ptr %pmark
  %log = getelementptr i8, ptr %shadow, i64 {SHADOW_LOG}
  %noted = load i64, ptr %log
  %room = icmp ult i64 %noted, {LOG_MOST}
  %noted1 = add i64 %noted, 1
  br i1 %room, label %enter, label %full
enter:
  %place = getelementptr i64, ptr %log, i64 %noted1
  store i64 %group, ptr %place
  store i64 %noted1, ptr %log
  ret void
full:
  store i64 {LOG_FULL}, ptr %log
  ret void
done:
  ret void
}
