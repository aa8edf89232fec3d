"""The page cache of all processes: (file identity, page index) -> frame.

Library text is one set of frames because every mapping of a file takes its pages from here. Reads
and writes through file descriptors use a cached page too, so that mappings and descriptors agree. A
cached page holds one reference to its frame.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from mmap import mmap

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.vfs.nodes import FileNode, Identity
from toyvm.machine.frame_table import PRIVATE
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PhysicalMemory

from ..frame_allocator import FrameAllocator

if TYPE_CHECKING:
    from toyvm.kernel.counters import FaultContext

    from ..reclaim.swap_area import SwapArea

BACKED, UNBACKED = 1, 2  # values of `PageCache.kind`
MAX_REMEMBERED = 1 << 14
_PIECE = 1 << 20  # bytes that are filled with zeros at a time
IN_FILE = -1  # the place of a page that its file has, instead of a slot of the swap area


class PageCache:
    """The cached pages of files.

    `owner` maps a frame to its page. `dirty` holds the frames that differ from their file.
    `kind[frame]` is 0 for a frame that is not cached, BACKED for a page that its file has too,
    UNBACKED for shared anonymous memory.

    `swap` takes pages of shared anonymous memory, if the machine has a swap area. Read-ahead leaves
    `reserve` frames free. `shrunk` is called with a truncated file and its new size, to unmap its
    pages.
    """

    def __init__(
        self,
        memory: PhysicalMemory,
        frames: FrameAllocator,
        swap: SwapArea | None = None,
        *,
        reserve: int = 0,
        shrunk: Callable[[FileNode, int], None] = lambda file, size: None,
    ):
        self._memory = memory
        self._frames = frames
        self._pages: dict[Identity, dict[int, int]] = {}
        self._files: dict[Identity, FileNode] = {}
        self.owner: dict[int, tuple[Identity, int]] = {}
        self.dirty: set[int] = set()
        self.kind = mmap(
            -1, frames.count, flags=PRIVATE
        )  # a byte for each frame; the host supplies memory when one is set
        self._swapped: dict[Identity, dict[int, int]] = {}  # shared anonymous pages in the swap area: slots
        self._evicted: dict[Identity, set[int]] = {}  # pages that reclaim dropped
        self._early: set[int] = set()  # frames that were read ahead and not used yet
        self._swap = swap
        self._reserve = reserve
        self._shrunk = shrunk
        self.written_back = self.refaults = self.read_early = self.used_early = 0  # pages

    def __len__(self) -> int:
        return len(self.owner)

    def count(self, file: FileNode) -> int:
        """The number of cached pages of a file."""
        return len(self._pages.get(file.identity, ()))

    def peek(self, file: FileNode, index: int) -> int | None:
        """The frame of a page, or None if it is not cached."""
        pages = self._pages.get(file.identity)
        return None if pages is None else pages.get(index)

    def frames_of(self, file: FileNode) -> dict[int, int]:
        """The frames of a file's cached pages, by index."""
        return self._pages.get(file.identity, {})

    def slot_of(self, file: FileNode, index: int) -> int | None:
        """The swap slot of a page of shared anonymous memory, or None if it is not swapped out."""
        return self._swapped.get(file.identity, {}).get(index)

    def holds(self, file: FileNode, index: int) -> bool:
        """Whether a page is in memory: cached, or of a file that is in memory."""
        return self.peek(file, index) is not None or file.in_memory(index)

    def found(self, frame: int) -> None:
        """Count a used page if it was read ahead."""
        if frame in self._early:
            self._early.discard(frame)
            self.used_early += 1

    def page(self, file: FileNode, index: int, context: FaultContext) -> tuple[int, bool]:
        """The frame of page `index` of `file`, and whether it had to be read.

        Raises OutOfFrames, and OSError from the file.
        """
        frame = self.peek(file, index)
        if frame is not None:
            self._frames.touch(frame)
            self.found(frame)
            return frame, False
        slot = self.slot_of(file, index)
        if slot is not None:
            swap = self._swap
            assert swap is not None
            frame, read = swap.bring(slot, context)
            swap.adopt(slot, frame)
            del self._swapped[file.identity][index]
            self._enter(file, index, frame)
            return frame, read
        frame = self._frames.alloc(context)
        if index in self._evicted.get(file.identity, ()):
            self._evicted[file.identity].discard(index)
            self.refaults += 1
        if file.backed:
            try:
                data = file.pread(index << PAGE_SHIFT, PAGE_SIZE)
            except OSError:
                self._frames.put(frame)
                raise
            self._fill(frame, data)
            file.fill(index << PAGE_SHIFT, (index << PAGE_SHIFT) + len(data))
        self._enter(file, index, frame)
        return frame, file.backed

    def _fill(self, frame: int, data: bytes | memoryview) -> None:
        pa = frame << PAGE_SHIFT
        self._memory.u8[pa : pa + len(data)] = data

    def read_ahead(self, file: FileNode, first: int, count: int, context: FaultContext) -> int:
        """Read those of `count` pages from `first` that are not cached; returns how many.

        It stops at the end of the file and while `reserve` frames are free. If the host cannot read
        a page, the page fault that needs it will report the error.
        """
        count = min(count, (file.size + PAGE_MASK >> PAGE_SHIFT) - first, self._frames.free - self._reserve)
        if count <= 0:
            return 0
        try:
            data = memoryview(file.pread(first << PAGE_SHIFT, count << PAGE_SHIFT))
        except OSError:
            return 0
        before = self.read_early
        for number in range(count):
            if self.peek(file, first + number) is None:
                frame = self._frames.alloc(context)
                self._fill(frame, data[number << PAGE_SHIFT : (number + 1) << PAGE_SHIFT])
                self._enter(file, first + number, frame)
                self._early.add(frame)
                self.read_early += 1
        return self.read_early - before

    def _enter(self, file: FileNode, index: int, frame: int) -> None:
        self._pages.setdefault(file.identity, {})[index] = frame
        self._files[file.identity] = file
        self.owner[frame] = (file.identity, index)
        self.kind[frame] = BACKED if file.backed else UNBACKED

    # Reading and writing by descriptor

    def pread(self, file: FileNode, offset: int, count: int) -> bytes:
        """`file.pread`, with the data that mappings have written."""
        data = file.pread(offset, count)
        pages = self._pages.get(file.identity)
        if not pages or not data:
            return data
        merged = bytearray(data)
        for index in range(offset >> PAGE_SHIFT, (offset + len(data) - 1 >> PAGE_SHIFT) + 1):
            frame = pages.get(index)
            if frame is not None:
                low = max(offset, index << PAGE_SHIFT)
                high = min(offset + len(data), (index + 1) << PAGE_SHIFT)
                pa = (frame << PAGE_SHIFT) + (low & PAGE_MASK)
                merged[low - offset : high - offset] = self._memory.u8[pa : pa + high - low]
        return bytes(merged)

    def pwrite(self, file: FileNode, offset: int, data: bytes) -> int:
        """`file.pwrite`; mappings see the data at once."""
        before = file.size
        written = file.pwrite(offset, data)
        if offset > before and written:
            self._clear_rest(file, before)
        pages = self._pages.get(file.identity)
        if pages and written:
            for index in range(offset >> PAGE_SHIFT, (offset + written - 1 >> PAGE_SHIFT) + 1):
                frame = pages.get(index)
                if frame is not None:
                    low = max(offset, index << PAGE_SHIFT)
                    high = min(offset + written, (index + 1) << PAGE_SHIFT)
                    pa = (frame << PAGE_SHIFT) + (low & PAGE_MASK)
                    self._memory.u8[pa : pa + high - low] = data[low - offset : high - offset]
        return written

    def truncate(self, file: FileNode, size: int) -> None:
        """`file.truncate`; pages beyond the new end leave the cache and all mappings.

        The rest of the last page becomes zero.
        """
        before = file.size
        file.truncate(size)
        if size < before:
            self._shrunk(file, size)
        pages = self._pages.get(file.identity)
        if not pages:
            return
        for index in [i for i in pages if i << PAGE_SHIFT >= size]:
            self._evict(file.identity, index)
        self._clear_rest(file, min(before, size))

    def clear(self, file: FileNode, start: int, end: int) -> None:
        """Fill a range of a file with zeros, as far as the file goes; mappings see it. Raises OSError."""
        end = min(end, file.size)
        for at in range(start, end, _PIECE):
            self.pwrite(file, at, bytes(min(_PIECE, end - at)))
        file.punch(start, end)

    def discard(self, file: FileNode, first: int, last: int) -> None:
        """Drop the pages from `first` to `last` (excluded), which no process maps; what they hold is not kept."""
        identity = file.identity
        for index in [index for index in self._pages.get(identity, ()) if first <= index < last]:
            self._evict(identity, index)
        swapped = self._swapped.get(identity, {})
        for index in [index for index in swapped if first <= index < last]:
            swap = self._swap
            assert swap is not None
            swap.release(swapped.pop(index))

    def _clear_rest(self, file: FileNode, end: int) -> None:
        """Zero what a mapping may have written beyond the end of a file that is about to grow."""
        frame = self.peek(file, end >> PAGE_SHIFT)
        if frame is not None:
            pa = frame << PAGE_SHIFT
            self._memory.u8[pa + (end & PAGE_MASK) : pa + PAGE_SIZE] = bytes(PAGE_SIZE - (end & PAGE_MASK))

    # Giving pages back

    def write_back(self, file: FileNode, start: int = 0, end: int | None = None) -> None:
        """Write the dirty pages of bytes `start`..`end` to the file.

        Raises OSError from the file; the pages stay dirty.
        """
        pages = self._pages.get(file.identity)
        if not self.dirty or not pages or not file.backed:
            return
        for index in sorted(pages):
            offset = index << PAGE_SHIFT
            frame = pages[index]
            if frame in self.dirty and offset + PAGE_SIZE > start and (end is None or offset < end):
                self._write_page(file, index, frame)

    def _write_page(self, file: FileNode, index: int, frame: int) -> None:
        offset = index << PAGE_SHIFT
        data = self._memory.frame_bytes(frame)[: max(0, file.size - offset)]
        if data:
            file.pwrite(offset, data)
            self.written_back += 1
        self.dirty.discard(frame)

    def save(self, frame: int) -> bool:
        """Write a page to its file if it is dirty; whether it is clean now."""
        if frame in self.dirty:
            identity, index = self.owner[frame]
            with suppress(OSError):  # no process waits for the result: the page stays dirty
                self._write_page(self._files[identity], index, frame)
        return frame not in self.dirty

    def evict(self, frame: int, place: int) -> None:
        """Drop a page that no process maps. `place` is IN_FILE, or its slot in the swap area."""
        identity, index = self.owner[frame]
        if place != IN_FILE:
            swap = self._swap
            assert swap is not None
            swap.hold(place)
            self._swapped.setdefault(identity, {})[index] = place
        else:
            self._remember(identity, index)
        self._evict(identity, index)

    def _remember(self, identity: Identity, index: int) -> None:
        """Remember a dropped page to count its refault. When there are too many, start again."""
        pages = self._evicted.setdefault(identity, set())
        if len(pages) >= MAX_REMEMBERED or len(self._evicted) >= MAX_REMEMBERED:
            self._evicted = {identity: (pages := set())}
        pages.add(index)

    def drop_range(self, file: FileNode, start: int, end: int | None) -> None:
        """Drop the whole pages in bytes `start`..`end` that no process maps, after writeback."""
        for index, frame in sorted(self._pages.get(file.identity, {}).items()):
            inside = start <= index << PAGE_SHIFT and (end is None or (index + 1) << PAGE_SHIFT <= end)
            if inside and self._frames.refs[frame] == 1 and self.kind[frame] == BACKED and self.save(frame):
                self._evict(file.identity, index)

    def drop_unmapped(self, most: int) -> None:
        """Drop up to `most` pages of files that no process maps, the oldest first.

        Dirty pages are written back first.
        """
        refs, kind = self._frames.refs, self.kind
        idle = (frame for frame in self.owner if refs[frame] == 1 and kind[frame] == BACKED)
        for frame in [*islice(idle, most)]:
            if self.save(frame):
                self.evict(frame, IN_FILE)

    def forget(self, file: FileNode) -> None:
        """Drop all pages of a file that can no longer be reached."""
        for index in list(self._pages.get(file.identity, ())):
            self._evict(file.identity, index)
        for slot in self._swapped.pop(file.identity, {}).values():
            swap = self._swap
            assert swap is not None
            swap.release(slot)
        self._files.pop(file.identity, None)
        self._evicted.pop(file.identity, None)

    def released(self, file: FileNode) -> None:
        """`file` was closed or unmapped: forget it if it can no longer be reached."""
        if not file.opens and not file.mappings and not file.linked:
            self.forget(file)
            file.dropped()

    def drop(self) -> int:
        """Write back and evict every page that no process maps; how many frames were freed."""
        freed = 0
        for identity, file in list(self._files.items()):
            if not file.backed:
                continue
            self.write_back_quietly(file)
            for index, frame in list(self._pages.get(identity, {}).items()):
                if self._frames.refcount(frame) == 1 and frame not in self.dirty:
                    self._evict(identity, index)
                    freed += 1
            if not self._pages.get(identity):
                self._pages.pop(identity, None)
                self._files.pop(identity, None)
        return freed

    def write_back_quietly(self, file: FileNode, start: int = 0, end: int | None = None) -> None:
        """`write_back` when no process waits for its result (munmap, exit, reclaim).

        On an error the pages stay dirty.
        """
        with suppress(OSError):
            self.write_back(file, start, end)

    def sync(self) -> None:
        """Write back all dirty pages."""
        for file in list(self._files.values()):
            self.write_back_quietly(file)

    def _evict(self, identity: Identity, index: int) -> None:
        self._frames.close_file_window()
        frame = self._pages[identity].pop(index)
        del self.owner[frame]
        self.kind[frame] = 0
        self.dirty.discard(frame)
        self._early.discard(frame)
        self._frames.put(frame)
