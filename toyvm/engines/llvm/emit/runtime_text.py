"""The module of what all regions share: `enter`, `leave` and `refill`, as LLVM's text."""

from __future__ import annotations

from toyvm.machine.sv39 import TABLE_ENTRIES

from .. import state_layout as layout
from ..host_features import features
from ..state_layout import PASSED
from .fault_text import faults
from .fcsr_text import MXCSR, ModeText
from .function_text import ARGUMENTS, CONVENTION, METADATA

_MARKS = TABLE_ENTRIES >> layout.MARK_BITS  # groups of a megapage


class _Enter(ModeText):
    """The way from Python into a region and back: registers and budget from the state, MXCSR for the guest's fcsr."""

    def text(self) -> str:
        host = self._set("alloca i32")
        self._line(f"call void @llvm.x86.sse.stmxcsr(ptr {host})")
        self._set_mxcsr(self._mxcsr_for(self._state_word(layout.FCSR)))
        words = ", ".join(f"i64 {self._state_word(word)}" for word in (layout.LEFT, *PASSED))
        self._line(f"call {CONVENTION} void %region(ptr %s, {words})")
        self._put_state(layout.FCSR, self._fcsr())
        self._line(f"call void @llvm.x86.sse.ldmxcsr(ptr {host})")
        head = "define void @enter(ptr %s, ptr %region) nounwind strictfp {"
        return "\n".join([*sorted(self._declared), head, *self._lines, "  ret void\n}"])


def runtime() -> str:
    """The module of what all regions share: `enter`, `leave` and `refill`."""
    words = {name: value for name, value in vars(layout).items() if name.isupper()}
    words |= {
        "MXCSR_PLAIN": MXCSR,
        "LOG_FULL": layout.LOG_MOST + 1,
        "MASK": layout.PAGES - 1,
        "WRITE_SHIFT": (layout.SHADOW_BYTES // 2 // 32).bit_length() - 1,
        "NOTE_MEGAPAGE": "\n".join(_note(number) for number in range(_MARKS)),
        "RUN_OF_MEGAPAGE": TABLE_ENTRIES << layout.PAGE_BITS,
    }
    lines = [
        _Enter().text(),
        f"define {CONVENTION} void @leave({ARGUMENTS}) nounwind {{",
        *(f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  store i64 %x{n}, ptr %p{n}" for n in PASSED),
        f"  %pl = getelementptr i64, ptr %s, i64 {layout.LEFT}\n  store i64 %left0, ptr %pl\n  ret void\n}}",
        _OUTSIDE + _asking() + (_REFILL + _NOTE + _PAGE).format(**words),
        faults(),
        METADATA,
    ]
    return "\n".join(lines)


# How regions call `refill`: the state in r12, the address in rax, which becomes the result. No other general register changes, so that
# the code of a region is as if there were no call. A region has no red zone and may have any alignment of its stack.
_SAVED = ("rdi", "rsi", "rdx", "r11")  # what the convention of `refill` does not save, or arguments go in
_CALL = [
    "pushq %rbp; movq %rsp, %rbp",
    *(f"pushq %{name}" for name in _SAVED),
    f"movq %r12, %rdi; movq %rax, %rsi; movq {8 * layout.WANTED}(%r12), %rdx",
    f"andq $$-16, %rsp; callq ${{0:P}}; leaq {-8 * len(_SAVED)}(%rbp), %rsp",
    *(f"popq %{name}" for name in (*reversed(_SAVED), "rbp")),
    "retq",
]
_OUTSIDE = f"""
define void @outside() naked nounwind {{
  call void asm sideeffect "{"; ".join(_CALL)}", "s"(ptr @refill)
  unreachable
}}
"""


def _asking() -> str:
    """How `refill` calls the kernel, the fifth argument, with the four before it: no vector register changes. So for a region an
    access changes no register at all, and need not say which it might: LLVM compares the name of each with those of all registers
    of the host, which was a third of its time."""
    move, name, size = ("vmovups", "ymm", 32) if "avx" in features() else ("movups", "xmm", 16)
    saved = range(16)  # `llvm_compile` keeps to these
    code = [
        f"pushq %rbp; movq %rsp, %rbp; subq $${len(saved) * size}, %rsp; andq $$-{size}, %rsp",
        *(f"{move} %{name}{n}, {size * n}(%rsp)" for n in saved),
        "callq *%r8",
        *(f"{move} {size * n}(%rsp), %{name}{n}" for n in saved),
        "movq %rbp, %rsp; popq %rbp; retq",
    ]
    return f"""
define internal i64 @asking(i64 %va, i64 %writes, i64 %pc, i64 %left, ptr %kernel) naked nounwind noinline {{
  call void asm sideeffect "{"; ".join(code)}", ""()
  unreachable
}}
"""


# Host address - virtual address for an access of `%wanted & 15` bytes at `%va`, or 0. Bit 4 of `%wanted` asks for natural
# alignment, bit 5 says that it is a write, the bits above are the range's first word. An access may cross into the next page where the
# frames are neighbours. The run around a page is looked for by jumping over the runs of its neighbours, a few at a time,
# and kept with the page: who comes often finds a longer one.
#
# Where the tables have nothing, it is a page fault. The commonest ones are resolved here (`llvm_faults`); for the others
# the kernel is asked while native code waits, with the host's own MXCSR.
# Atomic accesses are left to their rows, because a fault also ends a reservation.
_REFILL = """
define preserve_mostcc i64 @refill(ptr %s, i64 %va, i64 %wanted) nounwind noinline noimplicitfloat {{
  %mxcsr = alloca i32
  %plain = alloca i32
  %size = and i64 %wanted, 15
  %less = sub i64 %size, 1
  %user = icmp ult i64 %va, 274877906944
  br i1 %user, label %alignment, label %fail, !prof !31
alignment:
  %aligned = lshr i64 %wanted, 4
  %strict = and i64 %aligned, 1
  %zero = sub i64 0, %strict
  %low = and i64 %va, %less
  %odd = and i64 %low, %zero
  %bad = icmp ne i64 %odd, 0
  br i1 %bad, label %fail, label %look, !prof !32
look:
  %pshadow = getelementptr i64, ptr %s, i64 {SHADOW}
  %shadow = load ptr, ptr %pshadow
  %writes = and i64 %wanted, 32
  %bias = shl i64 %writes, {WRITE_SHIFT}
  %table = getelementptr i8, ptr %shadow, i64 %bias
  %pgeneration = getelementptr i64, ptr %s, i64 {GENERATION}
  %generation = load i64, ptr %pgeneration
  %vpn = lshr i64 %va, 12
  %entry = getelementptr {{i64, i64}}, ptr %table, i64 %vpn
  %delta0 = load i64, ptr %entry
  %absent = icmp eq i64 %delta0, 0
  %word = lshr i64 %wanted, 6
  %pfirst = getelementptr i64, ptr %s, i64 %word
  br i1 %absent, label %walk, label %patient, !prof !32
patient:
  %ppatience = getelementptr i64, ptr %pfirst, i64 {PATIENCE}
  %patience0 = load i64, ptr %ppatience
  %patience1 = sub i64 %patience0, 1
  store i64 %patience1, ptr %ppatience
  %tired = icmp slt i64 %patience1, 0
  %offset = and i64 %va, 4095
  %beyondit = add i64 %offset, %size
  %crosses = icmp ugt i64 %beyondit, 4096
  %search = or i1 %tired, %crosses
  br i1 %search, label %begin, label %quick
quick:
  ret i64 %delta0
walk:
  %delta1 = call preserve_mostcc i64 @page(ptr %s, i64 %vpn, i64 %writes, ptr %entry)
  %wrong = icmp eq i64 %delta1, 0
  br i1 %wrong, label %fault, label %begin, !prof !32
fault:
  %inpage = and i64 %va, 4095
  %afterlast = add i64 %inpage, %size
  %onepage = icmp ule i64 %afterlast, 4096
  %lenient = icmp eq i64 %strict, 0
  %asks = and i1 %onepage, %lenient
  br i1 %asks, label %own, label %fail
own:
  %owned = call preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes)
  %settled = icmp ne i64 %owned, 0
  br i1 %settled, label %look, label %ask
ask:
  %pask = getelementptr i64, ptr %s, i64 {FAULT}
  %kernel = load ptr, ptr %pask
  call void @llvm.x86.sse.stmxcsr(ptr %mxcsr)
  store i32 {MXCSR_PLAIN}, ptr %plain
  call void @llvm.x86.sse.ldmxcsr(ptr %plain)
  %ppc = getelementptr i64, ptr %s, i64 {AT}
  %pc = load i64, ptr %ppc
  %pleft = getelementptr i64, ptr %s, i64 {REST}
  %left = load i64, ptr %pleft
  %answer = call i64 @asking(i64 %va, i64 %writes, i64 %pc, i64 %left, ptr %kernel)
  call void @llvm.x86.sse.ldmxcsr(ptr %mxcsr)
  %resolved = icmp ne i64 %answer, 0
  br i1 %resolved, label %look, label %fail
begin:
  %delta = phi i64 [ %delta0, %patient ], [ %delta1, %walk ]
  %prun = getelementptr i64, ptr %entry, i64 1
  %run = load i64, ptr %prun
  %rungen = lshr i64 %run, 52
  %current = icmp eq i64 %rungen, %generation
  %runfirst = and i64 %run, {MASK}
  %runshift = lshr i64 %run, {PAGE_BITS}
  %runlength = and i64 %runshift, {MASK}
  %runend = add i64 %runfirst, %runlength
  %next = add i64 %vpn, 1
  %first0 = select i1 %current, i64 %runfirst, i64 %vpn
  %end0 = select i1 %current, i64 %runend, i64 %next
  br label %up
up:
  %end = phi i64 [ %end0, %begin ], [ %end1, %further ]
  %tries = phi i64 [ 0, %begin ], [ %tries1, %further ]
  %uptop = icmp uge i64 %end, {PAGES}
  br i1 %uptop, label %downs, label %above
above:
  %eabove = getelementptr {{i64, i64}}, ptr %table, i64 %end
  %dabove = load i64, ptr %eabove
  %same = icmp eq i64 %dabove, %delta
  %few = icmp ult i64 %tries, 8
  %on = and i1 %same, %few
  br i1 %on, label %further, label %downs
further:
  %pabove = getelementptr i64, ptr %eabove, i64 1
  %rabove = load i64, ptr %pabove
  %gabove = lshr i64 %rabove, 52
  %cabove = icmp eq i64 %gabove, %generation
  %fabove = and i64 %rabove, {MASK}
  %sabove = lshr i64 %rabove, {PAGE_BITS}
  %labove = and i64 %sabove, {MASK}
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
  %ebelow = getelementptr {{i64, i64}}, ptr %table, i64 %before
  %dbelow = load i64, ptr %ebelow
  %dsame = icmp eq i64 %dbelow, %delta
  %dfew = icmp ult i64 %dtries, 8
  %don = and i1 %dsame, %dfew
  br i1 %don, label %lower, label %found
lower:
  %pbelow = getelementptr i64, ptr %ebelow, i64 1
  %rbelow = load i64, ptr %pbelow
  %gbelow = lshr i64 %rbelow, 52
  %cbelow = icmp eq i64 %gbelow, %generation
  %fbelow = and i64 %rbelow, {MASK}
  %first1 = select i1 %cbelow, i64 %fbelow, i64 %before
  %dtries1 = add i64 %dtries, 1
  br label %down
found:
  %pages = sub i64 %end, %first
  %w0 = shl i64 %pages, {PAGE_BITS}
  %w1 = shl i64 %generation, 52
  %w2 = or i64 %first, %w0
  %w3 = or i64 %w1, %w2
  store i64 %w3, ptr %prun
  %start = shl i64 %first, 12
  %bytes = shl i64 %pages, 12
  %inside = sub i64 %bytes, 7
  %pinside = getelementptr i64, ptr %pfirst, i64 {INSIDE}
  %pdelta = getelementptr i64, ptr %pfirst, i64 {DELTA}
  store i64 %start, ptr %pfirst
  store i64 %inside, ptr %pinside
  store i64 %delta, ptr %pdelta
  %long = icmp ugt i64 %pages, 15
  %patience = select i1 %long, i64 16, i64 32
  %ppatience1 = getelementptr i64, ptr %pfirst, i64 {PATIENCE}
  store i64 %patience, ptr %ppatience1
  %lastbyte = add i64 %va, %less
  %lastpage = lshr i64 %lastbyte, 12
  %within = icmp ult i64 %lastpage, %end
  br i1 %within, label %done, label %crossing, !prof !31
done:
  ret i64 %delta
crossing:
  %beyond = icmp uge i64 %lastpage, {PAGES}
  br i1 %beyond, label %fail, label %second
second:
  %entry2 = getelementptr {{i64, i64}}, ptr %table, i64 %lastpage
  %known2 = load i64, ptr %entry2
  %absent2 = icmp eq i64 %known2, 0
  br i1 %absent2, label %walk2, label %both
walk2:
  %walked2 = call preserve_mostcc i64 @page(ptr %s, i64 %lastpage, i64 %writes, ptr %entry2)
  br label %both
both:
  %delta2 = phi i64 [ %known2, %second ], [ %walked2, %walk2 ]
  %neighbours = icmp eq i64 %delta2, %delta
  br i1 %neighbours, label %done, label %fail
fail:
  ret i64 0
}}
"""

# Entries are going to be made in a group of pages: it gets its mark, and is noted in the log while there is room.
_NOTE = """
define internal preserve_mostcc void @note(ptr %shadow, i64 %group) nounwind noinline noimplicitfloat {{
  %marks = getelementptr i8, ptr %shadow, i64 {SHADOW_BYTES}
  %pmark = getelementptr i8, ptr %marks, i64 %group
  %marked = load i8, ptr %pmark
  %known = icmp ne i8 %marked, 0
  br i1 %known, label %done, label %new
new:
  store i8 1, ptr %pmark
  %log = getelementptr i8, ptr %shadow, i64 {LOG}
  %noted = load i64, ptr %log
  %room = icmp ult i64 %noted, {LOG_MOST}
  %noted1 = add i64 %noted, 1
  br i1 %room, label %enter, label %full
enter:
  %place = getelementptr i64, ptr %log, i64 %noted1
  store i64 %group, ptr %place
  store i64 %noted1, ptr %log
  ret void
full:
  store i64 {LOG_FULL}, ptr %log
  ret void
done:
  ret void
}}
"""


def _note(number: int) -> str:
    """A call of `note` for one of the groups of a megapage."""
    return (
        f"  %group{number} = add i64 %firstmark, {number}\n"
        f"  call preserve_mostcc void @note(ptr %shadow, i64 %group{number})"
    )


# The path of `Mmu.translate`: walk the tables, set A and D, make the entry. A megapage (a leaf of level 1) makes the entries of all
# its pages at once, with the run that they are, and counts as one. Whatever is odd (a page that is not there, a misaligned megapage,
# permissions) is 0, and the reference tier decides.
_PAGE = """
define internal preserve_mostcc i64 @page(ptr %s, i64 %vpn, i64 %writes, ptr %entry) nounwind noinline noimplicitfloat {{
  %pmemory = getelementptr i64, ptr %s, i64 {MEMORY}
  %memory = load i64, ptr %pmemory
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
  %frames = load i64, ptr %pframes
  %proot = getelementptr i64, ptr %s, i64 {ROOT}
  %root = load i64, ptr %proot
  %iswrite = icmp ne i64 %writes, 0
  br label %level
level:
  %table = phi i64 [ %root, %0 ], [ %next, %deeper ]
  %shift = phi i64 [ 18, %0 ], [ %shift1, %deeper ]
  %inmemory = icmp ult i64 %table, %frames
  br i1 %inmemory, label %fetch, label %fail
fetch:
  %top = lshr i64 %vpn, %shift
  %slotno = and i64 %top, 511
  %tablepa = shl i64 %table, 12
  %slotoff = shl i64 %slotno, 3
  %slotpa = add i64 %tablepa, %slotoff
  %slotaddr = add i64 %memory, %slotpa
  %slot = inttoptr i64 %slotaddr to ptr
  %pte = load i64, ptr %slot
  %v = and i64 %pte, 1
  %isv = icmp ne i64 %v, 0
  br i1 %isv, label %valid, label %fail
valid:
  %reserved = lshr i64 %pte, 54
  %isreserved = icmp ne i64 %reserved, 0
  br i1 %isreserved, label %fail, label %kind
kind:
  %rwx = and i64 %pte, 14
  %pointer = icmp eq i64 %rwx, 0
  %ppnraw = lshr i64 %pte, 10
  %next = and i64 %ppnraw, 17592186044415
  %last = icmp eq i64 %shift, 0
  br i1 %pointer, label %down, label %leaf
down:
  br i1 %last, label %fail, label %deeper
deeper:
  %shift1 = sub i64 %shift, 9
  br label %level
leaf:
  %mega = icmp eq i64 %shift, 9
  %ordinary = or i1 %last, %mega
  br i1 %ordinary, label %alignment, label %fail
alignment:
  %within = select i1 %mega, i64 511, i64 0
  %astray = and i64 %next, %within
  %aligned = icmp eq i64 %astray, 0
  br i1 %aligned, label %permission, label %fail
permission:
  %rw = and i64 %pte, 6
  %worald = icmp eq i64 %rw, 4
  br i1 %worald, label %fail, label %permission2
permission2:
  %needed = select i1 %iswrite, i64 20, i64 18
  %got = and i64 %pte, %needed
  %allowed = icmp eq i64 %got, %needed
  br i1 %allowed, label %range, label %fail
range:
  %lastframe = or i64 %next, %within
  %there = icmp ult i64 %lastframe, %frames
  br i1 %there, label %mark, label %fail
mark:
  %bits = select i1 %iswrite, i64 192, i64 64
  %touched = or i64 %pte, %bits
  store i64 %touched, ptr %slot
  %framepa = shl i64 %next, 12
  %host = add i64 %memory, %framepa
  %inside = and i64 %vpn, %within
  %firstvpn = sub i64 %vpn, %inside
  %pageva = shl i64 %firstvpn, 12
  %delta = sub i64 %host, %pageva
  %pshadow = getelementptr i64, ptr %s, i64 {SHADOW}
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
  br i1 %mega, label %megapage, label %counted, !prof !32
megapage:
  %pgeneration = getelementptr i64, ptr %s, i64 {GENERATION}
  %generation = load i64, ptr %pgeneration
  %w0 = shl i64 %generation, 52
  %w1 = or i64 %firstvpn, %w0
  %run = add i64 %w1, {RUN_OF_MEGAPAGE}
  %back = sub i64 0, %inside
  %entries = getelementptr {{i64, i64}}, ptr %entry, i64 %back
  %firstmark = lshr i64 %firstvpn, {MARK_BITS}
{NOTE_MEGAPAGE}
  br label %fill
fill:
  %number = phi i64 [ 0, %megapage ], [ %number1, %fill ]
  %pdelta = getelementptr {{i64, i64}}, ptr %entries, i64 %number
  %prun = getelementptr i64, ptr %pdelta, i64 1
  store i64 %delta, ptr %pdelta
  store i64 %run, ptr %prun
  %number1 = add i64 %number, 1
  %full = icmp eq i64 %number1, 512
  br i1 %full, label %counted, label %fill
counted:
  %pmisses = getelementptr i64, ptr %s, i64 {MISSES}
  %misses = load i64, ptr %pmisses
  %misses1 = add i64 %misses, 1
  store i64 %misses1, ptr %pmisses
  ret i64 %delta
fail:
  ret i64 0
}}
"""
