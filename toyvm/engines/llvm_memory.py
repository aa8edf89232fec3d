"""Loads and stores as LLVM's text: where in the host's memory the guest's data is.

An access first compares its page with the one that the same base register last accessed in this region, then looks into
the shadow page table; what is not there calls `refill`, in a block that is marked unlikely, and if that finds nothing
either, the region is left with `MISS`.
"""

from __future__ import annotations

from ..isa.ops import Node, Op
from ..machine.sv39 import PTE_R, PTE_W
from . import llvm_layout as layout
from .llvm_region import Block, Key, Region, forward
from .llvm_text import GUEST, LIKELY, TABLE
from .llvm_values import ValueText

_NOWHERE = 2048  # no page begins there
Page = tuple[int, int]  # the register that addresses are made from, the access


class MemoryText(ValueText):
    """Prints loads and stores of a region's blocks."""

    def __init__(self, region: Region):
        super().__init__()
        self._pages = _pages_known(region)
        self._known: set[Page] = set()
        self._kept = {page for pages in self._pages.values() for page in pages} | _repeated(region)

    def _leave(self, status: int, pc: str) -> None:
        """Print the way back to Python."""
        raise NotImplementedError

    def _no_pages(self) -> None:
        """At the region's entry no page is known."""
        for base, access in sorted(self._kept):
            self._line(f"%k{base}_{access} = alloca i64")
            self._line(f"%d{base}_{access} = alloca i64")
            self._line(f"store i64 {_NOWHERE}, ptr %k{base}_{access}")
            self._line(f"store i64 0, ptr %d{base}_{access}")

    def _store(self, node: Node) -> None:
        address, data = node.args
        value = self._value(data)
        pointer = self._pointer(address, data.width // 8, PTE_W)
        self._line(f"store i{data.width} {value}, ptr {pointer}, align 1{GUEST}")

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        pointer = self._pointer(node.args[0], node.width // 8, access, aligned)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{GUEST}")

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
        self._line(f"br i1 {plain}, label %{inside}, label %{slow}{LIKELY}")
        self._start(inside)
        number = self._set(f"lshr i64 {turned}, {12 - shift}")
        table = "%shadow" if access == PTE_R else "%writable"
        slot = self._set(f"getelementptr i64, ptr {table}, i64 {number}")
        delta = self._set(f"load i64, ptr {slot}{TABLE}")
        there = self._set(f"icmp ne i64 {delta}, 0")
        self._line(f"br i1 {there}, label %{fast}, label %{slow}{LIKELY}")
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
    return forward(region, accessed)


def _repeated(region: Region) -> set[Page]:
    """The pages that some block accesses more than once."""
    found = set()
    for block in region.blocks.values():
        pages = _accesses(block)
        found |= {page for page in pages if pages.count(page) > 1}
    return found
