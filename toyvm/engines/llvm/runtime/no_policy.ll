; In place of a kernel's policy, on a machine without a kernel: no fault is resolved here.

define internal preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes) nounwind noinline noimplicitfloat {
  ret i64 0
}
