; The call of a region from Python. It loads registers and budget from the state, and sets MXCSR for
; the guest while the region runs. Then it adds the collected flags to fcsr and restores MXCSR.

declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define void @enter(ptr %s, ptr %region) nounwind strictfp {
  %host = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %host)
  %pfcsr = getelementptr i64, ptr %s, i64 {STATE_FCSR}
  %fcsr = load i64, ptr %pfcsr
  %guest = call i32 @mxcsr_of_fcsr(i64 %fcsr)
  %pmxcsr = getelementptr i64, ptr %s, i64 {STATE_MXCSR}
  store i32 %guest, ptr %pmxcsr
  call void @llvm.x86.sse.ldmxcsr(ptr %pmxcsr)
  %pleft = getelementptr i64, ptr %s, i64 {STATE_LEFT}
  %left0 = load i64, ptr %pleft
{LOAD_PASSED}
  call {CONVENTION} void %region({ARGUMENTS})
  %before = load i64, ptr %pfcsr
  call void @llvm.x86.sse.stmxcsr(ptr %pmxcsr)
  %mxcsr = load i32, ptr %pmxcsr
  %raised = call i64 @fflags_of_mxcsr(i32 %mxcsr)
  %after = or i64 %before, %raised
  store i64 %after, ptr %pfcsr
  call void @llvm.x86.sse.ldmxcsr(ptr %host)
  ret void
}

; MXCSR without flags, in the rounding mode of fcsr, which the host must have. `ModeText` prints the
; same for regions.
define internal i32 @mxcsr_of_fcsr(i64 %fcsr) alwaysinline nounwind {
  %above = lshr i64 %fcsr, 4
  %shift = and i64 %above, 6 ; twice the mode
  %moved = lshr i64 {ROUNDING_CONTROLS}, %shift
  %mode = and i64 %moved, 3
  %placed = shl i64 %mode, {ROUNDING_SHIFT}
  %whole = or i64 %placed, {MXCSR_PLAIN}
  %mxcsr = trunc i64 %whole to i32
  ret i32 %mxcsr
}

; MXCSR's flags (PE UE OE ZE DE IE, highest first) as fflags (NV DZ OF UF NX). `ModeText` prints the
; same for regions.
define internal i64 @fflags_of_mxcsr(i32 %mxcsr) alwaysinline nounwind {
  %pe = and i32 %mxcsr, 32
  %nx = lshr i32 %pe, 5
  %ue = lshr i32 %mxcsr, 3
  %uf = and i32 %ue, 2
  %flags1 = or i32 %nx, %uf
  %oe = lshr i32 %mxcsr, 1
  %of = and i32 %oe, 4
  %flags2 = or i32 %flags1, %of
  %ze = shl i32 %mxcsr, 1
  %dz = and i32 %ze, 8
  %flags3 = or i32 %flags2, %dz
  %ie = shl i32 %mxcsr, 4
  %nv = and i32 %ie, 16
  %flags4 = or i32 %flags3, %nv
  %flags = zext i32 %flags4 to i64
  ret i64 %flags
}
