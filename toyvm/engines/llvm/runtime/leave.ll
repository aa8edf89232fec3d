; The exit to Python: store registers and budget in the state.

define {CONVENTION} void @leave({ARGUMENTS}) nounwind {
{STORE_PASSED}
  %pleft = getelementptr i64, ptr %s, i64 {STATE_LEFT}
  store i64 %left0, ptr %pleft
  ret void
}
