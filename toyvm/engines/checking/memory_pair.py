"""Fast copying and comparison of two physical memories, without the frames that neither has
touched.

mincore(2) reports which frames the host has backed with pages; an untouched frame has none. memcmp
compares the few megabytes of a small program in less time than the reference engine needs for a
thousand instructions. So all of memory is compared, and a stray write of native code is found.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator

from toyvm.machine.physical_memory import PAGE_SHIFT, PhysicalMemory

_CHUNK = 1 << 16  # bytes that are copied at a time
_TOUCHED = re.compile(rb"[^\0]+")


class MemoryPair:
    """Two memories of the same size."""

    def __init__(self, ours: PhysicalMemory, theirs: PhysicalMemory):
        self._ours, self._theirs = ours, theirs
        self._size = ours.size
        libc = ctypes.CDLL(None, use_errno=True)
        self._mincore, self._memcmp, self._memmove = libc.mincore, libc.memcmp, libc.memmove
        address, size = ctypes.c_void_p, ctypes.c_size_t
        self._mincore.argtypes = [address, size, ctypes.c_char_p]
        self._memcmp.argtypes = self._memmove.argtypes = [address, address, size]
        self._memmove.restype = address
        self._bases = [ctypes.addressof(ctypes.c_char.from_buffer(memory.u8)) for memory in (ours, theirs)]
        self._resident = [ctypes.create_string_buffer(ours.frame_count) for _ in range(2)]
        self._last = [b"", b""]
        self._touched = 0  # one byte per frame that was ever resident, even if the host has swapped it out
        self._ranges: list[tuple[int, int]] = []

    def copy(self) -> None:
        """Copy the first memory to the second."""
        ours, theirs = self._bases
        for at, size in self._unequal():
            self._memmove(theirs + at, ours + at, size)

    def equal(self) -> bool:
        """Whether all bytes are the same."""
        return next(self._unequal(), None) is None

    def words_that_differ(self, most: int) -> list[tuple[int, int, int]]:
        """(physical address, ours, theirs) of the first doublewords that differ."""
        found = []
        for at, size in self._unequal():
            for word in range(at >> 3, at + size >> 3):
                ours, theirs = self._ours.u64[word], self._theirs.u64[word]
                if ours != theirs:
                    found.append((word << 3, ours, theirs))
                if len(found) == most:
                    return found
        return found

    def _unequal(self) -> Iterator[tuple[int, int]]:
        """(address, size) of the chunks that differ."""
        ours, theirs = self._bases
        compare = self._memcmp
        for start, end in self._find_ranges():
            if not compare(ours + start, theirs + start, end - start):
                continue
            for at in range(start, end, _CHUNK):
                size = min(_CHUNK, end - at)
                if compare(ours + at, theirs + at, size):
                    yield at, size

    def _find_ranges(self) -> list[tuple[int, int]]:
        """The touched parts of memory as (address, end), in order."""
        touched = self._touched
        for number, base in enumerate(self._bases):
            if self._mincore(base, self._size, self._resident[number]):
                return [(0, self._size)]  # mincore failed: compare everything
            if (frames := self._resident[number].raw) != self._last[number]:
                self._last[number] = frames
                touched |= int.from_bytes(frames, "little")
        if touched != self._touched:
            self._touched = touched
            frames = touched.to_bytes(len(frames), "little")
            self._ranges = [
                (found.start() << PAGE_SHIFT, found.end() << PAGE_SHIFT)
                for found in _TOUCHED.finditer(frames)
            ]
        return self._ranges
