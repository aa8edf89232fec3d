"""Page tables: they are real, given back, and the same by arrays and by loops."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guest_kernel import PAGE
from tests.support.ways import translator
from toyvm.engines.llvm.llvm_engine import LlvmEngine
from toyvm.engines.llvm.translator import unavailable
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.faults.native_policy import native_policy
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
def test_arrays_loops_and_native_code_leave_the_same_machine(
    mapped: dict[int, int], cut: tuple[int, int], frozen: set[int]
) -> None:
    """Fork, unmap a part of the child, and end both, in three ways: every byte, count and free frame."""

    def history(way: str) -> tuple[list[object], list[object]]:
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
        engine = with_native_code(memory, frames) if way == "native" else None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("toyvm.kernel.mm.frame_allocator.IMPORT_COST", 0 if way == "arrays" else 1 << 62)
            patch.setattr("toyvm.kernel.mm.frame_allocator.FEWEST_TABLES", 1)
            child = PageTable(memory, frames, KERNEL, swap)
            parent.copy_for_fork(child, KERNEL)
            told: list[object] = []
            states: list[object] = []
            for table, start, end in (
                (child, min(cut), max(cut)),
                (child, 0, 6 * 512),
                (parent, 0, 6 * 512),
            ):
                if end - start < 6 * 512 or not table.drop_natively():
                    taken = table.clear(start * PAGE, end * PAGE) if start < end else []
                    told += [[int(pte) for pte in taken], frames.frames_with(taken, PTE_D)]
                    swap.put_entries(taken)
                states += [list(frames.refs), bytes(memory.u8), frames.used, list(swap.refs), swap.used]
            while frames.free:
                states.append(frames.alloc(KERNEL))
        if engine is not None:
            engine.close()
        return told, states

    loops = history("loops")
    assert history("arrays") == loops
    if not unavailable():
        assert history("native")[1] == loops[1]


def with_native_code(memory: PhysicalMemory, frames: FrameAllocator) -> LlvmEngine:
    """An engine whose native functions the kernel's loops use."""
    frames.table.policy = native_policy
    engine = LlvmEngine(memory, translator=translator())
    engine._open()
    assert "kernel_copy_tables" in frames.table.native
    return engine
