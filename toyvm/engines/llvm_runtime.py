"""The module of what all regions share: `enter`, `leave` and `refill`, as LLVM's text."""

from __future__ import annotations

from . import llvm_layout as layout
from .llvm_fcsr import ModeText
from .llvm_layout import PASSED
from .llvm_text import ARGUMENTS, CONVENTION, METADATA


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
    lines = [
        _Enter().text(),
        f"define {CONVENTION} void @leave({ARGUMENTS}) nounwind {{",
        *(f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  store i64 %x{n}, ptr %p{n}" for n in PASSED),
        f"  %pl = getelementptr i64, ptr %s, i64 {layout.LEFT}\n  store i64 %left0, ptr %pl\n  ret void\n}}",
        _REFILL.format(**{name: value for name, value in vars(layout).items() if name.isupper()}),
        METADATA,
    ]
    return "\n".join(lines)


# The path of `Mmu.translate` for ordinary pages: walk the three tables, set A and D, make the entry. Whatever is odd (a
# page that is not there, superpages, permissions, page-crossing accesses) is 0, and the reference tier decides. Bit 4
# of the size asks for natural alignment.
_REFILL = """
define preserve_mostcc i64 @refill(ptr %s, i64 %va, i64 %wanted, i64 %access) nounwind noinline {{
  %size = and i64 %wanted, 15
  %strict = and i64 %wanted, 16
  %user = icmp ult i64 %va, 274877906944
  br i1 %user, label %crossing, label %fail
crossing:
  %offset = and i64 %va, 4095
  %end = add i64 %offset, %size
  %within = icmp ule i64 %end, 4096
  br i1 %within, label %alignment, label %fail
alignment:
  %m1 = sub i64 %size, 1
  %odd = and i64 %va, %m1
  %isodd = icmp ne i64 %odd, 0
  %isstrict = icmp ne i64 %strict, 0
  %bad = and i1 %isodd, %isstrict
  br i1 %bad, label %fail, label %look
look:
  %pshadow = getelementptr i64, ptr %s, i64 {SHADOW}
  %shadowi = load i64, ptr %pshadow
  %shadow = inttoptr i64 %shadowi to ptr
  %vpn = lshr i64 %va, 12
  %iswrite = icmp eq i64 %access, 4
  %bias = select i1 %iswrite, i64 {PAGES}, i64 0
  %index = add i64 %vpn, %bias
  %entry = getelementptr i64, ptr %shadow, i64 %index
  %delta = load i64, ptr %entry
  %known = icmp ne i64 %delta, 0
  br i1 %known, label %hit, label %walk
hit:
  %h0 = add i64 %va, %delta
  ret i64 %h0
walk:
  %pmemory = getelementptr i64, ptr %s, i64 {MEMORY}
  %memory = load i64, ptr %pmemory
  %pframes = getelementptr i64, ptr %s, i64 {FRAMES}
  %frames = load i64, ptr %pframes
  %proot = getelementptr i64, ptr %s, i64 {ROOT}
  %root = load i64, ptr %proot
  br label %level
level:
  %table = phi i64 [ %root, %walk ], [ %next, %deeper ]
  %shift = phi i64 [ 30, %walk ], [ %shift1, %deeper ]
  %inmemory = icmp ult i64 %table, %frames
  br i1 %inmemory, label %fetch, label %fail
fetch:
  %top = lshr i64 %va, %shift
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
  %last = icmp eq i64 %shift, 12
  br i1 %pointer, label %down, label %leaf
down:
  br i1 %last, label %fail, label %deeper
deeper:
  %shift1 = sub i64 %shift, 9
  br label %level
leaf:
  br i1 %last, label %permission, label %fail
permission:
  %rw = and i64 %pte, 6
  %worald = icmp eq i64 %rw, 4
  br i1 %worald, label %fail, label %permission2
permission2:
  %needed = or i64 %access, 16
  %got = and i64 %pte, %needed
  %allowed = icmp eq i64 %got, %needed
  br i1 %allowed, label %range, label %fail
range:
  %there = icmp ult i64 %next, %frames
  br i1 %there, label %mark, label %fail
mark:
  %bits = select i1 %iswrite, i64 192, i64 64
  %touched = or i64 %pte, %bits
  store i64 %touched, ptr %slot
  %framepa = shl i64 %next, 12
  %host = add i64 %memory, %framepa
  %pageva = and i64 %va, -4096
  %newdelta = sub i64 %host, %pageva
  store i64 %newdelta, ptr %entry
  %pmisses = getelementptr i64, ptr %s, i64 {MISSES}
  %misses = load i64, ptr %pmisses
  %misses1 = add i64 %misses, 1
  store i64 %misses1, ptr %pmisses
  %h1 = add i64 %va, %newdelta
  ret i64 %h1
fail:
  ret i64 0
}}
"""
