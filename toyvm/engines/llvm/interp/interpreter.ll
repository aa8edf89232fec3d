; The interpreter's loop between handlers. `%op` is an operation, `%bias` + op / 8 its pc. Budgets are
; at least 1 in handlers.

; Entry from Python, by `enter`: continue at the state's PC.
define dso_local {CONVENTION} void @start({ARGUMENTS}) nounwind {
  %ppc = getelementptr i64, ptr %s, i64 {STATE_PC}
  %pc = load ptr, ptr %ppc
  musttail call {CONVENTION} void @seek(ptr %s, ptr %pc, i64 %left0, i64 0)
  ret void
}

; The exit of a region (LEAVE of the state). A region that has no native code for its next
; instruction, or not enough budget, continues here.
define dso_local {CONVENTION} void @left({ARGUMENTS}) nounwind {
{STORE_PASSED}
  %pstatus = getelementptr i64, ptr %s, i64 {STATE_STATUS}
  %status = load i64, ptr %pstatus
  %missed = icmp eq i64 %status, {MISS}
  br i1 %missed, label %out, label %on{UNLIKELY}
out:
  %pleft = getelementptr i64, ptr %s, i64 {STATE_LEFT}
  store i64 %left0, ptr %pleft
  ret void
on:
  %ppc = getelementptr i64, ptr %s, i64 {STATE_PC}
  %pc = load ptr, ptr %ppc
  %look = icmp eq i64 %status, {LOOKUP}
  br i1 %look, label %count, label %quiet
count:
  musttail call {CONVENTION} void @count(ptr %s, ptr %pc, i64 %left0, i64 0)
  ret void
quiet:
  musttail call {CONVENTION} void @seek(ptr %s, ptr %pc, i64 %left0, i64 0)
  ret void
}

; Continue at the address `%to`, whatever is there.
define dso_local {CONVENTION} void @seek(ptr %s, ptr %to, i64 %left0, i64 %unused) nounwind {
  %empty = icmp eq i64 %left0, 0
  br i1 %empty, label %spent, label %on{UNLIKELY}
spent:
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {BUDGET})
  ret void
on:
  %pc = ptrtoint ptr %to to i64
  %user = icmp ult i64 %pc, {USER_TOP}
  br i1 %user, label %look, label %page{LIKELY}
look:
  %pcode = getelementptr i64, ptr %s, i64 {STATE_CODE}
  %code = load ptr, ptr %pcode
  %vpn = lshr i64 %pc, {PAGE_SHIFT}
  %entry = getelementptr {i64, i64}, ptr %code, i64 %vpn
  %ops = load i64, ptr %entry
  %none = icmp eq i64 %ops, 0
  br i1 %none, label %page, label %there{UNLIKELY}
there:
  %inpage = and i64 %pc, {PAGE_MASK}
  %distance = shl i64 %inpage, 3
  %at = add i64 %ops, %distance
  %eighth = lshr i64 %at, 3
  %bias = sub i64 %pc, %eighth
  %op = inttoptr i64 %at to ptr
  %handler = load ptr, ptr %op
  musttail call {CONVENTION} void %handler(ptr %s, ptr %op, i64 %left0, i64 %bias)
  ret void
page:
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {PAGE})
  ret void
}

; A transfer to the address `%to`: enter its region, or count the arrival and continue.
define dso_local {CONVENTION} void @go(ptr %s, ptr %to, i64 %left0, i64 %unused) nounwind {
  %empty = icmp eq i64 %left0, 0
  br i1 %empty, label %quiet, label %on{UNLIKELY}
quiet:
  musttail call {CONVENTION} void @seek(ptr %s, ptr %to, i64 %left0, i64 0)
  ret void
on:
  %pjump = getelementptr i64, ptr %s, i64 {STATE_JUMP}
  %jump = load ptr, ptr %pjump
  %pc = ptrtoint ptr %to to i64
  %half = lshr i64 %pc, 1
  %index = and i64 %half, {JUMP_MASK}
  %slot = getelementptr {i64, ptr}, ptr %jump, i64 %index
  %known = load i64, ptr %slot
  %same = icmp eq i64 %known, %pc
  br i1 %same, label %region, label %other{UNLIKELY}
region:
  %pfunction = getelementptr {i64, ptr}, ptr %slot, i64 0, i32 1
  %function = load ptr, ptr %pfunction
  %bias = ptrtoint ptr %function to i64
  musttail call {CONVENTION} void @within(ptr %s, ptr %to, i64 %left0, i64 %bias)
  ret void
other:
  musttail call {CONVENTION} void @count(ptr %s, ptr %to, i64 %left0, i64 0)
  ret void
}

; Run the region at the host's address `%region`.
define dso_local {CONVENTION} void @within(ptr %s, ptr %to, i64 %left0, i64 %region) nounwind {
{LOAD_PASSED}
  %function = inttoptr i64 %region to ptr
  musttail call {CONVENTION} void %function({ARGUMENTS})
  ret void
}

; Count an arrival at the address `%to`, and continue there.
define dso_local {CONVENTION} void @count(ptr %s, ptr %to, i64 %left0, i64 %unused) nounwind {
  %parrivals = getelementptr i64, ptr %s, i64 {STATE_ARRIVALS}
  %arrivals = load ptr, ptr %parrivals
  %pc = ptrtoint ptr %to to i64
  %half = lshr i64 %pc, 1
  %index = and i64 %half, {ARRIVAL_MASK}
  %counter = getelementptr i32, ptr %arrivals, i64 %index
  %before = load i32, ptr %counter
  %after = sub i32 %before, 1
  store i32 %after, ptr %counter
  %hot = icmp eq i32 %after, 0
  br i1 %hot, label %hotly, label %on{UNLIKELY}
hotly:
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {ARRIVED})
  ret void
on:
  musttail call {CONVENTION} void @seek(ptr %s, ptr %to, i64 %left0, i64 0)
  ret void
}

; `go` to an operation of the same page.
define dso_local {CONVENTION} void @arrive(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %to = inttoptr i64 %pc to ptr
  %empty = icmp eq i64 %left0, 0
  br i1 %empty, label %quiet, label %on{UNLIKELY}
quiet:
  musttail call {CONVENTION} void @seek(ptr %s, ptr %to, i64 %left0, i64 0)
  ret void
on:
  %pjump = getelementptr i64, ptr %s, i64 {STATE_JUMP}
  %jump = load ptr, ptr %pjump
  %half = lshr i64 %pc, 1
  %index = and i64 %half, {JUMP_MASK}
  %slot = getelementptr {i64, ptr}, ptr %jump, i64 %index
  %known = load i64, ptr %slot
  %same = icmp eq i64 %known, %pc
  br i1 %same, label %region, label %other{UNLIKELY}
region:
  %pfunction = getelementptr {i64, ptr}, ptr %slot, i64 0, i32 1
  %function = load i64, ptr %pfunction
  musttail call {CONVENTION} void @within(ptr %s, ptr %to, i64 %left0, i64 %function)
  ret void
other:
  %parrivals = getelementptr i64, ptr %s, i64 {STATE_ARRIVALS}
  %arrivals = load ptr, ptr %parrivals
  %number = and i64 %half, {ARRIVAL_MASK}
  %counter = getelementptr i32, ptr %arrivals, i64 %number
  %before = load i32, ptr %counter
  %after = sub i32 %before, 1
  store i32 %after, ptr %counter
  %hot = icmp eq i32 %after, 0
  br i1 %hot, label %hotly, label %next{UNLIKELY}
hotly:
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {ARRIVED})
  ret void
next:
  %handler = load ptr, ptr %op
  musttail call {CONVENTION} void %handler(ptr %s, ptr %op, i64 %left0, i64 %bias)
  ret void
}

; The handler of operations without code: those after a page's end, and all of a page that has been
; dropped.
define dso_local {CONVENTION} void @sought(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %to = inttoptr i64 %pc to ptr
  musttail call {CONVENTION} void @seek(ptr %s, ptr %to, i64 %left0, i64 0)
  ret void
}

; The budget is used up before `%op`.
define dso_local {CONVENTION} void @spent(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %to = inttoptr i64 %pc to ptr
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {BUDGET})
  ret void
}

; The row's function must execute the instruction of `%op`.
define dso_local {CONVENTION} void @missed(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %to = inttoptr i64 %pc to ptr
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {MISS})
  ret void
}

; ecall.
define dso_local {CONVENTION} void @called(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %to = inttoptr i64 %pc to ptr
  musttail call {CONVENTION} void @out(ptr %s, ptr %to, i64 %left0, i64 {ECALL})
  ret void
}

; The exit to Python.
define dso_local {CONVENTION} void @out(ptr %s, ptr %pc, i64 %left0, i64 %status) nounwind {
  %ppc = getelementptr i64, ptr %s, i64 {STATE_PC}
  store ptr %pc, ptr %ppc
  %pleft = getelementptr i64, ptr %s, i64 {STATE_LEFT}
  store i64 %left0, ptr %pleft
  %pstatus = getelementptr i64, ptr %s, i64 {STATE_STATUS}
  store i64 %status, ptr %pstatus
  ret void
}

; The handler of operations that have not been executed: decode the instruction, and execute it.
define dso_local {CONVENTION} void @decode(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %pcode = getelementptr i64, ptr %s, i64 {STATE_CODE}
  %code = load ptr, ptr %pcode
  %vpn = lshr i64 %pc, {PAGE_SHIFT}
  %entry = getelementptr {i64, ptr}, ptr %code, i64 %vpn
  %phost = getelementptr i64, ptr %entry, i64 1
  %host = load ptr, ptr %phost
  %inpage = and i64 %pc, {PAGE_MASK}
  %place = getelementptr i8, ptr %host, i64 %inpage
  %low = load i16, ptr %place, align 1
  %kind = and i16 %low, 3
  %long = icmp eq i16 %kind, 3
  br i1 %long, label %whole, label %half
half:
  %short = zext i16 %low to i64
  br label %fill
whole:
  %last = icmp eq i64 %inpage, {LAST_PARCEL}
  br i1 %last, label %crosses, label %word{UNLIKELY}
crosses:
  store ptr @crossing, ptr %op
  musttail call {CONVENTION} void @crossing(ptr %s, ptr %op, i64 %left0, i64 %bias)
  ret void
word:
  %all = load i32, ptr %place, align 1
  %wide = zext i32 %all to i64
  br label %fill
fill:
  %bits = phi i64 [ %short, %half ], [ %wide, %word ]
  call preserve_mostcc void @fill(ptr %s, ptr %op, i64 %bits, i64 %inpage)
  %handler = load ptr, ptr %op
  musttail call {CONVENTION} void %handler(ptr %s, ptr %op, i64 %left0, i64 %bias)
  ret void
}

; An instruction that crosses into the next page: decode it at each execution, because its bytes
; belong to two pages.
define dso_local {CONVENTION} void @crossing(ptr %s, ptr %op, i64 %left0, i64 %bias) nounwind {
  %at = ptrtoint ptr %op to i64
  %eighth = lshr i64 %at, 3
  %pc = add i64 %eighth, %bias
  %second = add i64 %pc, 2
  %user = icmp ult i64 %second, {USER_TOP}
  br i1 %user, label %look, label %miss{LIKELY}
look:
  %pcode = getelementptr i64, ptr %s, i64 {STATE_CODE}
  %code = load ptr, ptr %pcode
  %vpn = lshr i64 %pc, {PAGE_SHIFT}
  %entry = getelementptr {i64, ptr}, ptr %code, i64 %vpn
  %phost = getelementptr i64, ptr %entry, i64 1
  %host = load ptr, ptr %phost
  %pnexthost = getelementptr i64, ptr %entry, i64 3
  %nexthost = load ptr, ptr %pnexthost
  %one = icmp ne ptr %host, null
  %two = icmp ne ptr %nexthost, null
  %both = and i1 %one, %two
  br i1 %both, label %read, label %miss{LIKELY}
read:
  %place = getelementptr i8, ptr %host, i64 {LAST_PARCEL}
  %low = load i16, ptr %place, align 1
  %high = load i16, ptr %nexthost, align 1
  %low32 = zext i16 %low to i64
  %high32 = zext i16 %high to i64
  %upper = shl i64 %high32, 16
  %bits = or i64 %low32, %upper
  %scratch = getelementptr i64, ptr %s, i64 {STATE_CROSSING}
  call preserve_mostcc void @fill(ptr %s, ptr %scratch, i64 %bits, i64 {FAR_AWAY})
  %there = ptrtoint ptr %scratch to i64
  %thereby = lshr i64 %there, 3
  %other = sub i64 %pc, %thereby
  %handler = load ptr, ptr %scratch
  musttail call {CONVENTION} void %handler(ptr %s, ptr %scratch, i64 %left0, i64 %other)
  ret void
miss:
  musttail call {CONVENTION} void @missed(ptr %s, ptr %op, i64 %left0, i64 %bias)
  ret void
}

; Decode an instruction's bits to an operation. `%place` is its offset in its page, which tells
; whether a jump stays inside.
define internal preserve_mostcc void @fill(ptr %s, ptr %op, i64 %bits, i64 %place) nounwind noinline {
  %kind = and i64 %bits, 3
  %long = icmp eq i64 %kind, 3
  %w = trunc i64 %bits to i32
  %f3 = lshr i64 %bits, 12
  %f3m = and i64 %f3, 7
  %f3s = shl i64 %f3m, 7
  %opcode = and i64 %bits, 127
  %key4 = or i64 %f3s, %opcode
  %c3 = lshr i64 %bits, 11
  %c3m = and i64 %c3, 28
  %key2low = or i64 %c3m, %kind
  %key2 = add i64 %key2low, 1024
  %key = select i1 %long, i64 %key4, i64 %key2
  %pbuckets = getelementptr i64, ptr %s, i64 {STATE_BUCKETS}
  %buckets = load ptr, ptr %pbuckets
  %pimage = getelementptr i64, ptr %s, i64 {STATE_IMAGE}
  %image = load ptr, ptr %pimage
  %pfirst = getelementptr i32, ptr %buckets, i64 %key
  %first = load i32, ptr %pfirst
  %first64 = zext i32 %first to i64
  %start = getelementptr i8, ptr %buckets, i64 %first64
  br label %try
try:
  %record = phi ptr [ %start, %0 ], [ %further, %no ]
  %mask = load i32, ptr %record
  %pmatch = getelementptr i32, ptr %record, i64 1
  %match = load i32, ptr %pmatch
  %masked = and i32 %w, %mask
  %fits = icmp eq i32 %masked, %match
  br i1 %fits, label %nonzero, label %no
nonzero:
  %pnonzero = getelementptr i32, ptr %record, i64 2
  %must = load i32, ptr %pnonzero
  %free = icmp eq i32 %must, 0
  %has = and i32 %w, %must
  %some = icmp ne i32 %has, 0
  %good = or i1 %free, %some
  br i1 %good, label %found, label %no
no:
  %further = getelementptr i32, ptr %record, i64 8
  br label %try
found:
  %pextract = getelementptr i32, ptr %record, i64 3
  %extract = load i32, ptr %pextract
  %extract64 = zext i32 %extract to i64
  %extractor = getelementptr i8, ptr %image, i64 %extract64
  call preserve_mostcc void %extractor(ptr %op, i32 %w)
  %pjumps = getelementptr i32, ptr %record, i64 7
  %jumps = load i32, ptr %pjumps
  %isjump = icmp ne i32 %jumps, 0
  br i1 %isjump, label %jump, label %done
jump:
  %pimm = getelementptr i8, ptr %op, i64 {OP_IMMEDIATE}
  %imm = load i32, ptr %pimm
  %place32 = trunc i64 %place to i32
  %target = add i32 %place32, %imm
  %inside = icmp ult i32 %target, {PAGE_SIZE}
  %back = icmp slt i32 %imm, 0
  %counted = select i1 %back, i64 5, i64 4
  %form = select i1 %inside, i64 %counted, i64 6
  %scaled = shl i32 %imm, 3
  %kept = select i1 %inside, i32 %scaled, i32 %imm
  store i32 %kept, ptr %pimm
  br label %done
done:
  %column = phi i64 [ 4, %found ], [ %form, %jump ]
  %phandler = getelementptr i32, ptr %record, i64 %column
  %offset = load i32, ptr %phandler
  %offset64 = zext i32 %offset to i64
  %handler = getelementptr i8, ptr %image, i64 %offset64
  store ptr %handler, ptr %op
  ret void
}
