"""All references to frames and swap slots counted again from the tables: nothing may be lost or held twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toyvm.kernel.accounts.memory_report import usage
from toyvm.kernel.mm.address_space import AddressSpace
from toyvm.kernel.mm.frame_allocator import ZERO_FRAME
from toyvm.kernel.mm.memory_map import MemoryMap
from toyvm.kernel.mm.memory_system import MemorySystem
from toyvm.machine.physical_memory import PAGE_SIZE
from toyvm.machine.sv39 import (
    PPN_SHIFT,
    PTE_A,
    PTE_D,
    PTE_R,
    PTE_SHARED,
    PTE_SWAP,
    PTE_U,
    PTE_V,
    PTE_W,
    pte_frame,
)

_ALL = 0, 1 << 38


def check_references(system: MemorySystem) -> None:
    """Who holds what, by the tables of all address spaces and the caches, is what the counts say."""
    memory = np.frombuffer(system.memory.u64, np.uint64)
    tables = [frame for mm in system.spaces for frame in mm.table.table_frames()]
    leaves = [memory[slots.start : slots.stop] for mm in system.spaces for slots in mm.table.slots(*_ALL)]
    entries = np.concatenate([memory[:0], *leaves])
    out = entries & np.uint64(PTE_SWAP) != 0
    assert not (entries[out] & np.uint64(PTE_U)).any()
    held = entries[entries & np.uint64(PTE_U) != 0]
    assert len(held) + out.sum() == np.count_nonzero(entries)
    mapped = _numbers(held)
    swap, merged = system.swap, system.merged.stable if system.merged is not None else ()
    frames = [ZERO_FRAME, *tables, *mapped, *system.cache.owner, *merged]
    if swap is not None:
        slots = [
            *_numbers(entries[out]),
            *(n for held in system.cache._swapped.values() for n in held.values()),
        ]
        frame_of = np.frombuffer(swap.frame_of, np.uint32)
        cached = np.flatnonzero(frame_of)
        in_cache = frame_of[cached]
        frames += in_cache.tolist()
        held_slots = np.bincount(np.array(slots, np.int64), minlength=len(swap.refs))
        assert np.array_equal(held_slots, np.frombuffer(swap.refs, np.uint32))
        assert swap.used == np.count_nonzero(held_slots | frame_of) and swap.cached == len(cached)
        assert [swap.slot_of[frame] for frame in in_cache] == cached.tolist()
        assert all(held_slots[slot] or frame in mapped for slot, frame in zip(cached, in_cache, strict=True))
        own = np.uint64(PTE_W | PTE_SHARED)
        assert not set(_numbers(held[held & own == PTE_W])) & set(in_cache.tolist())
    counts = np.bincount(np.array(frames, np.int64), minlength=system.frames.count)
    assert np.array_equal(counts, np.frombuffer(system.frames.refs, np.uint32))
    assert system.frames.used == np.count_nonzero(counts) - 1


def _numbers(entries: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> list[int]:
    """The frames, or slots, of page-table entries."""
    return (entries >> np.uint64(PPN_SHIFT)).tolist()


def check_shares(system: MemorySystem) -> None:
    """The PSS of all address spaces is the number of user frames, and what is in the swap cache is what the slot has."""
    mapped = {pte_frame(pte) for mm in system.spaces for _, _, pte in mm.table.present(*_ALL)}
    assert sum(usage(AddressSpace(system, map=space)).pss for space in system.spaces) == len(
        mapped - {ZERO_FRAME}
    )
    swap = system.swap
    if swap is not None and swap.cached:
        for slot, frame in enumerate(swap.frame_of):
            if frame:
                at = frame * PAGE_SIZE
                assert swap.file.read(slot, 1) == bytes(system.memory.u8[at : at + PAGE_SIZE])


def resident(mm: MemoryMap) -> int:
    """The pages of an address space that have a frame of their own, entry by entry."""
    return sum(pte_frame(pte) != ZERO_FRAME for _, _, pte in mm.table.present(*_ALL))


class Peaks:
    """The most pages that each address space of `system` has had resident, counted whenever some are about to go."""

    def __init__(self, system: MemorySystem):
        self._system = system
        self._most: dict[MemoryMap, int] = {}
        evict, release = system.reclaimer._evict, system.release_pages

        def evicting(*arguments: Any) -> None:
            self.count()
            evict(*arguments)

        def releasing(*arguments: Any) -> None:
            self.count()
            release(*arguments)

        system.reclaimer._evict = evicting  # type: ignore[method-assign]  # of this one object
        system.release_pages = releasing  # type: ignore[method-assign]  # of this one object

    def watch(self, mm: AddressSpace) -> None:
        """From now on `mm` is counted too; it may be a copy that has just been made."""
        self._most[mm.map] = resident(mm.map)

    def count(self) -> None:
        for mm in self._system.spaces:
            if mm in self._most:
                self._most[mm] = max(self._most[mm], resident(mm))

    def check(self) -> None:
        """The marks are what has been counted, and what they are told from is never too low."""
        self.count()
        for mm in self._system.spaces:
            now, high_water = resident(mm), mm.high_water
            assert mm.table.resident() == now
            assert max(high_water.mark, now) == self._most[mm]
            high_water._settle()
            assert high_water._at_most >= now


def check_translations(spaces: Iterable[MemoryMap]) -> None:
    """What the TLB knows stands in the tables, with A, and with D where it may write."""
    for mm in spaces:
        for known, needs in ((mm.mmu.tlb.read, PTE_R | PTE_A), (mm.mmu.tlb.write, PTE_W | PTE_A | PTE_D)):
            for page, delta in known.items():
                pte = mm.table.entry(page * PAGE_SIZE)
                assert pte & (needs | PTE_V) == needs | PTE_V
                assert pte_frame(pte) * PAGE_SIZE - page * PAGE_SIZE == delta
