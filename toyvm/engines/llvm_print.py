"""Prints a region as the text of an LLVM module: the same trees as every engine, an operation a line.

    define preserve_nonecc void @region(ptr %s, i64 %left, i64 %x1, i64 %x2, i64 %x10, ...)

Registers are stack slots in the text, which LLVM's first pass makes SSA values of. A load or store looks into the shadow
page table; what is not there calls `refill`, in a block that is marked unlikely, and if that finds nothing either,
leaves with `MISS`. Whoever leaves writes what has changed since the region began: the slots that some way to this place
has written. Aliasing is told by scopes: the state, the shadow and the guest's memory never overlap, and an entry of
the shadow that was there once stays while native code runs, so nothing forgets it.
"""

from __future__ import annotations

from typing import TypeVar

from ..bits import sext
from ..isa.ops import Node, Op
from ..machine.sv39 import PTE_R, PTE_W
from . import llvm_layout as layout
from .llvm_layout import PASSED
from .llvm_region import Block, Key, Region, Step, control, direct, is_return

_BINARY = {
    Op.ADD: "add", Op.SUB: "sub", Op.MUL: "mul", Op.AND: "and", Op.OR: "or", Op.XOR: "xor",
    Op.SHL: "shl", Op.LSHR: "lshr", Op.ASHR: "ashr",
    Op.UDIV: "udiv", Op.UREM: "urem", Op.SDIV: "sdiv", Op.SREM: "srem",
    Op.EQ: "icmp eq", Op.NE: "icmp ne", Op.ULT: "icmp ult", Op.UGE: "icmp uge", Op.SLT: "icmp slt", Op.SGE: "icmp sge",
}  # fmt: skip
_CONVERSIONS = {Op.TRUNC: "trunc", Op.ZEXT: "zext", Op.SEXT: "sext"}

# Operations that are an intrinsic function of LLVM, by name: the function, its arguments after the value.
_INTRINSICS = {"CLZ": ("ctlz", ", i1 false"), "CTZ": ("cttz", ", i1 false"), "CPOP": ("ctpop", "")}

SUPPORTED = frozenset(
    {
        *(op for op in Op if op.name in _INTRINSICS),
        *_BINARY,
        *_CONVERSIONS,
        Op.SELECT,
        Op.CONST,
        Op.PC,
        Op.READ_X,
        Op.LOAD,
        Op.AMO_LOAD,
        Op.STORE,
        Op.FENCE,
        Op.JUMP,
        Op.BRANCH,
        Op.WRITE_X,
    }
)

CONVENTION = "preserve_nonecc"
_ARGUMENTS = ", ".join(["ptr %s", "i64 %left0", *(f"i64 %x{number}" for number in PASSED)])
_STATE, _GUEST, _TABLE = (
    ", !alias.scope !4, !noalias !7",
    ", !alias.scope !5, !noalias !8",
    ", !alias.scope !6, !noalias !9",
)
_LIKELY, _UNLIKELY = ", !prof !10", ", !prof !11"
_NOWHERE = 2048  # no page begins there
Page = tuple[int, int]  # the register that addresses are made from, the access
T = TypeVar("T")
METADATA = """
!0 = !{!0}
!1 = !{!1, !0}
!2 = !{!2, !0}
!3 = !{!3, !0}
!4 = !{!1}
!5 = !{!2}
!6 = !{!3}
!7 = !{!2, !3}
!8 = !{!1, !3}
!9 = !{!1, !2}
!10 = !{!"branch_weights", i32 100000, i32 1}
!11 = !{!"branch_weights", i32 1, i32 100000}
!12 = !{!1, !3}
"""


class RegionPrinter:
    """Prints one region; `text()` is the module."""

    def __init__(self, region: Region):
        self._region = region
        self._lines: list[str] = []
        self._numbers = {key: number for number, key in enumerate(region.blocks)}
        self._names = 0
        self._values: dict[Node, str] = {}
        self._step: Step
        self._done = 0
        self._dirty: set[int] = set()
        self._declared: set[str] = set()
        self._pages = _pages_known(region)
        self._known: set[Page] = set()
        self._kept = {page for pages in self._pages.values() for page in pages} | _repeated(region)
        self._touched = {
            node.args[0].value
            for block in region.blocks.values()
            for step in block.steps
            for node in _registers(step)
        }

    # --- the module ---

    def text(self) -> str:
        """The module's text."""
        dirty = _dirty_at_entry(self._region)
        self._entry()
        for key, block in self._region.blocks.items():
            self._dirty = set(dirty[key])
            self._block(block)
        return "\n".join(
            [
                *sorted(self._declared),
                f"define {CONVENTION} void @region({_ARGUMENTS}) nounwind {{",
                *self._lines,
                "}",
                METADATA,
            ]
        )

    def _entry(self) -> None:
        self._lines.append("entry:")
        self._line("%left = alloca i64")
        self._line("store i64 %left0, ptr %left")
        for number in sorted(self._touched | set(PASSED)):
            self._line(f"%r{number} = alloca i64")
            value = f"%x{number}"
            if number not in PASSED:
                value = self._state_word(number)
            self._line(f"store i64 {value}, ptr %r{number}")
        for base, access in sorted(self._kept):
            self._line(f"%k{base}_{access} = alloca i64")
            self._line(f"%d{base}_{access} = alloca i64")
            self._line(f"store i64 {_NOWHERE}, ptr %k{base}_{access}")
            self._line(f"store i64 0, ptr %d{base}_{access}")
        for name, word in (("shadow", layout.SHADOW), ("jump", layout.JUMP), ("refill", layout.REFILL)):
            self._line(f"%{name} = inttoptr i64 {self._state_word(word)} to ptr")
        self._line(f"%writable = getelementptr i64, ptr %shadow, i64 {layout.PAGES}")
        self._line(f"br label %{self._label(self._region.entry)}")

    def _state_word(self, word: int) -> str:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        return self._set(f"load i64, ptr {pointer}{_STATE}")

    def _put_state(self, word: int, value: str) -> None:
        pointer = self._set(f"getelementptr i64, ptr %s, i64 {word}")
        self._line(f"store i64 {value}, ptr {pointer}{_STATE}")

    def _line(self, text: str) -> None:
        self._lines.append("  " + text)

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _set(self, text: str) -> str:
        name = "%" + self._name()
        self._line(f"{name} = {text}")
        return name

    def _start(self, label: str) -> None:
        self._lines.append(f"{label}:")

    def _label(self, key: Key) -> str:
        return f"b{self._numbers[key]}"

    # --- blocks and where they lead ---

    def _block(self, block: Block) -> None:
        self._start(self._label(block.key))
        self._done = 0
        self._known = set(self._pages[block.key])
        need = self._region.needs.get(block.key)
        if need is not None:
            left = self._set("load i64, ptr %left")
            short = self._set(f"icmp ult i64 {left}, {need}")
            enough, out = self._name(), self._name()
            self._line(f"br i1 {short}, label %{out}, label %{enough}{_UNLIKELY}")
            self._start(out)
            self._leave(layout.BUDGET, str(block.key[0]))
            self._start(enough)
        for step in block.steps[:-1]:
            self._plain(step)
        last = block.steps[-1]
        jump = control(last.effects)
        if jump is None:
            self._plain(last)
            self._spend(len(block.steps))
            self._go(block.after, block.stops)
        else:
            self._control(block, last, jump)

    def _plain(self, step: Step) -> None:
        self._begin(step)
        for write in self._effects(step):
            self._write(*write)
        self._done += 1

    def _begin(self, step: Step) -> None:
        self._step = step
        self._values = {}

    def _control(self, block: Block, step: Step, jump: Node) -> None:
        self._begin(step)
        writes = self._effects(step)
        operands = [self._value(argument) for argument in jump.args]
        for write in writes:
            self._write(*write)
        self._spend(len(block.steps))
        self._done = 0
        if jump.op is Op.BRANCH:
            self._branch(block, operands[0], operands[1])
        elif direct(jump.args[0], step.pc) is not None:
            self._go(block.taken, False)
        elif block.taken is not None and is_return(step.effects, jump):
            back = self._set(f"icmp eq i64 {operands[0]}, {block.taken[0]}")
            yes, no = self._name(), self._name()
            self._line(f"br i1 {back}, label %{yes}, label %{no}{_LIKELY}")
            self._start(yes)
            self._go(block.taken, False)
            self._start(no)
            self._transfer(operands[0])
        else:
            self._transfer(operands[0])

    def _branch(self, block: Block, condition: str, target: str) -> None:
        blocks = self._region.blocks
        taken, after = block.taken, block.after
        if condition in ("0", "1"):
            if taken is not None and condition == "1":
                self._go(taken, False)
            elif condition == "1":
                self._transfer(target)
            else:
                self._go(after, block.stops)
            return
        assert taken is not None
        labels = [self._label(key) if key in blocks else self._name() for key in (taken, after)]
        weight = (
            _UNLIKELY
            if taken not in blocks and after in blocks
            else _LIKELY
            if after not in blocks and taken in blocks
            else ""
        )
        self._line(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}{weight}")
        if taken not in blocks:
            self._start(labels[0])
            self._go(taken, False)
        if after not in blocks:
            self._start(labels[1])
            self._go(after, block.stops)

    def _go(self, key: Key | None, stops: bool) -> None:
        """On to a block of the region, or out of it."""
        assert key is not None
        if key in self._region.blocks:
            self._line(f"br label %{self._label(key)}")
        elif stops:
            self._done = 0
            self._leave(layout.STOP, str(key[0]))
        else:
            self._done = 0
            self._transfer(str(key[0]))

    def _spend(self, count: int) -> None:
        left = self._set("load i64, ptr %left")
        self._line(f"store i64 {self._set(f'sub i64 {left}, {count}')}, ptr %left")

    def _spill(self) -> None:
        """Changed registers that are not passed on go to the state."""
        for number in sorted(self._dirty.difference(PASSED)):
            self._put_state(number, self._set(f"load i64, ptr %r{number}"))

    def _call(self, function: str, left: str) -> None:
        """The last thing a region does: go on in another function."""
        passed = [self._set(f"load i64, ptr %r{number}") for number in PASSED]
        arguments = ", ".join(["ptr %s", f"i64 {left}", *(f"i64 {value}" for value in passed)])
        self._line(f"musttail call {CONVENTION} void {function}({arguments})")
        self._line("ret void")

    def _leave(self, status: int, pc: str) -> None:
        """Back to Python, `self._done` instructions into the block."""
        self._spill()
        self._put_state(layout.PC, pc)
        self._put_state(layout.STATUS, str(status))
        left = self._set("load i64, ptr %left")
        if self._done:
            left = self._set(f"sub i64 {left}, {self._done}")
        leave = self._set(f"inttoptr i64 {self._state_word(layout.LEAVE)} to ptr")
        self._call(leave, left)

    def _transfer(self, target: str) -> None:
        """To whatever function begins at an address, by the table of entry points."""
        mask = (1 << layout.JUMP_BITS) - 1
        index = str(int(target) >> 1 & mask) if target.isdigit() else ""
        if not index:
            index = self._set(f"and i64 {self._set(f'lshr i64 {target}, 1')}, {mask}")
        slot = self._set(f"getelementptr {{i64, ptr}}, ptr %jump, i64 {index}")
        there = self._set(f"load i64, ptr {slot}{_TABLE}")
        known, unknown = self._name(), self._name()
        same = self._set(f"icmp eq i64 {there}, {target}")
        self._line(f"br i1 {same}, label %{known}, label %{unknown}{_LIKELY}")
        self._start(known)
        place = self._set(f"getelementptr {{i64, ptr}}, ptr {slot}, i64 0, i32 1")
        function = self._set(f"load ptr, ptr {place}{_TABLE}")
        self._spill()
        self._call(function, self._set("load i64, ptr %left"))
        self._start(unknown)
        self._leave(layout.LOOKUP, target)

    # --- effects ---

    def _effects(self, step: Step) -> list[tuple[int, str]]:
        """Carry out an instruction's effects; the register writes that are to follow."""
        writes = []
        for node in step.effects:
            op, args = node.op, node.args
            if op is Op.LOAD:
                self._load(node, PTE_R)
            elif op is Op.AMO_LOAD:
                self._load(node, PTE_W, aligned=True)
            elif op is Op.STORE:
                value = self._value(args[1])
                pointer = self._pointer(args[0], args[1].width // 8, PTE_W)
                self._line(f"store i{args[1].width} {value}, ptr {pointer}, align 1{_GUEST}")
            elif op is Op.WRITE_X:
                writes.append((args[0].value, self._value(args[1])))
        return writes

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        pointer = self._pointer(node.args[0], node.width // 8, access, aligned)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{_GUEST}")

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False) -> str:
        """Where an access goes in the host's memory; leaves where it needs the slow path."""
        va = self._value(address)
        page = _page(address, access)
        join = self._name()
        ways = []
        if page in self._known:
            ways.append(self._same_page(va, size, page, join))
        ways += self._by_shadow(va, size | (16 if aligned else 0), access, page, join)
        self._start(join)
        host = self._set("phi i64 " + ", ".join(f"[ {value}, %{label} ]" for value, label in ways))
        return self._set(f"inttoptr i64 {host} to ptr")

    def _same_page(self, va: str, size: int, page: Page, join: str) -> tuple[str, str]:
        """An access in the page that was last accessed by the same register: no look-up, nothing to wait for."""
        same, other = self._name(), self._name()
        key = self._set(f"load i64, ptr %k{page[0]}_{page[1]}")
        delta = self._set(f"load i64, ptr %d{page[0]}_{page[1]}")
        inside = self._set(f"and i64 {va}, {-4096 | size - 1}")
        hit = self._set(f"icmp eq i64 {inside}, {key}")
        self._line(f"br i1 {hit}, label %{same}, label %{other}")
        self._start(same)
        near = self._set(f"add i64 {va}, {delta}")
        self._line(f"br label %{join}")
        self._start(other)
        return near, same

    def _by_shadow(self, va: str, wanted: int, access: int, page: Page, join: str) -> list[tuple[str, str]]:
        """An access by the shadow page table, or by `refill`."""
        slow, inside, fast, back, out = (self._name() for _ in range(5))
        shift = (wanted & 15).bit_length() - 1
        turned = va
        if shift:
            self._declared.add("declare i64 @llvm.fshr.i64(i64, i64, i64)")
            turned = self._set(f"call i64 @llvm.fshr.i64(i64 {va}, i64 {va}, i64 {shift})")
        plain = self._set(f"icmp ult i64 {turned}, {1 << (38 - shift)}")
        self._line(f"br i1 {plain}, label %{inside}, label %{slow}{_LIKELY}")
        self._start(inside)
        number = self._set(f"lshr i64 {turned}, {12 - shift}")
        table = "%shadow" if access == PTE_R else "%writable"
        slot = self._set(f"getelementptr i64, ptr {table}, i64 {number}")
        delta = self._set(f"load i64, ptr {slot}{_TABLE}")
        there = self._set(f"icmp ne i64 {delta}, 0")
        self._line(f"br i1 {there}, label %{fast}, label %{slow}{_LIKELY}")
        self._start(fast)
        near = self._set(f"add i64 {va}, {delta}")
        if page in self._kept:
            self._line(f"store i64 {self._set(f'and i64 {va}, -4096')}, ptr %k{page[0]}_{page[1]}")
            self._line(f"store i64 {delta}, ptr %d{page[0]}_{page[1]}")
            self._known.add(page)
        self._line(f"br label %{join}")
        self._start(slow)
        far = self._set(
            f"call preserve_mostcc i64 %refill(ptr %s, i64 {va}, i64 {wanted}, i64 {access}) nounwind, !noalias !12"
        )
        missing = self._set(f"icmp eq i64 {far}, 0")
        self._line(f"br i1 {missing}, label %{out}, label %{back}")
        self._start(out)
        self._leave(layout.MISS, str(self._step.pc))
        self._start(back)
        self._line(f"br label %{join}")
        return [(near, fast), (far, back)]

    def _write(self, number: int, value: str) -> None:
        self._dirty.add(number)
        self._line(f"store i64 {value}, ptr %r{number}")

    # --- values ---

    def _value(self, node: Node) -> str:
        found = self._values.get(node)
        if found is None:
            found = self._values[node] = self._compute(node)
        return found

    def _compute(self, node: Node) -> str:
        op, args, width = node.op, node.args, node.width
        if op is Op.CONST:
            return str(node.value)
        if op is Op.PC:
            return str(self._step.pc)
        if op is Op.READ_X:
            return self._set(f"load i64, ptr %r{args[0].value}")
        if (constant := direct(node, self._step.pc)) is not None:
            return str(constant)
        values = [self._value(argument) for argument in args]
        if op in _CONVERSIONS:
            if values[0].isdigit():
                return str(
                    (sext(int(values[0]), args[0].width) if op is Op.SEXT else int(values[0]))
                    & ((1 << width) - 1)
                )
            return self._set(f"{_CONVERSIONS[op]} i{args[0].width} {values[0]} to i{width}")
        if op.name in _INTRINSICS:
            function, rest = _INTRINSICS[op.name]
            more = ", i1" if rest else ""
            self._declared.add(f"declare i{width} @llvm.{function}.i{width}(i{width}{more})")
            return self._set(f"call i{width} @llvm.{function}.i{width}(i{width} {values[0]}{rest})")
        if op is Op.SELECT:
            return self._set(f"select i1 {values[0]}, i{width} {values[1]}, i{width} {values[2]}")
        return self._set(f"{_BINARY[op]} i{args[0].width} {values[0]}, {values[1]}")


def _registers(step: Step) -> list[Node]:
    """The reads and writes of integer registers in a step's tree."""
    found = []
    waiting = list(step.effects)
    while waiting:
        node = waiting.pop()
        if node.op is Op.READ_X or node.op is Op.WRITE_X:
            found.append(node)
        waiting += node.args
    return found


def _dirty_at_entry(region: Region) -> dict[Key, set[int]]:
    """For each block the registers that may have been written on some way to it."""
    written = {
        key: {node.args[0].value for step in block.steps for node in step.effects if node.op is Op.WRITE_X}
        for key, block in region.blocks.items()
    }
    return _forward(region, written)


def _forward(region: Region, made: dict[Key, set[T]]) -> dict[Key, set[T]]:
    """What some way from the entry to each block has made."""
    before: dict[Key, set[T]] = {key: set() for key in region.blocks}
    waiting = list(region.blocks)
    while waiting:
        key = waiting.pop()
        out = before[key] | made[key]
        for to in region.blocks[key].successors:
            if to in before and not out <= before[to]:
                before[to] |= out
                waiting.append(to)
    return before


def _page(address: Node, access: int) -> Page:
    """By what the page of an access is remembered: the register that the address is made of."""
    while address.op is not Op.READ_X and address.args:
        address = address.args[0]
    return (address.args[0].value if address.op is Op.READ_X else 0), access


def _accesses(block: Block) -> list[Page]:
    kinds = {Op.LOAD: PTE_R, Op.AMO_LOAD: PTE_W, Op.STORE: PTE_W}
    return [
        _page(node.args[0], kinds[node.op])
        for step in block.steps
        for node in step.effects
        if node.op in kinds
    ]


def _pages_known(region: Region) -> dict[Key, set[Page]]:
    """For each block the pages that some way to it has accessed."""
    accessed = {key: set(_accesses(block)) for key, block in region.blocks.items()}
    return _forward(region, accessed)


def _repeated(region: Region) -> set[Page]:
    """The pages that some block accesses more than once."""
    found = set()
    for block in region.blocks.values():
        pages = _accesses(block)
        found |= {page for page in pages if pages.count(page) > 1}
    return found


def runtime() -> str:
    """The module of what all regions share: `enter`, `leave` and `refill`."""
    passed = ", ".join(f"i64 %x{number}" for number in PASSED)
    lines = [
        "define void @enter(ptr %s, ptr %region) nounwind {",
        *(f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  %x{n} = load i64, ptr %p{n}" for n in PASSED),
        f"  %pl = getelementptr i64, ptr %s, i64 {layout.LEFT}\n  %left0 = load i64, ptr %pl",
        f"  call {CONVENTION} void %region(ptr %s, i64 %left0, {passed})\n  ret void\n}}",
        f"define {CONVENTION} void @leave({_ARGUMENTS}) nounwind {{",
        *(f"  %p{n} = getelementptr i64, ptr %s, i64 {n}\n  store i64 %x{n}, ptr %p{n}" for n in PASSED),
        f"  %pl = getelementptr i64, ptr %s, i64 {layout.LEFT}\n  store i64 %left0, ptr %pl\n  ret void\n}}",
        _REFILL.format(**{name: value for name, value in vars(layout).items() if name.isupper()}),
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
