"""Sv39 translation (privileged manual, "Sv39: Page-Based 39-bit Virtual-Memory System").

A table is one frame of 512 entries of 8 bytes. An address consists of VPN[2] = bits[38:30],
VPN[1] = bits[29:21], VPN[0] = bits[20:12] and an offset = bits[11:0]. Each VPN indexes the table of
its level.

    63     54 53                         10 9  8 7 6 5 4 3 2 1 0
    reserved  PPN                           RSW  D A G U X W R V
"""

from __future__ import annotations

from collections.abc import Iterator

from .physical_memory import PAGE_SHIFT, PhysicalMemory

PTE_V = 1 << 0  # valid
PTE_R = 1 << 1
PTE_W = 1 << 2
PTE_X = 1 << 3
PTE_U = 1 << 4  # accessible to user mode
PTE_G = 1 << 5  # global: mapped in every address space
PTE_A = 1 << 6  # accessed
PTE_D = 1 << 7  # dirty
PTE_COW = 1 << 8  # RSW[0], for software: private, and W is withheld because the frame is shared
PTE_SHARED = 1 << 9  # RSW[1], for software: part of a MAP_SHARED mapping; fork leaves it writable
PTE_RSW = PTE_COW | PTE_SHARED  # the two bits that the machine ignores
PTE_LEAF = PTE_R | PTE_W | PTE_X  # a valid entry with none of these points to the next table

_KIND = PTE_V | PTE_LEAF  # an entry with only V of these points to a table

PTE_RESERVED_SHIFT = 54  # an entry with this bit or a higher one set faults

# In an entry without V, all other bits are for software. Bit 5 (G if V is set) marks a page in the swap
# area: the PPN is its slot, and U is clear.
PTE_SWAP = 1 << 5

PPN_SHIFT = 10
PPN_MASK = (1 << 44) - 1
LEVELS = 3
LEVEL_BITS = 9  # bits of the VPN per level
VA_BITS = 39
USER_TOP = 1 << (VA_BITS - 1)  # the user half: addresses below the hole
TABLE_ENTRIES = 1 << LEVEL_BITS
MEGAPAGE_SHIFT = PAGE_SHIFT + LEVEL_BITS  # a leaf of level 1 maps 2 MiB
MEGAPAGE_SIZE = 1 << MEGAPAGE_SHIFT


def make_pte(frame: int, flags: int) -> int:
    """The entry that maps `frame`, or points to the table in it."""
    return frame << PPN_SHIFT | flags


def pte_frame(pte: int) -> int:
    """The PPN of an entry."""
    return pte >> PPN_SHIFT & PPN_MASK


def swap_entry(slot: int) -> int:
    """The entry for a page that is in `slot` of the swap area."""
    return slot << PPN_SHIFT | PTE_SWAP


def entry_slot(pte: int) -> int:
    """The swap slot of a swap entry."""
    return pte >> PPN_SHIFT


def is_canonical(va: int) -> bool:
    """Whether bits[63:39] all equal bit 38, as Sv39 requires."""
    top = va >> (VA_BITS - 1)
    return top in (0, (1 << 26) - 1)


def vpn(va: int, level: int) -> int:
    """VPN[level] of an address: its index into the table of that level."""
    return va >> (PAGE_SHIFT + 9 * level) & 0x1FF


def walk(memory: PhysicalMemory, root_ppn: int, va: int) -> tuple[int, int, int] | None:
    """The leaf entry for `va`: (its index in `memory.u64`, the entry, its level).

    Follows the manual's "Virtual Address Translation Process" without its permission checks.
    Returns None if the address is not canonical, an entry is invalid, a superpage is misaligned, or
    a table lies outside physical memory.
    """
    # Every TLB miss walks, so the loop is unrolled. An entry at or above `beyond` points outside memory.
    u64, beyond = memory.u64, memory.frame_count << PPN_SHIFT
    if root_ppn << PPN_SHIFT >= beyond or (va >= USER_TOP and not is_canonical(va)):
        return None
    slot = (root_ppn << 9) + (va >> 30 & 0x1FF)
    pte = u64[slot]
    if pte & _KIND != PTE_V:
        return _leaf(slot, pte, 2)
    if pte >= beyond:
        return None
    slot = (pte >> PPN_SHIFT << 9) + (va >> 21 & 0x1FF)
    pte = u64[slot]
    if pte & _KIND != PTE_V:
        return _leaf(slot, pte, 1)
    if pte >= beyond:
        return None
    slot = (pte >> PPN_SHIFT << 9) + (va >> 12 & 0x1FF)
    pte = u64[slot]
    if pte & (PTE_V | PTE_R) == PTE_V | PTE_R and not pte >> PTE_RESERVED_SHIFT:  # nearly every leaf
        return slot, pte, 0
    return _leaf(slot, pte, 0)


def _leaf(slot: int, pte: int, level: int) -> tuple[int, int, int] | None:
    """The walk's result for an entry of `level`; None if it is not a valid leaf."""
    kind = pte & _KIND
    if not kind & PTE_V or kind == PTE_V or kind & (PTE_R | PTE_W) == PTE_W or pte >> PTE_RESERVED_SHIFT:
        return None
    misaligned = pte_frame(pte) & (1 << 9 * level) - 1
    return None if misaligned else (slot, pte, level)


def entries(memory: PhysicalMemory, root_ppn: int) -> Iterator[tuple[int, int, int, int]]:
    """(level, index in its table, virtual address, entry) of each nonzero entry, in address order.

    An entry that points to a table comes before the entries of that table.
    """
    to_do = [(2, 0, root_ppn, 0)]
    while to_do:
        level, first, table, base = to_do.pop()
        start = table << LEVEL_BITS
        for number, pte in enumerate(memory.u64[start + first : start + TABLE_ENTRIES].tolist(), first):
            if pte:
                va = base | number << PAGE_SHIFT + LEVEL_BITS * level
                yield level, number, va, pte
                if pte & _KIND == PTE_V:
                    to_do += [(level, number + 1, table, base), (level - 1, 0, pte_frame(pte), va)]
                    break


def translated(pte: int, level: int, va: int) -> int:
    """The physical address of `va` under a leaf entry of `level`."""
    offset_mask = (1 << (PAGE_SHIFT + 9 * level)) - 1
    return (pte_frame(pte) << PAGE_SHIFT & ~offset_mask) | (va & offset_mask)
