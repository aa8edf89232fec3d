; The kernel's loops over whole leaf tables, for fork and exit. The kernel calls them with `%w`, its
; words of numbers. `PageTable` has the same loops in Python.

; Copy leaf tables into empty ones, with one more reference to each frame (`PageTable._copy`).
; In: the number of pairs, then the frames of each pair: from, to. Out: the number of swap entries.
define void @kernel_copy_tables(ptr %s, ptr %w) nounwind {
  %count = load i64, ptr %w
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load ptr, ptr %pmemory
  %prefs = getelementptr i64, ptr %s, i64 {STATE_REFS}
  %refs = load ptr, ptr %prefs
  br label %pairs
pairs:
  %pair = phi i64 [ 0, %0 ], [ %pair1, %copied ]
  %swapped = phi i64 [ 0, %0 ], [ %swapped4, %copied ]
  %more = icmp ult i64 %pair, %count
  br i1 %more, label %copy, label %done
copy:
  %twice = shl i64 %pair, 1
  %fromat = or i64 %twice, 1
  %toat = add i64 %twice, 2
  %pfrom = getelementptr i64, ptr %w, i64 %fromat
  %from = load i64, ptr %pfrom
  %pto = getelementptr i64, ptr %w, i64 %toat
  %to = load i64, ptr %pto
  %frompa = shl i64 %from, {PAGE_SHIFT}
  %topa = shl i64 %to, {PAGE_SHIFT}
  %source = getelementptr i8, ptr %memory, i64 %frompa
  %target = getelementptr i8, ptr %memory, i64 %topa
  br label %entry
entry:
  %number = phi i64 [ 0, %copy ], [ %number1, %next ]
  %swapped1 = phi i64 [ %swapped, %copy ], [ %swapped4, %next ]
  %slot = getelementptr i64, ptr %source, i64 %number
  %pte = load i64, ptr %slot
  %empty = icmp eq i64 %pte, 0
  br i1 %empty, label %next, label %used
used:
  %tslot = getelementptr i64, ptr %target, i64 %number
  %swap = and i64 %pte, {PTE_SWAP}
  %present = icmp eq i64 %swap, 0
  br i1 %present, label %page, label %away
away:
  store i64 %pte, ptr %tslot
  %swapped2 = add i64 %swapped1, 1
  br label %next
page:
  %frame = lshr i64 %pte, {PPN_SHIFT}
  %pcount = getelementptr i32, ptr %refs, i64 %frame
  %references = load i32, ptr %pcount
  %references1 = add i32 %references, 1
  store i32 %references1, ptr %pcount
  %kind = and i64 %pte, {PTE_W_SHARED}
  %private = icmp eq i64 %kind, {PTE_W}
  %change = select i1 %private, i64 {PTE_W_COW}, i64 0
  %kept = xor i64 %pte, %change
  store i64 %kept, ptr %slot
  %code = and i64 %kept, {PTE_X}
  %iscode = icmp ne i64 %code, 0
  %passed = select i1 %iscode, i64 {NOT_D}, i64 {NOT_A_D}
  %copied1 = and i64 %kept, %passed
  store i64 %copied1, ptr %tslot
  br label %next
next:
  %swapped4 = phi i64 [ %swapped1, %entry ], [ %swapped2, %away ], [ %swapped1, %page ]
  %number1 = add i64 %number, 1
  %end = icmp eq i64 %number1, {TABLE_ENTRIES}
  br i1 %end, label %copied, label %entry
copied:
  %pair1 = add i64 %pair, 1
  br label %pairs
done:
  store i64 %swapped, ptr %w
  ret void
}

; Count the entries in leaf tables that need more than a reference dropped: swap entries, and dirty shared pages.
; In: the number of tables, then their frames. Out: the number of such entries.
define void @kernel_check_tables(ptr %s, ptr %w) nounwind {
  %count = load i64, ptr %w
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load ptr, ptr %pmemory
  br label %tables
tables:
  %table = phi i64 [ 0, %0 ], [ %table1, %checked ]
  %found = phi i64 [ 0, %0 ], [ %found2, %checked ]
  %more = icmp ult i64 %table, %count
  br i1 %more, label %check, label %done
check:
  %table1 = add i64 %table, 1
  %pframe = getelementptr i64, ptr %w, i64 %table1
  %frame = load i64, ptr %pframe
  %pa = shl i64 %frame, {PAGE_SHIFT}
  %source = getelementptr i8, ptr %memory, i64 %pa
  br label %entry
entry:
  %number = phi i64 [ 0, %check ], [ %number1, %entry ]
  %found1 = phi i64 [ %found, %check ], [ %found2, %entry ]
  %slot = getelementptr i64, ptr %source, i64 %number
  %pte = load i64, ptr %slot
  %swap = and i64 %pte, {PTE_SWAP}
  %away = icmp ne i64 %swap, 0
  %kind = and i64 %pte, {PTE_D_SHARED}
  %dirty = icmp eq i64 %kind, {PTE_D_SHARED}
  %special = or i1 %away, %dirty
  %one = zext i1 %special to i64
  %found2 = add i64 %found1, %one
  %number1 = add i64 %number, 1
  %end = icmp eq i64 %number1, {TABLE_ENTRIES}
  br i1 %end, label %checked, label %entry
checked:
  br label %tables
done:
  store i64 %found, ptr %w
  ret void
}

; Drop the references of all entries in leaf tables, in order, and push frames without one onto the stack of
; freed frames (`FrameAllocator.put_entries`). There must be no swap entries.
; In: the number of tables, the height of the stack, the tables' frames. Out: how many frames were pushed.
define void @kernel_drop_tables(ptr %s, ptr %w) nounwind {
  %count = load i64, ptr %w
  %ptop = getelementptr i64, ptr %w, i64 1
  %top = load i64, ptr %ptop
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load ptr, ptr %pmemory
  %prefs = getelementptr i64, ptr %s, i64 {STATE_REFS}
  %refs = load ptr, ptr %prefs
  %pfreed = getelementptr i64, ptr %s, i64 {STATE_FREED}
  %freed = load ptr, ptr %pfreed
  %stack = getelementptr i32, ptr %freed, i64 %top
  br label %tables
tables:
  %table = phi i64 [ 0, %0 ], [ %table1, %dropped ]
  %pushed = phi i64 [ 0, %0 ], [ %pushed3, %dropped ]
  %more = icmp ult i64 %table, %count
  br i1 %more, label %drop, label %done
drop:
  %table1 = add i64 %table, 1
  %place = add i64 %table, 2
  %pframe = getelementptr i64, ptr %w, i64 %place
  %leaf = load i64, ptr %pframe
  %pa = shl i64 %leaf, {PAGE_SHIFT}
  %source = getelementptr i8, ptr %memory, i64 %pa
  br label %entry
entry:
  %number = phi i64 [ 0, %drop ], [ %number1, %next ]
  %pushed1 = phi i64 [ %pushed, %drop ], [ %pushed3, %next ]
  %slot = getelementptr i64, ptr %source, i64 %number
  %pte = load i64, ptr %slot
  %empty = icmp eq i64 %pte, 0
  br i1 %empty, label %next, label %used
used:
  %frame = lshr i64 %pte, {PPN_SHIFT}
  %pcount = getelementptr i32, ptr %refs, i64 %frame
  %references = load i32, ptr %pcount
  %left = sub i32 %references, 1
  store i32 %left, ptr %pcount
  %last = icmp eq i32 %left, 0
  br i1 %last, label %push, label %next
push:
  %pfree = getelementptr i32, ptr %stack, i64 %pushed1
  %frame32 = trunc i64 %frame to i32
  store i32 %frame32, ptr %pfree
  %pushed2 = add i64 %pushed1, 1
  br label %next
next:
  %pushed3 = phi i64 [ %pushed1, %entry ], [ %pushed1, %used ], [ %pushed2, %push ]
  %number1 = add i64 %number, 1
  %end = icmp eq i64 %number1, {TABLE_ENTRIES}
  br i1 %end, label %dropped, label %entry
dropped:
  br label %tables
done:
  store i64 %pushed, ptr %w
  ret void
}
