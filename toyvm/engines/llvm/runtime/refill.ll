; An access outside its range. The result is host address - virtual address for `%va`, or 0 if the
; reference engine must execute the access.
;
; `%wanted` describes the access: its size, whether it must be aligned, whether it writes, and the
; first word of its range (the WANTED_ constants of `state_layout`). An access may cross into the
; next page if the frames are adjacent. The run around a page is extended over the runs of its
; neighbours, a few at a time, and stored with the page. So a repeated access finds a longer run.
;
; A page with watched bytes has no entry. Accesses to its other bytes are made here; the reference
; engine executes those to watched bytes, and those that cross from or into such a page.
;
; If the shadow table and the page tables have no entry, this is a page fault. The kernel's policy
; in native code (`resolve`) resolves the most common faults. For the others, the kernel is called
; while native code waits, with MXCSR's default value. Faults of atomic accesses, and of accesses
; that cross pages, are left to the reference engine; a fault also ends a reservation.

define preserve_mostcc i64 @refill(ptr %s, i64 %va, i64 %wanted) nounwind noinline noimplicitfloat {
  %mxcsr = alloca i32
  %plain = alloca i32
  %size = and i64 %wanted, {WANTED_SIZE}
  %less = sub i64 %size, 1
  %user = icmp ult i64 %va, {USER_TOP}
  br i1 %user, label %alignment, label %fail{LIKELY}
alignment:
  %aligned = lshr i64 %wanted, {WANTED_ALIGNED_SHIFT}
  %strict = and i64 %aligned, 1
  %zero = sub i64 0, %strict
  %low = and i64 %va, %less
  %odd = and i64 %low, %zero
  %bad = icmp ne i64 %odd, 0
  br i1 %bad, label %fail, label %look{UNLIKELY}
look:
  %pshadow = getelementptr i64, ptr %s, i64 {STATE_SHADOW}
  %shadow = load ptr, ptr %pshadow
  %writes = and i64 %wanted, {WANTED_WRITE}
  %bias = shl i64 %writes, {WRITE_SHIFT}
  %table = getelementptr i8, ptr %shadow, i64 %bias
  %pgeneration = getelementptr i64, ptr %s, i64 {STATE_GENERATION}
  %generation = load i64, ptr %pgeneration
  %vpn = lshr i64 %va, {PAGE_SHIFT}
  %entry = getelementptr {i64, i64}, ptr %table, i64 %vpn
  %delta0 = load i64, ptr %entry
  %absent = icmp eq i64 %delta0, 0
  %word = lshr i64 %wanted, {WANTED_WORD_SHIFT}
  %pfirst = getelementptr i64, ptr %s, i64 %word
  br i1 %absent, label %walk, label %patient{UNLIKELY}
patient:
  %ppatience = getelementptr i64, ptr %pfirst, i64 {RANGE_PATIENCE}
  %patience0 = load i32, ptr %ppatience
  %patience1 = sub i32 %patience0, 1
  store i32 %patience1, ptr %ppatience
  %tired = icmp slt i32 %patience1, 0
  %offset = and i64 %va, {PAGE_MASK}
  %beyondit = add i64 %offset, %size
  %crosses = icmp ugt i64 %beyondit, {PAGE_SIZE}
  %search = or i1 %tired, %crosses
  br i1 %search, label %begin, label %quick
quick:
  ret i64 %delta0
walk:
  %delta1 = call preserve_mostcc i64 @page(ptr %s, i64 %vpn, i64 %writes, ptr %entry)
  %wrong = icmp eq i64 %delta1, 0
  br i1 %wrong, label %fault, label %filled{UNLIKELY}
filled:
  %entered = load i64, ptr %entry
  %kept = icmp ne i64 %entered, 0
  br i1 %kept, label %begin, label %exact{LIKELY}
exact:
  %place = and i64 %va, {PAGE_MASK}
  %placeend = add i64 %place, %size
  %split = icmp ugt i64 %placeend, {PAGE_SIZE}
  %hit = call preserve_mostcc i64 @watched(ptr %s, i64 %va, i64 %size)
  %ishit = icmp ne i64 %hit, 0
  %slow = or i1 %split, %ishit
  br i1 %slow, label %fail, label %direct
direct:
  ret i64 %delta1
fault:
  %inpage = and i64 %va, {PAGE_MASK}
  %afterlast = add i64 %inpage, %size
  %onepage = icmp ule i64 %afterlast, {PAGE_SIZE}
  %lenient = icmp eq i64 %strict, 0
  %asks = and i1 %onepage, %lenient
  br i1 %asks, label %own, label %fail
own:
  %owned = call preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes)
  %settled = icmp ne i64 %owned, 0
  br i1 %settled, label %look, label %ask
ask:
  %pask = getelementptr i64, ptr %s, i64 {STATE_FAULT}
  %kernel = load ptr, ptr %pask
  call void @llvm.x86.sse.stmxcsr(ptr %mxcsr)
  store i32 {MXCSR_PLAIN}, ptr %plain
  call void @llvm.x86.sse.ldmxcsr(ptr %plain)
  %ppc = getelementptr i64, ptr %s, i64 {STATE_AT}
  %pc = load i64, ptr %ppc
  %pleft = getelementptr i64, ptr %s, i64 {STATE_REST}
  %left = load i64, ptr %pleft
  %answer = call i64 @asking(i64 %va, i64 %writes, i64 %pc, i64 %left, ptr %kernel)
  call void @llvm.x86.sse.ldmxcsr(ptr %mxcsr)
  %resolved = icmp ne i64 %answer, 0
  br i1 %resolved, label %look, label %fail
begin:
  %delta = phi i64 [ %delta0, %patient ], [ %delta1, %filled ]
  %prun = getelementptr i64, ptr %entry, i64 1
  %run = load i64, ptr %prun
  %rungen = lshr i64 %run, {GENERATION_SHIFT}
  %current = icmp eq i64 %rungen, %generation
  %runfirst = and i64 %run, {SHADOW_PAGE_MASK}
  %runshift = lshr i64 %run, {RUN_LENGTH_SHIFT}
  %runlength = and i64 %runshift, {SHADOW_PAGE_MASK}
  %runend = add i64 %runfirst, %runlength
  %next = add i64 %vpn, 1
  %first0 = select i1 %current, i64 %runfirst, i64 %vpn
  %end0 = select i1 %current, i64 %runend, i64 %next
  br label %up
up:
  %end = phi i64 [ %end0, %begin ], [ %end1, %further ]
  %tries = phi i64 [ 0, %begin ], [ %tries1, %further ]
  %uptop = icmp uge i64 %end, {SHADOW_PAGES}
  br i1 %uptop, label %downs, label %above
above:
  %eabove = getelementptr {i64, i64}, ptr %table, i64 %end
  %dabove = load i64, ptr %eabove
  %same = icmp eq i64 %dabove, %delta
  %few = icmp ult i64 %tries, 8
  %on = and i1 %same, %few
  br i1 %on, label %further, label %downs
further:
  %pabove = getelementptr i64, ptr %eabove, i64 1
  %rabove = load i64, ptr %pabove
  %gabove = lshr i64 %rabove, {GENERATION_SHIFT}
  %cabove = icmp eq i64 %gabove, %generation
  %fabove = and i64 %rabove, {SHADOW_PAGE_MASK}
  %sabove = lshr i64 %rabove, {RUN_LENGTH_SHIFT}
  %labove = and i64 %sabove, {SHADOW_PAGE_MASK}
  %nabove = add i64 %fabove, %labove
  %oneabove = add i64 %end, 1
  %end1 = select i1 %cabove, i64 %nabove, i64 %oneabove
  %tries1 = add i64 %tries, 1
  br label %up
downs:
  br label %down
down:
  %first = phi i64 [ %first0, %downs ], [ %first1, %lower ]
  %dtries = phi i64 [ 0, %downs ], [ %dtries1, %lower ]
  %bottom = icmp eq i64 %first, 0
  br i1 %bottom, label %found, label %below
below:
  %before = sub i64 %first, 1
  %ebelow = getelementptr {i64, i64}, ptr %table, i64 %before
  %dbelow = load i64, ptr %ebelow
  %dsame = icmp eq i64 %dbelow, %delta
  %dfew = icmp ult i64 %dtries, 8
  %don = and i1 %dsame, %dfew
  br i1 %don, label %lower, label %found
lower:
  %pbelow = getelementptr i64, ptr %ebelow, i64 1
  %rbelow = load i64, ptr %pbelow
  %gbelow = lshr i64 %rbelow, {GENERATION_SHIFT}
  %cbelow = icmp eq i64 %gbelow, %generation
  %fbelow = and i64 %rbelow, {SHADOW_PAGE_MASK}
  %first1 = select i1 %cbelow, i64 %fbelow, i64 %before
  %dtries1 = add i64 %dtries, 1
  br label %down
found:
  %pages = sub i64 %end, %first
  %w0 = shl i64 %pages, {RUN_LENGTH_SHIFT}
  %w1 = shl i64 %generation, {GENERATION_SHIFT}
  %w2 = or i64 %first, %w0
  %w3 = or i64 %w1, %w2
  store i64 %w3, ptr %prun
  %start = shl i64 %first, {PAGE_SHIFT}
  %bytes = shl i64 %pages, {PAGE_SHIFT}
  %inside = sub i64 %bytes, 7
  %pinside = getelementptr i64, ptr %pfirst, i64 {RANGE_INSIDE}
  %pdelta = getelementptr i64, ptr %pfirst, i64 {RANGE_DELTA}
  %ppatience1 = getelementptr i64, ptr %pfirst, i64 {RANGE_PATIENCE}
  %counters = load i64, ptr %ppatience1
  %strikes = lshr i64 %counters, {STRIKES_SHIFT}
  %insidenow = load i64, ptr %pinside
  %shorter = icmp ult i64 %inside, %insidenow
  %early = icmp ult i64 %strikes, {STRIKES_MOST}
  %keep = and i1 %shorter, %early
  br i1 %keep, label %strike, label %replace
strike:
  %strikes1 = shl i64 %strikes, {STRIKES_SHIFT}
  %counters1 = add i64 %strikes1, {STRIKE_AND_PATIENCE}
  store i64 %counters1, ptr %ppatience1
  br label %stored
replace:
  store i64 %start, ptr %pfirst
  store i64 %inside, ptr %pinside
  store i64 %delta, ptr %pdelta
  store i64 {PATIENCE}, ptr %ppatience1
  br label %stored
stored:
  %lastbyte = add i64 %va, %less
  %lastpage = lshr i64 %lastbyte, {PAGE_SHIFT}
  %within = icmp ult i64 %lastpage, %end
  br i1 %within, label %done, label %crossing{LIKELY}
done:
  ret i64 %delta
crossing:
  %beyond = icmp uge i64 %lastpage, {SHADOW_PAGES}
  br i1 %beyond, label %fail, label %second
second:
  %entry2 = getelementptr {i64, i64}, ptr %table, i64 %lastpage
  %known2 = load i64, ptr %entry2
  %absent2 = icmp eq i64 %known2, 0
  br i1 %absent2, label %walk2, label %both
walk2:
  %walked2 = call preserve_mostcc i64 @page(ptr %s, i64 %lastpage, i64 %writes, ptr %entry2)
  %entered2 = load i64, ptr %entry2
  %absent3 = icmp eq i64 %entered2, 0
  br i1 %absent3, label %fail, label %both
both:
  %delta2 = phi i64 [ %known2, %second ], [ %walked2, %walk2 ]
  %neighbours = icmp eq i64 %delta2, %delta
  br i1 %neighbours, label %done, label %fail
fail:
  ret i64 0
}
