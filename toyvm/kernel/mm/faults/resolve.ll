; `page_fault.handle_fault` in native code, for the most common faults. `refill` calls this before
; it calls the kernel. The result is 1 if the fault is resolved.
;
;   PTE 0 in a window        a read gets the zero page (frame 0), a write gets a zeroed frame
;   PTE 0 in the file window a read gets the page cache's frame
;   copy-on-write PTE        a shared frame is copied; the last reference keeps its frame, with W;
;                            the zero page is replaced by a zeroed frame
;
; Frames, counts, references and PTEs become the same as in the kernel. The result is 0 for all
; other faults, and for all faults while LIMIT or more frames are in use; the kernel resolves these.

define internal preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes) nounwind noinline noimplicitfloat {
  %ptable = getelementptr i64, ptr %s, i64 {STATE_TABLE}
  %words = load ptr, ptr %ptable
  %alone = icmp eq ptr %words, null
  br i1 %alone, label %no, label %offered
offered:
  %plimit = getelementptr i64, ptr %words, i64 {FRAMES_LIMIT}
  %limit = load i64, ptr %plimit
  %pused = getelementptr i64, ptr %words, i64 {FRAMES_USED}
  %used = load i64, ptr %pused
  %plenty = icmp ult i64 %used, %limit
  %pstale = getelementptr i64, ptr %s, i64 {STATE_STALE}
  %stale = load i64, ptr %pstale
  %room = icmp ult i64 %stale, {STALE_MOST}
  %pgeneration = getelementptr i64, ptr %s, i64 {STATE_GENERATION}
  %generation = load i64, ptr %pgeneration
  %early = icmp ult i64 %generation, {LAST_GENERATION}
  %vpn = lshr i64 %va, {PAGE_SHIFT}
  %before = sub i64 %vpn, 1
  %inner = icmp ult i64 %before, {INNER_PAGES}
  %may0 = and i1 %plenty, %room
  %may1 = and i1 %early, %inner
  %may = and i1 %may0, %may1
  br i1 %may, label %find, label %no
find:
  %walked = call {ptr, i64, i64} @walk(ptr %s, i64 %vpn)
  %slot = extractvalue {ptr, i64, i64} %walked, 0
  %pte = extractvalue {ptr, i64, i64} %walked, 1
  %shift = extractvalue {ptr, i64, i64} %walked, 2
  %nowhere = icmp eq ptr %slot, null
  %upper = icmp ne i64 %shift, 0
  %untabled = or i1 %nowhere, %upper
  br i1 %untabled, label %no, label %entry
entry:
  %iswrite = icmp ne i64 %writes, 0
  %prefs = getelementptr i64, ptr %s, i64 {STATE_REFS}
  %refs = load ptr, ptr %prefs
  %empty = icmp eq i64 %pte, 0
  br i1 %empty, label %untouched, label %present
untouched:
  %window0 = call preserve_mostcc ptr @window(ptr %words, i64 %vpn)
  %unknown0 = icmp eq ptr %window0, null
  br i1 %unknown0, label %offile, label %anonymous
offile:
  %pffirst = getelementptr i64, ptr %words, i64 {FRAMES_FILE_FIRST}
  %ffirst = load i64, ptr %pffirst
  %pfpages = getelementptr i64, ptr %words, i64 {FRAMES_FILE_PAGES}
  %fpages = load i64, ptr %pfpages
  %foffset = sub i64 %vpn, %ffirst
  %finside = icmp ult i64 %foffset, %fpages
  %isread = xor i1 %iswrite, true
  %fread = and i1 %finside, %isread
  br i1 %fread, label %incache, label %no
incache:
  %pfframe = getelementptr i64, ptr %words, i64 {FRAMES_FILE_FRAME}
  %fframe = load i64, ptr %pfframe
  %fileframe = add i64 %fframe, %foffset
  %pfcount = getelementptr i32, ptr %refs, i64 %fileframe
  %fcount = load i32, ptr %pfcount
  %fcount1 = add i32 %fcount, 1
  store i32 %fcount1, ptr %pfcount
  %pfbirths = getelementptr i64, ptr %words, i64 {FRAMES_BIRTHS}
  %fbirths = load i64, ptr %pfbirths
  %fbirths1 = add i64 %fbirths, 1
  store i64 %fbirths1, ptr %pfbirths
  %pfborn = getelementptr i64, ptr %s, i64 {STATE_BORN}
  %fborn = load ptr, ptr %pfborn
  %pfbirth = getelementptr i64, ptr %fborn, i64 %fileframe
  store i64 %fbirths1, ptr %pfbirth
  %pfflags = getelementptr i64, ptr %words, i64 {FRAMES_FILE_FLAGS}
  %fflags = load i64, ptr %pfflags
  %fppn = shl i64 %fileframe, {PPN_SHIFT}
  %filepte = or i64 %fppn, %fflags
  br label %finish
anonymous:
  br i1 %iswrite, label %zeroed, label %zeroread
zeroread:
  %readers = load i32, ptr %refs
  %readers1 = add i32 %readers, 1
  store i32 %readers1, ptr %refs
  %preadflags = getelementptr i64, ptr %window0, i64 {WINDOW_FLAGS}
  %readflags = load i64, ptr %preadflags
  %readpte = xor i64 %readflags, {PTE_W_COW}
  br label %finish
present:
  %bits = and i64 %pte, {PTE_LOOKED_AT}
  %tocopy = icmp eq i64 %bits, {PTE_TO_COPY}
  %mine = and i1 %tocopy, %iswrite
  br i1 %mine, label %private, label %no
private:
  %old = lshr i64 %pte, {PPN_SHIFT}
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  %there = icmp ult i64 %old, %frames
  br i1 %there, label %known, label %no
known:
  %pcount = getelementptr i32, ptr %refs, i64 %old
  %count = load i32, ptr %pcount
  %waszero = icmp eq i64 %old, 0
  br i1 %waszero, label %zeropage, label %counted
zeropage:
  %window1 = call preserve_mostcc ptr @window(ptr %words, i64 %vpn)
  %unknown1 = icmp eq ptr %window1, null
  br i1 %unknown1, label %no, label %zeroed
zeroed:
  %window = phi ptr [ %window0, %anonymous ], [ %window1, %zeropage ]
  %clean = call preserve_mostcc i64 @zeroed(ptr %s, ptr %words, ptr %window, i64 %vpn)
  %noclean = icmp eq i64 %clean, 0
  br i1 %noclean, label %no, label %cleaned
cleaned:
  call preserve_mostcc void @use(ptr %s, ptr %words, i64 %clean)
  %held = xor i1 %empty, true
  %less = zext i1 %held to i32
  %zeros = load i32, ptr %refs
  %zeros1 = sub i32 %zeros, %less
  store i32 %zeros1, ptr %refs
  %pflags = getelementptr i64, ptr %window, i64 {WINDOW_FLAGS}
  %flags = load i64, ptr %pflags
  %cleanppn = shl i64 %clean, {PPN_SHIFT}
  %cleanpte = or i64 %cleanppn, %flags
  br label %finish
counted:
  %sole = icmp eq i32 %count, 1
  br i1 %sole, label %reuse, label %copy
reuse:
  %reusepte = xor i64 %pte, {PTE_W_COW}
  br label %finish
copy:
  %new = call i64 @copy(ptr %s, ptr %words, i64 %old)
  %nonew = icmp eq i64 %new, 0
  br i1 %nonew, label %no, label %copied
copied:
  %count1 = sub i32 %count, 1
  store i32 %count1, ptr %pcount
  %kept = and i64 %pte, {PTE_KEPT}
  %writable = or i64 %kept, {PTE_W}
  %newppn = shl i64 %new, {PPN_SHIFT}
  %copypte = or i64 %newppn, %writable
  br label %finish
finish:
  %kind = phi i64 [ {FRAMES_ZERO_READS}, %zeroread ], [ {FRAMES_FILE_READS}, %incache ], [ {FRAMES_ZEROES}, %cleaned ], [ {FRAMES_REUSES}, %reuse ], [ {FRAMES_COPIES}, %copied ]
  %frame = phi i64 [ 0, %zeroread ], [ %fileframe, %incache ], [ %clean, %cleaned ], [ %old, %reuse ], [ %new, %copied ]
  %after = phi i64 [ %readpte, %zeroread ], [ %filepte, %incache ], [ %cleanpte, %cleaned ], [ %reusepte, %reuse ], [ %copypte, %copied ]
  store i64 %after, ptr %slot
  %pkind = getelementptr i64, ptr %words, i64 %kind
  %ofkind = load i64, ptr %pkind
  %ofkind1 = add i64 %ofkind, 1
  store i64 %ofkind1, ptr %pkind
  %presolved = getelementptr i64, ptr %words, i64 {FRAMES_RESOLVED}
  %resolved = load i64, ptr %presolved
  %resolved1 = add i64 %resolved, 1
  store i64 %resolved1, ptr %presolved
  %place = and i64 %resolved, {RECENT_MASK}
  %place1 = add i64 %place, {FRAMES_RECENT}
  %precent = getelementptr i64, ptr %words, i64 %place1
  store i64 %frame, ptr %precent
  %pat = getelementptr i64, ptr %s, i64 {STATE_AT}
  %at = load i64, ptr %pat
  %plast = getelementptr i64, ptr %words, i64 {FRAMES_LAST_PC}
  store i64 %at, ptr %plast
  %pmisses = getelementptr i64, ptr %s, i64 {STATE_MISSES}
  %misses = load i64, ptr %pmisses
  %misses1 = add i64 %misses, 1
  store i64 %misses1, ptr %pmisses
  %preservation = getelementptr i64, ptr %s, i64 {STATE_RESERVATION}
  store i64 {NO_RESERVATION}, ptr %preservation
  %touched = and i64 %pte, {PTE_A_D}
  %cached = icmp ne i64 %touched, 0
  br i1 %cached, label %drop, label %yes
drop:
  call preserve_mostcc void @forget(ptr %s, i64 %vpn, i64 %stale)
  ret i64 1
yes:
  ret i64 1
no:
  ret i64 0
}
