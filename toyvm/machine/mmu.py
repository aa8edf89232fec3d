"""The memory management unit: the TLB, and the slow path of user-mode accesses.

Engines look up the TLB's dictionaries themselves. They call this module on a TLB miss, for an
access that crosses a page, and for a misaligned access, which works because Linux programs expect
it.
"""

from __future__ import annotations

from ..base.light_types import IntEnum
from .physical_memory import PAGE_MASK, PAGE_SHIFT, PhysicalMemory
from .sv39 import (
    MEGAPAGE_SHIFT,
    MEGAPAGE_SIZE,
    PPN_SHIFT,
    PTE_A,
    PTE_D,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    translated,
    walk,
)
from .traps import Cause, Trap


class Access(IntEnum):
    """The kind of an access; the value is the PTE bit that permits it."""

    READ = PTE_R
    WRITE = PTE_W
    EXECUTE = PTE_X


_PAGE_FAULT = {
    Access.READ: Cause.LOAD_PAGE_FAULT,
    Access.WRITE: Cause.STORE_PAGE_FAULT,
    Access.EXECUTE: Cause.INSTRUCTION_PAGE_FAULT,
}
_ACCESS_FAULT = {
    Access.READ: Cause.LOAD_ACCESS,
    Access.WRITE: Cause.STORE_ACCESS,
    Access.EXECUTE: Cause.INSTRUCTION_ACCESS,
}


_NEEDED = PTE_V | PTE_U


class Tlb:
    """The translation lookaside buffer of one address space, as if tagged with its ASID.

    Each kind of access has its own dictionary, virtual page number -> `pa - va` (both
    page-aligned), so a hit is one look-up without a permission test. `write` holds a page only
    after its PTE has D set. The capacity is unlimited, so a miss is a first use since the last
    invalidation.

    A megapage has one entry, in `megapages`. `Mmu.translate` fills the three dictionaries from it
    without counting a miss. Dropping any page of a megapage drops this entry.
    """

    __slots__ = ("execute", "megapages", "misses", "read", "write")

    def __init__(self) -> None:
        self.read: dict[int, int] = {}
        self.write: dict[int, int] = {}
        self.execute: dict[int, int] = {}
        self.megapages: dict[int, dict[int, int]] = {}  # by access: va >> 21 -> pa - va
        self.misses = 0

    def flush(self) -> None:
        """Drop all entries (sfence.vma without an address). The dictionaries stay the same."""
        self.read.clear()
        self.write.clear()
        self.execute.clear()
        self.megapages.clear()

    def flush_writes(self) -> None:
        """Drop all entries for writes."""
        self.write.clear()
        self.megapages.pop(PTE_W, None)

    def drop(self, vpn: int) -> None:
        """Drop one page (sfence.vma with an address); `vpn` is va >> 12."""
        self.read.pop(vpn, None)
        self.write.pop(vpn, None)
        self.execute.pop(vpn, None)
        for found in self.megapages.values():
            found.pop(vpn >> 9, None)


class Mmu:
    """Translation for one address space: `root_ppn` as in satp, and a TLB.

    `code` holds what the engine derived from the address space's code: decoded blocks and
    translations. It lives as long as the address space.
    """

    __slots__ = ("code", "memory", "root_ppn", "tlb")

    def __init__(self, memory: PhysicalMemory, root_ppn: int, tlb: Tlb | None = None):
        self.memory = memory
        self.root_ppn = root_ppn
        self.tlb = tlb if tlb is not None else Tlb()
        self.code: object = None

    def over(self, memory: PhysicalMemory) -> Mmu:
        """An Mmu for the same page tables in `memory`, a copy of this memory, with an empty TLB."""
        return type(self)(memory, self.root_ppn)

    def translate(self, va: int, access: Access) -> int:
        """The physical address for one user-mode access. Fills the TLB; sets A, and D for a write.

        Raises Trap: a page fault (12, 13, 15) if the tables do not allow the access, an access
        fault (1, 5, 7) if the entry points outside physical memory.
        """
        tlb = self.tlb
        cached = tlb.read if access == PTE_R else tlb.write if access == PTE_W else tlb.execute
        page = va >> PAGE_SHIFT
        delta = cached.get(page)
        if delta is not None:
            return va + delta
        if tlb.megapages:
            delta = tlb.megapages.get(access, {}).get(va >> MEGAPAGE_SHIFT)
            if delta is not None:
                cached[page] = delta
                return va + delta
        tlb.misses += 1
        memory = self.memory
        found = walk(memory, self.root_ppn, va)
        if found is None:
            raise Trap(_PAGE_FAULT[access], va)
        slot, pte, level = found
        needed = _NEEDED | access
        if pte & needed != needed:
            raise Trap(_PAGE_FAULT[access], va)
        pa = translated(pte, level, va) if level else pte >> PPN_SHIFT << PAGE_SHIFT | va & PAGE_MASK
        if pa >= memory.size:
            raise Trap(_ACCESS_FAULT[access], va)
        touched = pte | PTE_A | (PTE_D if access == PTE_W else 0)
        if touched != pte:
            memory.u64[slot] = touched
        cached[page] = pa - va
        if level == 1 and pa | MEGAPAGE_SIZE - 1 < memory.size:
            tlb.megapages.setdefault(access, {})[va >> MEGAPAGE_SHIFT] = pa - va
        return pa

    def load(self, va: int, width: int) -> int:
        """`width` (1, 2, 4 or 8) bytes at any address, as an unsigned number.

        Raises Trap with the address of the first byte that cannot be read.
        """
        pa = self.translate(va, Access.READ)
        if (va & PAGE_MASK) + width <= PAGE_MASK + 1:
            return int.from_bytes(self.memory.u8[pa : pa + width], "little")
        first = PAGE_MASK + 1 - (va & PAGE_MASK)
        rest = self.translate(va + first, Access.READ)
        u8 = self.memory.u8
        return int.from_bytes(bytes(u8[pa : pa + first]) + bytes(u8[rest : rest + width - first]), "little")

    def store(self, va: int, width: int, value: int) -> None:
        """Store the low `width` bytes of `value` at any address.

        Raises Trap before it writes a byte: both pages are translated first.
        """
        data = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        pa = self.translate(va, Access.WRITE)
        if (va & PAGE_MASK) + width <= PAGE_MASK + 1:
            self.memory.u8[pa : pa + width] = data
            return
        first = PAGE_MASK + 1 - (va & PAGE_MASK)
        rest = self.translate(va + first, Access.WRITE)
        self.memory.u8[pa : pa + first] = data[:first]
        self.memory.u8[rest : rest + width - first] = data[first:]

    def fetch(self, pc: int) -> int:
        """The 32 bits at `pc`; only 16 for a compressed instruction in the last 2 bytes of a page.

        Raises Trap with the address of the parcel that cannot be fetched.
        """
        pa = self.translate(pc, Access.EXECUTE)
        if pc & PAGE_MASK != PAGE_MASK - 1:
            return int.from_bytes(self.memory.u8[pa : pa + 4], "little")
        low = self.memory.u16[pa >> 1]
        if low & 0b11 != 0b11:
            return low
        rest = self.translate(pc + 2, Access.EXECUTE)
        return low | self.memory.u16[rest >> 1] << 16


class BareMmu(Mmu):
    """satp.MODE = Bare: addresses are physical, and one outside memory is an access fault.

    Engines still walk tables in native code: the tables at `root_ppn` map each address to itself.
    """

    __slots__ = ()

    def translate(self, va: int, access: Access) -> int:
        """`va`. Raises Trap: an access fault (1, 5, 7) outside physical memory."""
        try:
            return super().translate(va, access)
        except Trap:
            raise Trap(_ACCESS_FAULT[access], va) from None
