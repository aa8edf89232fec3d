"""The swap area: reclaimed pages without a file are written to its slots and read back on a fault.

A slot holds one page. Each swap entry in the page tables (`PTE_SWAP`) is a reference to it, and the
page cache has one for a page of shared anonymous memory. Reading a slot leaves its frame in the
*swap cache*, so that other users of the slot find the same frame. The cache holds one reference to
the frame.

A page in the swap cache is never writable, hence always equal to its slot. A writer takes the frame
out of the cache first (`take`), or copies it. So a frame in the cache can be dropped at any time
without a write.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable
from typing import IO

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.counters import FaultContext
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE, PhysicalMemory
from toyvm.machine.sv39 import PPN_SHIFT, PTE_SWAP, entry_slot

from ..frame_allocator import FrameAllocator

if TYPE_CHECKING:
    from ..page_arrays import Entries

DEFAULT_READAHEAD = 8  # slots in one aligned window: Linux's vm.page-cluster = 3
NONE = 0xFFFF_FFFF  # no slot: the value of `SwapArea.slot_of` for frames that are not in the cache
_GROW = 1024  # slots by which the arrays grow


class SwapFile:
    """The host file of the slots: unnamed, created at the first write, deleted with the process."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None

    def write(self, slot: int, page: bytes | memoryview) -> None:
        """Store the page of a slot. Raises OSError."""
        if self._file is None:
            import tempfile  # only a run that swaps needs it

            self._file = tempfile.TemporaryFile(prefix="toyvm-swap-", buffering=0)  # noqa: SIM115
        if os.pwrite(self._file.fileno(), page, slot << PAGE_SHIFT) != PAGE_SIZE:
            raise error(errno.ENOSPC)

    def read(self, slot: int, count: int) -> bytes:
        """The bytes of `count` slots from `slot`; fewer at the end of the file. Raises OSError."""
        if self._file is None:
            return b""
        return os.pread(self._file.fileno(), count << PAGE_SHIFT, slot << PAGE_SHIFT)


class SwapArea:
    """`size` bytes of slots, and the swap cache.

    `refs[slot]` counts the entries and cached pages that refer to the slot. `frame_of[slot]` and
    `slot_of[frame]` are the swap cache, 0 and NONE for none. `readahead` is the number of slots
    that one fault reads; it leaves `reserve` frames free. `swapped_in` and `swapped_out` count
    pages. `on_write_error` is called when the host first fails to write.
    """

    def __init__(
        self,
        size: int,
        memory: PhysicalMemory,
        frames: FrameAllocator,
        readahead: int = DEFAULT_READAHEAD,
        file: SwapFile | None = None,
        *,
        reserve: int = 0,
        on_write_error: Callable[[OSError], None] = lambda failure: None,
    ):
        self.slots = size >> PAGE_SHIFT
        self.readahead = max(1, readahead)
        self.reserve = reserve
        self._memory = memory
        self._frames = frames
        self.file = file if file is not None else SwapFile()
        self.refs = array("I")
        self.frame_of = array("I")
        self._taken = bytearray()  # 1 for each slot that has references or is in the cache
        self.slot_of = array("I", b"\xff" * (4 * frames.count))
        self._next = 0  # where the search for a free slot begins
        self.used = 0
        self.cached = 0  # frames in the swap cache
        self.swapped_in = self.swapped_out = self.cache_hits = self.write_errors = 0
        self._on_write_error = on_write_error

    @property
    def free(self) -> int:
        """The number of free slots."""
        return self.slots - self.used

    def peek(self, slot: int) -> bytes:
        """The page of a slot, for an observer. Raises OSError."""
        frame = self.frame_of[slot] if slot < len(self.frame_of) else 0
        if frame:
            return bytes(self._memory.u8[frame << PAGE_SHIFT : (frame + 1) << PAGE_SHIFT])
        return self.file.read(slot, 1).ljust(PAGE_SIZE, b"\0")

    # Out

    def write_out(self, frame: int) -> int | None:
        """Write a page to a free slot, which gets no reference yet.

        Returns None if no slot is free or the host fails to write.
        """
        slot = self._find()
        if slot is None:
            return None
        pa = frame << PAGE_SHIFT
        try:
            self.file.write(slot, self._memory.u8[pa : pa + PAGE_SIZE])
        except OSError as failure:
            self.write_errors += 1
            if self.write_errors == 1:
                self._on_write_error(failure)
            return None
        self._next = slot + 1
        self._taken[slot] = 1
        self.used += 1
        self.swapped_out += 1
        return slot

    def _find(self) -> int | None:
        """A free slot, near the last one if possible: adjacent slots are read together."""
        if not self.can_take():
            return None
        slot = self._taken.find(0, self._next)
        if slot < 0 and len(self._taken) < self.slots:
            slot = len(self._taken)
            more = min(_GROW, self.slots - slot)
            self._taken.extend(bytes(more))
            self.refs.frombytes(bytes(4 * more))
            self.frame_of.frombytes(bytes(4 * more))
        if slot < 0:
            slot = self._taken.find(0)
        return slot

    def can_take(self) -> bool:
        """Whether there is a slot for one more page."""
        return self.used < self.slots or self._trim()

    def _trim(self) -> bool:
        """Free the slots of mapped pages, because the area is full (vm_swap_full); whether any was."""
        before = self.used
        if self.cached:
            for slot, frame in enumerate(self.frame_of):
                if frame and not self.refs[slot]:
                    self.drop(frame)  # the mappings of the frame keep it
        return self.used < before

    # References

    def hold(self, slot: int, count: int = 1) -> None:
        """Add `count` references."""
        self.refs[slot] += count

    def release(self, slot: int) -> None:
        """Drop a reference. The last one frees the slot, unless the page is still mapped."""
        left = self.refs[slot] - 1
        self.refs[slot] = left
        if left == 0:
            frame = self.frame_of[slot]
            if not frame:
                self._free(slot)
            elif self._frames.refs[frame] == 1:
                self.drop(frame)

    def release_entries(self, entries: list[int] | Entries) -> list[int] | Entries:
        """Drop the references of the swap entries among these entries; returns the others."""
        if not self.used:
            return entries
        if not isinstance(entries, list):
            swapped = entries & entries.dtype.type(PTE_SWAP) != 0
            for pte in entries[swapped].tolist():
                self.release(entry_slot(pte))
            others: Entries = entries[~swapped]
            return others
        for pte in entries:
            if pte & PTE_SWAP:
                self.release(entry_slot(pte))
        return [pte for pte in entries if not pte & PTE_SWAP]

    def put_entries(self, entries: list[int] | Entries) -> list[int] | Entries:
        """Drop the reference of each of these page-table entries; returns those with a frame."""
        held = self.release_entries(entries)
        self._frames.put_entries(held)
        if self.cached:
            for pte in held if isinstance(held, list) else held.tolist():
                self.unmapped(pte >> PPN_SHIFT)
        return held

    def unmapped(self, frame: int) -> None:
        """A mapping of `frame` is gone: free a cached page that no process can reach any more."""
        slot = self.slot_of[frame]
        if slot != NONE and not self.refs[slot] and self._frames.refs[frame] == 1:
            self.drop(frame)

    def _free(self, slot: int) -> None:
        self._taken[slot] = 0
        self.used -= 1

    # In

    def bring(self, slot: int, context: FaultContext) -> tuple[int, bool]:
        """The frame of a slot's page, now in the swap cache, and whether it had to be read.

        Adjacent slots are read too while frames are free. Raises OutOfFrames, and OSError from the
        host.
        """
        frame = self.frame_of[slot]
        if frame:
            self.cache_hits += 1
            self._frames.touch(frame)
            return frame, False
        frame = self._frames.alloc(context, zeroed=False)
        first = slot - slot % self.readahead
        try:
            data = self.file.read(first, self.readahead)
            if len(data) < slot - first + 1 << PAGE_SHIFT:
                raise error(errno.EIO)
        except OSError:
            self._frames.put(frame)
            raise
        self._fill(slot, frame, data, slot - first)
        spare = self._frames.spare(self.reserve, context)
        for number, near in enumerate(range(first, first + (len(data) >> PAGE_SHIFT))):
            if spare > 0 and self._taken[near] and not self.frame_of[near]:
                self._fill(near, self._frames.alloc(context, zeroed=False), data, number)
                spare -= 1
        return frame, True

    def _fill(self, slot: int, frame: int, data: bytes, number: int) -> None:
        pa, at = frame << PAGE_SHIFT, number << PAGE_SHIFT
        self._memory.u8[pa : pa + PAGE_SIZE] = data[at : at + PAGE_SIZE]
        self.frame_of[slot] = frame
        self.slot_of[frame] = slot
        self.cached += 1
        self.swapped_in += 1

    # The cache

    def cached_frames(self) -> list[int]:
        """The frames in the cache."""
        return [frame for frame in self.frame_of if frame]

    def is_cached(self, frame: int) -> bool:
        """Whether `frame` is in the swap cache."""
        return self.slot_of[frame] != NONE

    def is_sole(self, frame: int, references: int) -> bool:
        """Whether only the caller has references to cached `frame` and its slot: `references`."""
        return self._frames.refs[frame] - 1 + self.refs[self.slot_of[frame]] == references

    def adopt(self, slot: int, frame: int) -> None:
        """Exchange the caller's reference to `slot` for the cache's to `frame`, which leaves it."""
        self.refs[slot] -= 1
        self.take(frame)

    def exchange(self, slot: int, frame: int) -> None:
        """Turn the caller's reference to `slot` into one to `frame`, which stays in the cache."""
        self.refs[slot] -= 1
        self._frames.get(frame)

    def take(self, frame: int) -> None:
        """Remove `frame` from the cache, whose reference passes to the caller.

        A slot without references becomes free.
        """
        slot = self.slot_of[frame]
        self.slot_of[frame] = NONE
        self.frame_of[slot] = 0
        self.cached -= 1
        if not self.refs[slot]:
            self._free(slot)

    def drop(self, frame: int) -> None:
        """Remove `frame` from the cache and drop the cache's reference."""
        self.take(frame)
        self._frames.put(frame)
