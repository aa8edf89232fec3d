"""/proc/PID/pagemap, /proc/kpageflags, /proc/kpagecount: a 64-bit word for each page or frame.

The format is Linux's (Documentation/admin-guide/mm/pagemap.rst).
"""

from __future__ import annotations

import errno
import stat as st
from array import array
from collections.abc import Callable, Iterable

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm.cache.page_cache import BACKED, UNBACKED
from toyvm.kernel.mm.frame_allocator import BLOCK, ZERO_FRAME
from toyvm.machine.sv39 import PTE_SWAP, entry_slot

from ..nodes import Identity, Stat
from ..open_file import DeviceNode, OpenFile, seek_to

if TYPE_CHECKING:
    from toyvm.kernel.mm.address_space import AddressSpace
    from toyvm.kernel.mm.memory_system import MemorySystem

_MOST = 1 << 16  # words returned by one read at most

PM_PRESENT, PM_SWAPPED, PM_FILE = 1 << 63, 1 << 62, 1 << 61
PM_EXCLUSIVE = 1 << 56  # no soft-dirty bit, as riscv64 has none (CONFIG_MEM_SOFT_DIRTY)
USER_PAGES = 1 << 26

KPF_UPTODATE, KPF_DIRTY, KPF_LRU = 1 << 3, 1 << 4, 1 << 5
KPF_BUDDY, KPF_MMAP, KPF_ANON, KPF_SWAPCACHE, KPF_SWAPBACKED = 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14
KPF_COMPOUND_HEAD, KPF_COMPOUND_TAIL = 1 << 15, 1 << 16
KPF_KSM, KPF_THP, KPF_ZERO_PAGE, KPF_PGTABLE = 1 << 21, 1 << 22, 1 << 24, 1 << 26

# (first, number) -> the words of a range of pages or frames
Words = Callable[[int, int], Iterable[int]]


class PageWordsFile(OpenFile):
    """An open file of `count` words, computed on each read.

    Offsets and lengths that are not multiples of 8 fail with EINVAL.
    """

    seekable = True

    def __init__(self, words: Words, count: int, flags: int, path: str, status: Stat):
        super().__init__(flags, path)
        self._words, self._count, self._status = words, count, status

    def stat(self) -> Stat:
        return self._status

    def read(self, count: int) -> bytes:
        data = self.pread(self.position, count)
        self.position += len(data)
        return data

    def pread(self, offset: int, count: int) -> bytes:
        if offset & 7 or count & 7:
            raise error(errno.EINVAL)
        first = offset >> 3
        number = min(count >> 3, self._count - first, _MOST)
        return array("Q", self._words(first, number)).tobytes() if number > 0 else b""

    def seek(self, offset: int, whence: int) -> int:
        self.position = seek_to(self.position, 0, offset, whence)
        return self.position


class PageWords(DeviceNode):
    """The file in /proc, readable by its owner only."""

    def __init__(self, identity: Identity, words: Words, count: int):
        self.identity = identity
        self._words, self._count = words, count

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | 0o400)

    def open(self, flags: int, path: str) -> OpenFile:
        if flags & 3:
            raise error(errno.EACCES)
        return PageWordsFile(self._words, self._count, flags, path, self.stat())


def pagemap(mm: AddressSpace, first: int, number: int) -> Iterable[int]:
    """/proc/PID/pagemap: the frame or swap slot of each virtual page."""
    system = mm.system
    words = [0] * number
    for va, _, pte in mm.table.entries(first << 12, (first + number) << 12):
        if pte & PTE_SWAP:  # type 0: there is one swap area
            word = PM_SWAPPED | entry_slot(pte) << 5
        else:
            frame = pte >> 10 & (1 << 44) - 1
            word = PM_PRESENT | frame
            if frame in system.cache.owner:
                word |= PM_FILE
            if frame != ZERO_FRAME and system.mappings(frame) == 1:
                word |= PM_EXCLUSIVE
        words[(va >> 12) - first] = word
    return words


def kpagecount(system: MemorySystem, first: int, number: int) -> Iterable[int]:
    """/proc/kpagecount: the number of page table entries that map each frame."""
    tables = _tables(system)
    refs = system.frames.refs
    return (
        system.mappings(frame) if refs[frame] and frame != ZERO_FRAME and frame not in tables else 0
        for frame in range(first, first + number)
    )


def kpageflags(system: MemorySystem, first: int, number: int) -> Iterable[int]:
    """/proc/kpageflags: the use of each frame, as the supported KPF_ flags of Linux."""
    tables = _tables(system)
    return (_flags(system, frame, tables) for frame in range(first, first + number))


def _tables(system: MemorySystem) -> set[int]:
    return {frame for space in system.spaces for frame in space.table.table_frames()}


def _flags(system: MemorySystem, frame: int, tables: set[int]) -> int:
    if frame == ZERO_FRAME:
        return KPF_ZERO_PAGE
    if not system.frames.refs[frame]:
        return KPF_BUDDY
    if frame in tables:
        return KPF_PGTABLE
    flags = KPF_UPTODATE | KPF_LRU
    if system.mappings(frame):
        flags |= KPF_MMAP
    kind = system.cache.kind[frame]
    if kind != BACKED:
        flags |= KPF_SWAPBACKED | KPF_DIRTY | (0 if kind == UNBACKED else KPF_ANON)
    elif frame in system.cache.dirty:
        flags |= KPF_DIRTY
    if system.swap is not None and system.swap.is_cached(frame):
        flags = flags & ~KPF_DIRTY | KPF_SWAPCACHE
    if system.merged is not None and frame in system.merged.stable:
        flags |= KPF_KSM
    if system.frames.megapages.has(frame):
        flags |= KPF_THP | (KPF_COMPOUND_TAIL if frame % BLOCK else KPF_COMPOUND_HEAD)
    return flags
