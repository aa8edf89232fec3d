"""Views of a process's memory as text: the memory map, the map with sizes, the page table."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kernel.accounts import proc_text
from ..machine.physical_memory import PAGE_SHIFT
from ..machine.sv39 import PTE_LEAF, PTE_SWAP, PTE_V, entries, entry_slot, pte_frame
from .pte_text import flag_letters, software_bits

if TYPE_CHECKING:
    from ..kernel.mm.address_space import AddressSpace


def page_table(mm: AddressSpace) -> str:
    """The page table in the style of xv6's vmprint: a line for each entry, indented by level.

    Entries of 0 are omitted. The line of a leaf shows its Sv39 flags, its virtual address, and the
    kernel's software bits: `cow` (the page is not writable until its frame is copied), `shared`, or
    the swap slot. A leaf of level 1 is a `megapage`.
    """
    root = mm.table.root_ppn
    lines = (_line(*entry) for entry in entries(mm.memory, root))
    return f"page table {root << PAGE_SHIFT:#018x}\n" + "".join(lines)


def _line(level: int, number: int, va: int, pte: int) -> str:
    line = f"{' ..' * (3 - level)}{number}: pte {pte:#018x}"
    if pte & PTE_SWAP:
        return f"{line} swap slot {entry_slot(pte)} va {va:#x}\n"
    line += f" pa {pte_frame(pte) << PAGE_SHIFT:#018x}"
    if pte & PTE_V and not pte & PTE_LEAF:
        return line + "\n"
    return f"{line} {flag_letters(pte)} va {va:#x}{software_bits(pte)}{' megapage' * (level == 1)}\n"


# The views by name, in the order in which they are shown.
VIEWS: dict[str, Callable[[AddressSpace], str]] = {
    "maps": lambda mm: os.fsdecode(proc_text.maps(mm)),
    "smaps": lambda mm: os.fsdecode(proc_text.smaps(mm)),
    "pagetable": page_table,
}
