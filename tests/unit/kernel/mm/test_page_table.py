"""Page tables: they are real, given back, and the same by arrays and by loops."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.frame_allocator import FrameAllocator
from toyvm.kernel.mm.page_table import PageTable
from toyvm.kernel.mm.reclaim.swap_area import SwapArea
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import PTE_D, PTE_SWAP, entry_slot, swap_entry, walk


def test_tables_are_real_and_given_back() -> None:
    memory = PhysicalMemory(64 * PAGE)
    frames = FrameAllocator(memory)
    table = PageTable(memory, frames, KERNEL)
    va = 0x3FFFFFF000
    table.u64[table.slot(va, KERNEL)] = 5 << 10 | 0xD3
    found = walk(memory, table.root_ppn, va)
    assert found is not None and found[1] == 5 << 10 | 0xD3 and table.entry(va) == found[1]
    assert (table.table_count, frames.used) == (3, 3)
    assert table.clear(0, 1 << 38) == [5 << 10 | 0xD3]
    assert walk(memory, table.root_ppn, va) is None and table.table_count == 2
    table.free()
    assert frames.used == 0


flags = st.integers(1, 0x3FF).filter(lambda bits: not bits & PTE_SWAP)


entries = st.builds(lambda frame, flags: frame << 10 | flags, st.integers(0, 30), flags)


@settings(max_examples=60, deadline=None)
@given(
    mapped=st.dictionaries(
        st.integers(0, 6 * 512 - 1), entries | st.integers(0, 8).map(swap_entry), max_size=40
    ),
    cut=st.tuples(st.integers(0, 6 * 512), st.integers(0, 6 * 512)),
    frozen=st.sets(st.integers(0, 30)),
)
def test_arrays_and_loops_leave_the_same_machine(
    mapped: dict[int, int], cut: tuple[int, int], frozen: set[int]
) -> None:
    """Fork, unmap a part of the child, and end both, by numpy and one by one: every byte, count and free frame."""

    def history(cost: int) -> list[object]:
        memory = PhysicalMemory(96 * PAGE)
        frames = FrameAllocator(memory)
        for _ in range(31):
            frames.alloc(KERNEL)
        swap = SwapArea(9 * PAGE, memory, frames)
        for _ in range(9):
            swap.write_out(1)
        parent = PageTable(memory, frames, KERNEL, swap)
        for page, pte in mapped.items():
            parent.u64[parent.slot(page * PAGE, KERNEL)] = pte
            if pte & PTE_SWAP:
                swap.hold(entry_slot(pte))
            else:
                frames.get(pte >> 10)
        for frame in range(1, 31):
            if frame not in frozen and frames.refcount(frame) > 1:
                frames.put(frame)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("toyvm.kernel.mm.frame_allocator.IMPORT_COST", cost)
            patch.setattr("toyvm.kernel.mm.frame_allocator.FEWEST_TABLES", 1)
            child = PageTable(memory, frames, KERNEL, swap)
            parent.copy_for_fork(child, KERNEL)
            seen: list[object] = []
            for table, start, end in (
                (child, min(cut), max(cut)),
                (child, 0, 6 * 512),
                (parent, 0, 6 * 512),
            ):
                taken = table.clear(start * PAGE, end * PAGE) if start < end else []
                seen += [[int(pte) for pte in taken], frames.frames_with(taken, PTE_D)]
                swap.put_entries(taken)
                seen += [list(frames.refs), bytes(memory.u8), frames.used, list(swap.refs), swap.used]
            while frames.free:
                seen.append(frames.alloc(KERNEL))
        return seen

    assert history(0) == history(1 << 62)
