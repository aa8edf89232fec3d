"""Page faults that native code resolves itself, as LLVM's text: `resolve`, which `refill` calls before it asks the kernel.

It does what the kernel's `handle_fault` does with the commonest faults, on the same `machine.frame_table`: copy-on-write, and first
touches of anonymous memory where the kernel has said what is there (a window). Frames, counts, references and entries are those
that the kernel would have come to. Whatever else there is to do at a fault is left to the kernel, and so is every fault when
the kernel wants that (LIMIT).
"""

from __future__ import annotations

from toyvm.machine import frame_table
from toyvm.machine.sv39 import PPN_SHIFT, PTE_A, PTE_COW, PTE_D, PTE_R, PTE_RSW, PTE_U, PTE_V, PTE_W, PTE_X

from .. import state_layout as layout


def faults() -> str:
    """The definitions of `resolve` and what it calls."""
    words = {name: value for name, value in vars(layout).items() if name.isupper()}
    words |= {f"T_{name}": value for name, value in vars(frame_table).items() if name.isupper()}
    words |= {
        "PPN_SHIFT": PPN_SHIFT,
        "KIND": PTE_V | PTE_R | PTE_W | PTE_X,
        "LOOKED_AT": -1 << 54 | PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_RSW,
        "TO_COPY": PTE_V | PTE_R | PTE_U | PTE_COW,
        "KEPT": PTE_V | PTE_R | PTE_U,
        "W": PTE_W,
        "W_COW": PTE_W | PTE_COW,
        "A_D": PTE_A | PTE_D,
        "INNER_PAGES": layout.PAGES - 2,
        "STORE_FRAME": _repeated("stosq", "ax"),
        "MOVE_FRAME": _repeated("movsq", "si"),
        "RECENT_MASK": frame_table.RECENT_FRAMES - 1,
    }
    return "".join(text.format(**words) for text in (_SLOT, _FRAMES, _WINDOW, _RESOLVE, _FORGET))


def _repeated(instruction: str, third: str) -> str:
    """A call of the host's string instruction: (where to, how many doublewords, the source or the value)."""
    registers = ("di", "cx", third)
    outputs = ",".join(f"={{{name}}}" for name in registers)
    changed = ",".join(f"~{{{name}}}" for name in ("memory", "dirflag", "fpsr", "flags"))
    return f'call {{i64, i64, i64}} asm sideeffect "rep {instruction}", "{outputs},0,1,2,{changed}"'


# The address of the entry for a page, where there are tables down to it; else null.
_SLOT = """
define internal preserve_mostcc ptr @slot(ptr %s, i64 %vpn) nounwind noinline noimplicitfloat {{
  %pmemory = getelementptr i64, ptr %s, i64 {MEMORY}
  %memory = load i64, ptr %pmemory
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
  %frames = load i64, ptr %pframes
  %proot = getelementptr i64, ptr %s, i64 {ROOT}
  %root = load i64, ptr %proot
  br label %level
level:
  %table = phi i64 [ %root, %0 ], [ %next, %deeper ]
  %shift = phi i64 [ 18, %0 ], [ %shift1, %deeper ]
  %inside = icmp ult i64 %table, %frames
  br i1 %inside, label %entry, label %fail
entry:
  %top = lshr i64 %vpn, %shift
  %number = and i64 %top, 511
  %tablepa = shl i64 %table, 12
  %offset = shl i64 %number, 3
  %pa = add i64 %tablepa, %offset
  %address = add i64 %memory, %pa
  %slot = inttoptr i64 %address to ptr
  %last = icmp eq i64 %shift, 0
  br i1 %last, label %found, label %upper
upper:
  %pte = load i64, ptr %slot
  %kind = and i64 %pte, {KIND}
  %pointer = icmp eq i64 %kind, 1
  br i1 %pointer, label %deeper, label %fail
deeper:
  %next = lshr i64 %pte, {PPN_SHIFT}
  %shift1 = sub i64 %shift, 9
  br label %level
found:
  ret ptr %slot
fail:
  ret ptr null
}}
"""

# `FrameAllocator`: `take` is `alloc(zeroed=False)`, or 0 where that would have to reclaim; `give` marks a frame as used for
# the first time; `use` is the rest of an allocation.
_FRAMES = """
define internal preserve_mostcc i64 @take(ptr %s, ptr %words) nounwind noinline noimplicitfloat {{
  %pfreed = getelementptr i64, ptr %words, i64 {T_FREED}
  %freed = load i64, ptr %pfreed
  %none = icmp eq i64 %freed, 0
  br i1 %none, label %fresh, label %pop
pop:
  %top = sub i64 %freed, 1
  store i64 %top, ptr %pfreed
  %pstack = getelementptr i64, ptr %s, i64 {FREED}
  %stack = load ptr, ptr %pstack
  %pframe = getelementptr i32, ptr %stack, i64 %top
  %frame32 = load i32, ptr %pframe
  %frame = zext i32 %frame32 to i64
  ret i64 %frame
fresh:
  %pnext = getelementptr i64, ptr %words, i64 {T_NEXT}
  %next = load i64, ptr %pnext
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
  %frames = load i64, ptr %pframes
  %there = icmp ult i64 %next, %frames
  br i1 %there, label %first, label %fail
first:
  call preserve_mostcc void @give(ptr %s, ptr %words, i64 %next)
  ret i64 %next
fail:
  ret i64 0
}}

define internal preserve_mostcc void @give(ptr %s, ptr %words, i64 %frame) nounwind noinline noimplicitfloat {{
  %pgiven = getelementptr i64, ptr %s, i64 {GIVEN}
  %given = load ptr, ptr %pgiven
  %pframe = getelementptr i8, ptr %given, i64 %frame
  store i8 1, ptr %pframe
  %pnext = getelementptr i64, ptr %words, i64 {T_NEXT}
  %next = load i64, ptr %pnext
  %isnext = icmp eq i64 %frame, %next
  br i1 %isnext, label %scan, label %done
scan:
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
  %frames = load i64, ptr %pframes
  br label %look
look:
  %at = phi i64 [ %frame, %scan ], [ %after, %again ]
  %after = add i64 %at, 1
  %end = icmp uge i64 %after, %frames
  br i1 %end, label %found, label %again
again:
  %pafter = getelementptr i8, ptr %given, i64 %after
  %used = load i8, ptr %pafter
  %free = icmp eq i8 %used, 0
  br i1 %free, label %found, label %look
found:
  store i64 %after, ptr %pnext
  ret void
done:
  ret void
}}

define internal preserve_mostcc void @use(ptr %s, ptr %words, i64 %frame) nounwind noinline noimplicitfloat {{
  %prefs = getelementptr i64, ptr %s, i64 {REFS}
  %refs = load ptr, ptr %prefs
  %pcount = getelementptr i32, ptr %refs, i64 %frame
  store i32 1, ptr %pcount
  %pused = getelementptr i64, ptr %words, i64 {T_USED}
  %used = load i64, ptr %pused
  %used1 = add i64 %used, 1
  store i64 %used1, ptr %pused
  %ppeak = getelementptr i64, ptr %words, i64 {T_PEAK}
  %peak = load i64, ptr %ppeak
  %higher = icmp ugt i64 %used1, %peak
  %peak1 = select i1 %higher, i64 %used1, i64 %peak
  store i64 %peak1, ptr %ppeak
  %pbirths = getelementptr i64, ptr %words, i64 {T_BIRTHS}
  %births = load i64, ptr %pbirths
  %births1 = add i64 %births, 1
  store i64 %births1, ptr %pbirths
  %pborn = getelementptr i64, ptr %s, i64 {BORN}
  %born = load ptr, ptr %pborn
  %pbirth = getelementptr i64, ptr %born, i64 %frame
  store i64 %births1, ptr %pbirth
  ret void
}}
"""

# `window` is the window that a page is in, or null; `wish` is `alloc_in_span` for a page of it, or 0.
_WINDOW = """
define internal preserve_mostcc ptr @window(ptr %words, i64 %vpn) nounwind noinline noimplicitfloat {{
  br label %next
next:
  %number = phi i64 [ {T_WINDOWS}, %0 ], [ %number1, %other ]
  %window = getelementptr i64, ptr %words, i64 %number
  %pfirst = getelementptr i64, ptr %window, i64 {T_FIRST}
  %first = load i64, ptr %pfirst
  %ppages = getelementptr i64, ptr %window, i64 {T_PAGES}
  %pages = load i64, ptr %ppages
  %offset = sub i64 %vpn, %first
  %inside = icmp ult i64 %offset, %pages
  br i1 %inside, label %found, label %other
other:
  %number1 = add i64 %number, {T_WINDOW_WORDS}
  %more = icmp ult i64 %number1, {T_WINDOWS_END}
  br i1 %more, label %next, label %fail
found:
  ret ptr %window
fail:
  ret ptr null
}}

define internal preserve_mostcc i64 @wish(ptr %s, ptr %words, ptr %window, i64 %vpn) nounwind noinline noimplicitfloat {{
  %pspan = getelementptr i64, ptr %window, i64 {T_SPAN}
  %span = load i64, ptr %pspan
  %nospan = icmp eq i64 %span, 0
  br i1 %nospan, label %anywhere, label %inspan
inspan:
  %pfirst = getelementptr i64, ptr %window, i64 {T_FIRST}
  %first = load i64, ptr %pfirst
  %offset = sub i64 %vpn, %first
  %wished = add i64 %span, %offset
  %pgiven = getelementptr i64, ptr %s, i64 {GIVEN}
  %given = load ptr, ptr %pgiven
  %pwished = getelementptr i8, ptr %given, i64 %wished
  %taken = load i8, ptr %pwished
  %free = icmp eq i8 %taken, 0
  br i1 %free, label %beside, label %anywhere
beside:
  call preserve_mostcc void @give(ptr %s, ptr %words, i64 %wished)
  ret i64 %wished
anywhere:
  %frame = call preserve_mostcc i64 @take(ptr %s, ptr %words)
  %none = icmp eq i64 %frame, 0
  br i1 %none, label %fail, label %clean
clean:
  %pmemory = getelementptr i64, ptr %s, i64 {MEMORY}
  %memory = load i64, ptr %pmemory
  %pa = shl i64 %frame, 12
  %address = add i64 %memory, %pa
  %cleaned = {STORE_FRAME}(i64 %address, i64 512, i64 0)
  ret i64 %frame
fail:
  ret i64 0
}}
"""

# Whether the fault at `%va` is resolved.
_RESOLVE = """
define internal preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes) nounwind noinline noimplicitfloat {{
  %ptable = getelementptr i64, ptr %s, i64 {TABLE}
  %words = load ptr, ptr %ptable
  %alone = icmp eq ptr %words, null
  br i1 %alone, label %no, label %offered
offered:
  %plimit = getelementptr i64, ptr %words, i64 {T_LIMIT}
  %limit = load i64, ptr %plimit
  %pused = getelementptr i64, ptr %words, i64 {T_USED}
  %used = load i64, ptr %pused
  %plenty = icmp ult i64 %used, %limit
  %pgone = getelementptr i64, ptr %s, i64 {GONE}
  %gone = load i64, ptr %pgone
  %room = icmp ult i64 %gone, {GONE_MOST}
  %pgeneration = getelementptr i64, ptr %s, i64 {GENERATION}
  %generation = load i64, ptr %pgeneration
  %early = icmp ult i64 %generation, {LAST_GENERATION}
  %vpn = lshr i64 %va, 12
  %before = sub i64 %vpn, 1
  %inner = icmp ult i64 %before, {INNER_PAGES}
  %may0 = and i1 %plenty, %room
  %may1 = and i1 %early, %inner
  %may = and i1 %may0, %may1
  br i1 %may, label %find, label %no
find:
  %slot = call preserve_mostcc ptr @slot(ptr %s, i64 %vpn)
  %untabled = icmp eq ptr %slot, null
  br i1 %untabled, label %no, label %entry
entry:
  %pte = load i64, ptr %slot
  %iswrite = icmp ne i64 %writes, 0
  %prefs = getelementptr i64, ptr %s, i64 {REFS}
  %refs = load ptr, ptr %prefs
  %empty = icmp eq i64 %pte, 0
  br i1 %empty, label %untouched, label %present
untouched:
  %window0 = call preserve_mostcc ptr @window(ptr %words, i64 %vpn)
  %unknown0 = icmp eq ptr %window0, null
  br i1 %unknown0, label %no, label %anonymous
anonymous:
  br i1 %iswrite, label %zeroed, label %zeroread
zeroread:
  %readers = load i32, ptr %refs
  %readers1 = add i32 %readers, 1
  store i32 %readers1, ptr %refs
  %preadflags = getelementptr i64, ptr %window0, i64 {T_FLAGS}
  %readflags = load i64, ptr %preadflags
  %readpte = xor i64 %readflags, {W_COW}
  br label %finish
present:
  %bits = and i64 %pte, {LOOKED_AT}
  %tocopy = icmp eq i64 %bits, {TO_COPY}
  %mine = and i1 %tocopy, %iswrite
  br i1 %mine, label %private, label %no
private:
  %old = lshr i64 %pte, {PPN_SHIFT}
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
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
  %clean = call preserve_mostcc i64 @wish(ptr %s, ptr %words, ptr %window, i64 %vpn)
  %noclean = icmp eq i64 %clean, 0
  br i1 %noclean, label %no, label %cleaned
cleaned:
  call preserve_mostcc void @use(ptr %s, ptr %words, i64 %clean)
  %held = xor i1 %empty, true
  %less = zext i1 %held to i32
  %zeros = load i32, ptr %refs
  %zeros1 = sub i32 %zeros, %less
  store i32 %zeros1, ptr %refs
  %pflags = getelementptr i64, ptr %window, i64 {T_FLAGS}
  %flags = load i64, ptr %pflags
  %cleanppn = shl i64 %clean, {PPN_SHIFT}
  %cleanpte = or i64 %cleanppn, %flags
  br label %finish
counted:
  %sole = icmp eq i32 %count, 1
  br i1 %sole, label %reuse, label %copy
reuse:
  %reusepte = xor i64 %pte, {W_COW}
  br label %finish
copy:
  %new = call preserve_mostcc i64 @take(ptr %s, ptr %words)
  %nonew = icmp eq i64 %new, 0
  br i1 %nonew, label %no, label %copied
copied:
  call preserve_mostcc void @use(ptr %s, ptr %words, i64 %new)
  %pmemory = getelementptr i64, ptr %s, i64 {MEMORY}
  %memory = load i64, ptr %pmemory
  %oldpa = shl i64 %old, 12
  %newpa = shl i64 %new, 12
  %from = add i64 %memory, %oldpa
  %to = add i64 %memory, %newpa
  %moved = {MOVE_FRAME}(i64 %to, i64 512, i64 %from)
  %count1 = sub i32 %count, 1
  store i32 %count1, ptr %pcount
  %kept = and i64 %pte, {KEPT}
  %writable = or i64 %kept, {W}
  %newppn = shl i64 %new, {PPN_SHIFT}
  %copypte = or i64 %newppn, %writable
  br label %finish
finish:
  %kind = phi i64 [ {T_ZERO_READS}, %zeroread ], [ {T_ZEROES}, %cleaned ], [ {T_REUSES}, %reuse ], [ {T_COPIES}, %copied ]
  %frame = phi i64 [ 0, %zeroread ], [ %clean, %cleaned ], [ %old, %reuse ], [ %new, %copied ]
  %after = phi i64 [ %readpte, %zeroread ], [ %cleanpte, %cleaned ], [ %reusepte, %reuse ], [ %copypte, %copied ]
  store i64 %after, ptr %slot
  %pkind = getelementptr i64, ptr %words, i64 %kind
  %ofkind = load i64, ptr %pkind
  %ofkind1 = add i64 %ofkind, 1
  store i64 %ofkind1, ptr %pkind
  %presolved = getelementptr i64, ptr %words, i64 {T_RESOLVED}
  %resolved = load i64, ptr %presolved
  %resolved1 = add i64 %resolved, 1
  store i64 %resolved1, ptr %presolved
  %place = and i64 %resolved, {RECENT_MASK}
  %place1 = add i64 %place, {T_RECENT}
  %precent = getelementptr i64, ptr %words, i64 %place1
  store i64 %frame, ptr %precent
  %pat = getelementptr i64, ptr %s, i64 {AT}
  %at = load i64, ptr %pat
  %plast = getelementptr i64, ptr %words, i64 {T_LAST_PC}
  store i64 %at, ptr %plast
  %pmisses = getelementptr i64, ptr %s, i64 {MISSES}
  %misses = load i64, ptr %pmisses
  %misses1 = add i64 %misses, 1
  store i64 %misses1, ptr %pmisses
  %preservation = getelementptr i64, ptr %s, i64 {RESERVATION}
  store i64 -1, ptr %preservation
  %touched = and i64 %pte, {A_D}
  %cached = icmp ne i64 %touched, 0
  br i1 %cached, label %drop, label %yes
drop:
  call preserve_mostcc void @forget(ptr %s, i64 %vpn, i64 %gone)
  ret i64 1
yes:
  ret i64 1
no:
  ret i64 0
}}
"""

# `NativeCode.drop_page` for a page that nobody executes or could write to: its entry goes, the ranges that lead to its frame, and
# the runs that it may be in: those of neighbours that lead beside its frame. The engine learns which pages went (GONE)
# and how many generations of runs (BUMPS) before it looks at anything of its own.
_FORGET = """
define internal preserve_mostcc void @forget(ptr %s, i64 %vpn, i64 %gone) nounwind noinline noimplicitfloat {{
  %gone0 = add i64 %gone, {GONE_LIST}
  %pgonepage = getelementptr i64, ptr %s, i64 %gone0
  store i64 %vpn, ptr %pgonepage
  %gone1 = add i64 %gone, 1
  %pgone = getelementptr i64, ptr %s, i64 {GONE}
  store i64 %gone1, ptr %pgone
  %pshadow = getelementptr i64, ptr %s, i64 {SHADOW}
  %shadow = load ptr, ptr %pshadow
  %entry = getelementptr {{i64, i64}}, ptr %shadow, i64 %vpn
  %delta = load i64, ptr %entry
  %known = icmp ne i64 %delta, 0
  br i1 %known, label %drop, label %done
drop:
  %prun = getelementptr i64, ptr %entry, i64 1
  store i64 0, ptr %entry
  store i64 0, ptr %prun
  %pbelow = getelementptr i64, ptr %entry, i64 -2
  %below = load i64, ptr %pbelow
  %pabove = getelementptr i64, ptr %entry, i64 2
  %above = load i64, ptr %pabove
  %likebelow = icmp eq i64 %below, %delta
  %likeabove = icmp eq i64 %above, %delta
  %like = or i1 %likebelow, %likeabove
  %more = zext i1 %like to i64
  %pgeneration = getelementptr i64, ptr %s, i64 {GENERATION}
  %generation = load i64, ptr %pgeneration
  %generation1 = add i64 %generation, %more
  store i64 %generation1, ptr %pgeneration
  %pbumps = getelementptr i64, ptr %s, i64 {BUMPS}
  %bumps = load i64, ptr %pbumps
  %bumps1 = add i64 %bumps, %more
  store i64 %bumps1, ptr %pbumps
  br label %next
next:
  %word = phi i64 [ {RANGES}, %drop ], [ %word1, %kept ]
  %range = getelementptr i64, ptr %s, i64 %word
  %pdelta = getelementptr i64, ptr %range, i64 {DELTA}
  %leads = load i64, ptr %pdelta
  %there = icmp eq i64 %leads, %delta
  br i1 %there, label %clear, label %kept
clear:
  %pinside = getelementptr i64, ptr %range, i64 {INSIDE}
  store i64 0, ptr %pinside
  br label %kept
kept:
  %word1 = add i64 %word, {RANGE_WORDS}
  %end = icmp eq i64 %word1, {RANGES_END}
  br i1 %end, label %done, label %next
done:
  ret void
}}
"""
