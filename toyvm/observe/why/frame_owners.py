"""Who has a frame: the reverse map from frames to page table entries, and the caches.

The kernel keeps no reverse map, so each question reads all page tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toyvm.kernel.mm.frame_allocator import ZERO_FRAME
from toyvm.kernel.proc.process import State
from toyvm.machine.sv39 import PTE_SWAP, USER_TOP, pte_frame

from ..pictures.frame_map import Use
from .memory_answers import FrameAnswer, Mapping, SlotAnswer

if TYPE_CHECKING:
    from toyvm.kernel.mm.memory_map import MemoryMap
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process


def users(kernel: KernelState) -> dict[MemoryMap, list[Process]]:
    """The address spaces with the processes that use each, by pid. Those that have ended have none."""
    found: dict[MemoryMap, list[Process]] = {}
    everyone = {process.pid: process for process in [*kernel.held, *kernel.processes.values()]}
    for _, process in sorted(everyone.items()):
        gone = process.state in (State.ZOMBIE, State.DEAD) and process not in kernel.held
        if process.mm.has_mmu and not gone:
            found.setdefault(process.mm.map, []).append(process)
    return found


def mappings_of(kernel: KernelState, frames: frozenset[int]) -> Iterator[tuple[int, Mapping]]:
    """(frame, entry that maps it) for each entry that maps one of `frames`, by process and address."""
    for space, processes in users(kernel).items():
        for va, _, pte in space.table.present(0, USER_TOP):
            if pte_frame(pte) in frames:
                area = space.vmas.find(va)
                name = area.describe()[73:] if area is not None else ""
                yield pte_frame(pte), Mapping(processes[0].pid, processes[0].comm, va, pte, name)


def explain_frame(kernel: KernelState, frame: int) -> FrameAnswer:
    """The use of a frame and who refers to it. Raises IndexError for a frame that memory does not have."""
    if not 0 <= frame < kernel.frames.count:
        raise IndexError(f"the machine has the frames 0 to {kernel.frames.count - 1:#x}")
    system, references = kernel.system, kernel.frames.refs[frame]
    if frame == ZERO_FRAME:
        return FrameAnswer(frame, Use.ZERO.value, references)
    if not references:
        return FrameAnswer(frame, Use.FREE.value, 0)
    for space, processes in users(kernel).items():
        if frame in space.table.table_frames():
            return FrameAnswer(frame, Use.TABLE.value, references, table_of=processes[0].pid)
    mappings = tuple(mapping for _, mapping in mappings_of(kernel, frozenset((frame,))))
    page = system.cache.owner.get(frame)
    swapped = system.swap is not None and system.swap.is_cached(frame)
    merged = system.merged is not None and frame in system.merged.stable
    if mappings:
        use = Use.ANONYMOUS if page is None else Use.FILE
    elif page is not None:
        use = Use.CACHE
    else:
        use = Use.SWAP_CACHE if swapped else Use.OTHER
    return FrameAnswer(
        frame,
        use.value,
        references,
        mappings,
        _file_name(kernel, page, mappings) if page is not None else "",
        page[1] if page is not None else None,
        frame in system.cache.dirty,
        system.swap.slot_of[frame] if swapped and system.swap is not None else None,
        merged,
        other_references=references - len(mappings) - (page is not None) - swapped - merged,
    )


def _file_name(kernel: KernelState, page: tuple[tuple[int, int], int], mappings: tuple[Mapping, ...]) -> str:
    """The path by which a process maps the file of a cached page, else its device and inode."""
    identity = page[0]
    for mapping in mappings:
        if mapping.name:
            return mapping.name
    for space in users(kernel):
        for area in space.vmas:
            if area.file is not None and area.file.identity == identity and area.name:
                return area.name
    device, inode = identity
    return f"inode {inode} of device {device >> 8:02x}:{device & 0xFF:02x}"


def explain_slot(kernel: KernelState, slot: int) -> SlotAnswer:
    """A slot of the swap area."""
    swap = kernel.system.swap
    assert swap is not None, "a machine without a swap area has no slots"
    return SlotAnswer(slot, swap.refs[slot], swap.frame_of[slot] or None)


def swapped_entries(space: MemoryMap, start: int, end: int) -> int:
    """How many pages of a range are in the swap area."""
    return sum(1 for _, _, pte in space.table.entries(start, end) if pte & PTE_SWAP)
