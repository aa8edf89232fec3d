"""Frames: the order they are given in, and reclaim before giving up."""

from __future__ import annotations

import pytest

from tests.support.guest_kernel import PAGE, Guest
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.frame_allocator import MOST_ADVISED, ZERO_FRAME, FrameAllocator, OutOfFrames
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.machine.physical_memory import DENSE, HUGE_FRAMES, PhysicalMemory


def test_frames_are_given_lowest_first_and_freed_ones_again() -> None:
    frames = FrameAllocator(PhysicalMemory(8 * PAGE))
    taken = [frames.alloc(KERNEL) for _ in range(3)]
    assert taken == [1, 2, 3] and frames.used == 3 and frames.free == 4
    frames.get(2)
    frames.put(2)
    assert frames.refcount(2) == 1
    frames.memory.u8[2 * PAGE] = 9
    frames.put(2)
    assert frames.alloc(KERNEL) == 2 and frames.memory.u8[2 * PAGE] == 0
    for _ in range(4):
        frames.alloc(KERNEL)
    with pytest.raises(OutOfFrames):
        frames.alloc(KERNEL)
    assert frames.peak == 7 and frames.refcount(ZERO_FRAME) == 1


def test_reclaim_is_asked_before_giving_up() -> None:
    guest = Guest(32 * PAGE)
    file = MemFile(guest.kernel.vfs.memfs, 0o644, b"x" * 8 * PAGE)
    cache, frames = guest.kernel.system.cache, guest.kernel.frames
    for index in range(8):
        cache.page(file, index, KERNEL)
    for _ in range(frames.free):
        frames.alloc(KERNEL)
    assert len(cache) == 8
    for _ in range(8):
        frames.alloc(KERNEL)
    assert len(cache) == 0
    with pytest.raises(OutOfFrames):
        frames.alloc(KERNEL)


def test_a_growing_area_keeps_its_distance_from_pages_to_frames() -> None:
    frames = FrameAllocator(PhysicalMemory(4096 * PAGE))
    spans: dict[int, int] = {}
    first = 0x187
    pages = range(first, first + 400)
    given = [frames.alloc_in_span(spans, vpn, vpn - first + 1, KERNEL) for vpn in pages]
    assert len(spans) > 2
    assert {frame - vpn for frame, vpn in zip(given, pages, strict=True)} == {given[0] - first}


def test_another_area_ends_a_growing_span() -> None:
    frames = FrameAllocator(PhysicalMemory(4096 * PAGE))
    spans: dict[int, int] = {}
    low = [frames.alloc_in_span(spans, vpn, 64, KERNEL) for vpn in range(64)]
    other = [frames.alloc_in_span(spans, 1 << 20 | n, 64, KERNEL) for n in range(64)]
    more = [frames.alloc_in_span(spans, vpn, 128, KERNEL) for vpn in range(64, 128)]
    assert len({*low, *other, *more}) == 192


def test_dense_frames_advise_the_block_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = PhysicalMemory(4 * HUGE_FRAMES * PAGE)
    frames = FrameAllocator(memory)
    advised: list[tuple[int, int]] = []
    monkeypatch.setattr(memory, "advise", lambda first, count=HUGE_FRAMES: advised.append((first, count)))
    for _ in range(HUGE_FRAMES + DENSE):
        frames.alloc(KERNEL)
    assert {*advised} == {(HUGE_FRAMES, HUGE_FRAMES), (2 * HUGE_FRAMES, HUGE_FRAMES)}
    frames.advise_span(HUGE_FRAMES, HUGE_FRAMES - 1)
    frames.advise_span(0, HUGE_FRAMES)
    frames.advise_span(HUGE_FRAMES, MOST_ADVISED + 1)
    assert len(advised) == 5
    frames.advise_span(HUGE_FRAMES, HUGE_FRAMES)
    assert advised[-1] == (HUGE_FRAMES, HUGE_FRAMES)


def test_advice_beyond_memory_is_dropped() -> None:
    memory = PhysicalMemory(HUGE_FRAMES * PAGE)
    memory.advise_after(DENSE)
    memory.advise(0)
    assert memory.u8[0] == 0
