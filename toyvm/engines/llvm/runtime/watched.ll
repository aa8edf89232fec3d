; Whether any of the `%length` bytes at `%va` is watched (WATCHES of `state_layout`); without watched
; memory it is one load and one branch.

define internal preserve_mostcc i64 @watched(ptr %s, i64 %va, i64 %length) nounwind noimplicitfloat {
  %pcount = getelementptr i64, ptr %s, i64 {STATE_WATCHES}
  %count = load i64, ptr %pcount
  %none = icmp eq i64 %count, 0
  br i1 %none, label %no, label %some{LIKELY}
some:
  %end = add i64 %va, %length
  %ranges = getelementptr i64, ptr %s, i64 {STATE_WATCHED}
  br label %next
next:
  %number = phi i64 [ 0, %some ], [ %number1, %apart ]
  %word = shl i64 %number, 1
  %pfirst = getelementptr i64, ptr %ranges, i64 %word
  %first = load i64, ptr %pfirst
  %pafter = getelementptr i64, ptr %pfirst, i64 1
  %after = load i64, ptr %pafter
  %begins = icmp ult i64 %va, %after
  %reaches = icmp ugt i64 %end, %first
  %overlap = and i1 %begins, %reaches
  br i1 %overlap, label %yes, label %apart
apart:
  %number1 = add i64 %number, 1
  %last = icmp eq i64 %number1, %count
  br i1 %last, label %no, label %next
yes:
  ret i64 1
no:
  ret i64 0
}
