; `Mmu.translate` in native code: walk the tables, set A and D, and fill the entry `%entry` of the
; shadow table. A megapage (a leaf of level 1, which spans two marks) fills the entries of all its
; pages at once, with their run, and counts as one miss. A page with watched bytes, or a megapage with
; some, gets no entry.
;
; The result is host address - virtual address. It is 0 for every exception (no valid entry, a
; misaligned megapage, a missing permission); the reference engine raises it.

define internal preserve_mostcc i64 @page(ptr %s, i64 %vpn, i64 %writes, ptr %entry) nounwind noinline noimplicitfloat {
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load i64, ptr %pmemory
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  %iswrite = icmp ne i64 %writes, 0
  %walked = call {ptr, i64, i64} @walk(ptr %s, i64 %vpn)
  %slot = extractvalue {ptr, i64, i64} %walked, 0
  %pte = extractvalue {ptr, i64, i64} %walked, 1
  %shift = extractvalue {ptr, i64, i64} %walked, 2
  %nowhere = icmp eq ptr %slot, null
  br i1 %nowhere, label %fail, label %found
found:
  %v = and i64 %pte, {PTE_V}
  %isv = icmp ne i64 %v, 0
  br i1 %isv, label %valid, label %fail
valid:
  %reserved = lshr i64 %pte, {PTE_RESERVED_SHIFT}
  %isreserved = icmp ne i64 %reserved, 0
  br i1 %isreserved, label %fail, label %size
size:
  %frame = lshr i64 %pte, {PPN_SHIFT}
  %page = icmp eq i64 %shift, 0
  %mega = icmp eq i64 %shift, {LEVEL_BITS}
  %ordinary = or i1 %page, %mega
  br i1 %ordinary, label %alignment, label %fail
alignment:
  %within = select i1 %mega, i64 {TABLE_MASK}, i64 0
  %astray = and i64 %frame, %within
  %aligned = icmp eq i64 %astray, 0
  br i1 %aligned, label %permission, label %fail
permission:
  %rw = and i64 %pte, {PTE_RW}
  %reservedpair = icmp eq i64 %rw, {PTE_W}
  br i1 %reservedpair, label %fail, label %granted
granted:
  %needed = select i1 %iswrite, i64 {PTE_UW}, i64 {PTE_UR}
  %got = and i64 %pte, %needed
  %allowed = icmp eq i64 %got, %needed
  br i1 %allowed, label %range, label %fail
range:
  %lastframe = or i64 %frame, %within
  %there = icmp ult i64 %lastframe, %frames
  br i1 %there, label %mark, label %fail
mark:
  %bits = select i1 %iswrite, i64 {PTE_AD}, i64 {PTE_A}
  %touched = or i64 %pte, %bits
  store i64 %touched, ptr %slot
  %framepa = shl i64 %frame, {PAGE_SHIFT}
  %host = add i64 %memory, %framepa
  %inside = and i64 %vpn, %within
  %firstvpn = sub i64 %vpn, %inside
  %pageva = shl i64 %firstvpn, {PAGE_SHIFT}
  %delta = sub i64 %host, %pageva
  %pages = add i64 %within, 1
  %length = shl i64 %pages, {PAGE_SHIFT}
  %watched = call preserve_mostcc i64 @watched(ptr %s, i64 %pageva, i64 %length)
  %iswatched = icmp ne i64 %watched, 0
  br i1 %iswatched, label %left, label %enter{UNLIKELY}
left:
  ret i64 %delta
enter:
  %pshadow = getelementptr i64, ptr %s, i64 {STATE_SHADOW}
  %shadow = load ptr, ptr %pshadow
  %marks = getelementptr i8, ptr %shadow, i64 {SHADOW_BYTES}
  %markno = lshr i64 %vpn, {MARK_BITS}
  %pmark = getelementptr i8, ptr %marks, i64 %markno
  %marked = load i8, ptr %pmark
  %unmarked = icmp eq i8 %marked, 0
  br i1 %unmarked, label %newgroup, label %noted
newgroup:
  call preserve_mostcc void @note(ptr %shadow, i64 %markno)
  br label %noted
noted:
  store i64 %delta, ptr %entry
  br i1 %mega, label %megapage, label %counted{UNLIKELY}
megapage:
  %pgeneration = getelementptr i64, ptr %s, i64 {STATE_GENERATION}
  %generation = load i64, ptr %pgeneration
  %w0 = shl i64 %generation, {GENERATION_SHIFT}
  %w1 = or i64 %firstvpn, %w0
  %run = add i64 %w1, {RUN_OF_MEGAPAGE}
  %back = sub i64 0, %inside
  %entries = getelementptr {i64, i64}, ptr %entry, i64 %back
  %firstmark = lshr i64 %firstvpn, {MARK_BITS}
  call preserve_mostcc void @note(ptr %shadow, i64 %firstmark)
  %secondmark = add i64 %firstmark, 1
  call preserve_mostcc void @note(ptr %shadow, i64 %secondmark)
  br label %fill
fill:
  %number = phi i64 [ 0, %megapage ], [ %number1, %fill ]
  %pdelta = getelementptr {i64, i64}, ptr %entries, i64 %number
  %prun = getelementptr i64, ptr %pdelta, i64 1
  store i64 %delta, ptr %pdelta
  store i64 %run, ptr %prun
  %number1 = add i64 %number, 1
  %full = icmp eq i64 %number1, {TABLE_ENTRIES}
  br i1 %full, label %counted, label %fill
counted:
  %pmisses = getelementptr i64, ptr %s, i64 {STATE_MISSES}
  %misses = load i64, ptr %pmisses
  %misses1 = add i64 %misses, 1
  store i64 %misses1, ptr %pmisses
  ret i64 %delta
fail:
  ret i64 0
}
