; The policy of a machine without a kernel: native code resolves no fault.

define internal preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes) nounwind noinline noimplicitfloat {
  ret i64 0
}
