"""Why an address has what it has: name, file, area, page table walk, frame or slot, and what an access would do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toyvm.base.record import replace
from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT
from toyvm.machine.sv39 import (
    LEVEL_BITS,
    LEVELS,
    PTE_LEAF,
    PTE_SWAP,
    PTE_V,
    USER_TOP,
    entry_slot,
    pte_frame,
    translated,
    vpn,
)

from ..symbolize import kernel_symbolizer
from .frame_owners import explain_frame, explain_slot
from .memory_answers import AddressAnswer, WalkStep
from .next_access import next_access

if TYPE_CHECKING:
    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.mm.vma import Vma
    from toyvm.kernel.proc.process import Process

    from ..symbolize import Symbolizer


def explain_address(
    kernel: Kernel, process: Process, va: int, symbols: Symbolizer | None = None
) -> AddressAnswer:
    """The whole chain of an address of `process` at this moment. It changes nothing.

    `symbols` are those of the kernel; None: new ones, which read the files again.
    """
    symbols = symbols if symbols is not None else kernel_symbolizer(kernel)
    area = process.mm.vmas.find(va)
    of_file = area is not None and area.file is not None
    named = AddressAnswer(
        process.pid,
        process.comm,
        va,
        "unmapped" if area is None else "absent" if process.mm.has_mmu else "physical",
        symbols.describe(process.pid, va),
        _section(symbols, process.pid, va),
        area.name if area is not None and of_file else "",
        area.offset_of(va) if area is not None and of_file else None,
        area.describe() if area is not None else "",
        _origin(process, area, va),
    )
    if not process.mm.has_mmu:
        return replace(named, physical=va) if area is not None else named
    if (
        va >= USER_TOP or process.mm.map not in kernel.system.spaces
    ):  # no user address, or a process that has ended
        return named
    steps = tuple(walk_steps(process, va))
    last, space = steps[-1], process.mm.map
    outcomes = tuple(next_access(kernel.system, space, va, access) for access in Access)
    walked = replace(named, steps=steps, outcomes=outcomes)
    if last.meaning == "swap":
        return replace(walked, state="swapped", slot=explain_slot(kernel, entry_slot(last.pte)))
    if last.meaning == "nothing":
        return walked
    physical = translated(last.pte, last.level, va)
    frame = explain_frame(kernel, physical >> PAGE_SHIFT)
    return replace(walked, state="present", physical=physical, frame=frame)


def walk_steps(process: Process, va: int) -> Iterator[WalkStep]:
    """The entries that the machine reads to translate `va`, an address of user space, from the root down."""
    u64, table = process.mm.memory.u64, process.mm.table.root_ppn
    for level in range(LEVELS - 1, -1, -1):
        index = vpn(va, level)
        slot = (table << LEVEL_BITS) + index
        pte = u64[slot]
        if pte == 0:
            meaning = "nothing"
        elif pte & PTE_V and not pte & PTE_LEAF:
            meaning = "table"
        elif pte & PTE_SWAP and not pte & PTE_V:
            meaning = "swap"
        else:
            meaning = "page" if level == 0 else "megapage"
        yield WalkStep(level, table, index, slot << 3, pte, meaning)
        if meaning != "table":
            return
        table = pte_frame(pte)


def _section(symbols: Symbolizer, pid: int, va: int) -> str:
    """The name of the section of the file that is mapped at `va`, or ""."""
    found = symbols.image_at(pid, va)
    return "" if found is None else found[1].section_at(found[2])


def _origin(process: Process, area: Vma | None, va: int) -> str:
    """Where the bytes of an area come from before anything is written to them."""
    if area is None:
        return ""
    if area.file is None:
        kind = {"[heap]": "the heap, grown by brk(2)", "[stack]": "the stack, which grows by itself"}
        return kind.get(area.name, "anonymous memory: zeros until it is written")
    page = area.offset_of(va & ~PAGE_MASK) >> PAGE_SHIFT
    if not area.file.backed:
        return f"page {page} of shared memory, which only its mappings and the page cache hold"
    how = "writes go to the file" if area.shared else "writes go to a private copy"
    return (
        f"page {page} of the file; {how}" if area.may_write or not area.shared else f"page {page} of the file"
    )
