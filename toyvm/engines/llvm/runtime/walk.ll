; The walk of the guest's page tables (`machine.sv39.walk` in Python), following the privileged
; manual's "Virtual Address Translation Process". It descends from the root as long as entries point
; to tables.
;
; Result: the host address of the entry where the walk ends, the entry, and the shift of the VPN for
; its level (18, 9, 0). Nothing else is checked: at level 0 the entry may have any value, above it
; any value that is no pointer. The address is null if a table is outside memory; a pointer with a
; reserved bit leads there too.

define internal {ptr, i64, i64} @walk(ptr %s, i64 %vpn) alwaysinline nounwind {
begin:
  %pmemory = getelementptr i64, ptr %s, i64 {STATE_MEMORY}
  %memory = load i64, ptr %pmemory
  %pframes = getelementptr i64, ptr %s, i64 {STATE_FRAMES}
  %frames = load i64, ptr %pframes
  %proot = getelementptr i64, ptr %s, i64 {STATE_ROOT}
  %root = load i64, ptr %proot
  br label %level
level:
  %table = phi i64 [ %root, %begin ], [ %next, %deeper ]
  %shift = phi i64 [ {TOP_LEVEL_SHIFT}, %begin ], [ %shift1, %deeper ]
  %inmemory = icmp ult i64 %table, %frames
  br i1 %inmemory, label %fetch, label %end
fetch:
  %top = lshr i64 %vpn, %shift
  %number = and i64 %top, {TABLE_MASK}
  %tablepa = shl i64 %table, {PAGE_SHIFT}
  %offset = shl i64 %number, 3
  %pa = add i64 %tablepa, %offset
  %address = add i64 %memory, %pa
  %slot = inttoptr i64 %address to ptr
  %pte = load i64, ptr %slot
  %last = icmp eq i64 %shift, 0
  br i1 %last, label %end, label %upper
upper:
  %kind = and i64 %pte, {PTE_KIND}
  %pointer = icmp eq i64 %kind, {PTE_V}
  br i1 %pointer, label %deeper, label %end
deeper:
  %next = lshr i64 %pte, {PPN_SHIFT}
  %shift1 = sub i64 %shift, {LEVEL_BITS}
  br label %level
end:
  %place = phi ptr [ null, %level ], [ %slot, %fetch ], [ %slot, %upper ]
  %entry = phi i64 [ 0, %level ], [ %pte, %fetch ], [ %pte, %upper ]
  %result0 = insertvalue {ptr, i64, i64} undef, ptr %place, 0
  %result1 = insertvalue {ptr, i64, i64} %result0, i64 %entry, 1
  %result = insertvalue {ptr, i64, i64} %result1, i64 %shift, 2
  ret {ptr, i64, i64} %result
}
