"""Frames: the order they are given in, and reclaim before giving up."""

from __future__ import annotations

import pytest

from tests.support.guest_kernel import PAGE, Guest
from toyvm.kernel.counters import KERNEL
from toyvm.kernel.mm.frame_allocator import ZERO_FRAME, FrameAllocator, OutOfFrames
from toyvm.kernel.vfs.memory_files import MemFile
from toyvm.machine.physical_memory import PhysicalMemory


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
