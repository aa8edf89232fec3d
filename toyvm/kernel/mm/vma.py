"""Virtual memory areas (VMAs): the mapped ranges of an address space, in order of address."""

from __future__ import annotations

import errno
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

from toyvm.base.bits import u64
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record, duplicate
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT
from toyvm.machine.sv39 import PTE_COW, PTE_R, PTE_SHARED, PTE_U, PTE_V, PTE_W, PTE_X

if TYPE_CHECKING:
    from ..vfs.nodes import FileNode

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAX_MAP_COUNT = 65530  # areas of one address space, unless vm.max_map_count is set
MACHINE_MAP_COUNT = 16 * MAX_MAP_COUNT  # areas of all address spaces: they use the host's memory


class Vma(Record, frozen=False):
    """The pages from `start` to `end` (excluded), which have one protection and one backing.

    Addresses are in bytes and page-aligned. `file` None means private anonymous memory; shared
    anonymous memory is a file without a name (`ShmNode`). `offset` is the file offset of `start`.
    `name` is the bracketed name in /proc/PID/maps, such as "[stack]".
    """

    start: int
    end: int
    prot: int
    shared: bool = False
    file: FileNode | None = None
    offset: int = 0
    name: str = ""
    grows_down: bool = False
    # How far mremap(2) has moved its anonymous pages: Linux merges only areas that moved equally far.
    moved: int = 0
    no_reserve: bool = False  # MAP_NORESERVE: not accounted
    accounted: bool = False  # its pages count in Committed_AS, even after it has become read-only
    mergeable: bool = False  # madvise(MADV_MERGEABLE): KSM may merge its pages
    advice: int = 0  # MADV_NORMAL, RANDOM or SEQUENTIAL: how much of a file is read ahead
    dont_fork: bool = False  # madvise(MADV_DONTFORK): a child does not inherit it
    wipe_on_fork: bool = False  # madvise(MADV_WIPEONFORK): a child inherits it filled with zero bytes
    megapages: bool | None = None  # madvise(MADV_HUGEPAGE): True, MADV_NOHUGEPAGE: False
    may_write: bool = True  # False for a shared mapping of a file that was not opened for writing
    locked: bool = False  # mlock(2): its pages stay in memory

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def data(self) -> bool:
        """Whether it counts as data: private, writable, and not a stack (is_data_mapping)."""
        return bool(self.prot & PROT_WRITE) and not self.shared and not self.grows_down

    @property
    def anonymous(self) -> bool:
        return self.file is None

    @property
    def writes_file(self) -> bool:
        """Whether its pages can become dirty pages of a file that need writeback."""
        return self.shared and self.may_write and self.file is not None and self.file.backed

    def offset_of(self, va: int) -> int:
        """The file offset of `va`."""
        return self.offset + va - self.start

    def permissions(self) -> str:
        """The permissions as in /proc/PID/maps, such as `rwxp`."""
        letters = "".join(c if self.prot & bit else "-" for bit, c in ((1, "r"), (2, "w"), (4, "x")))
        return letters + ("s" if self.shared else "p")

    def describe(self) -> str:
        """The line of /proc/PID/maps without the newline. A name begins at column 73."""
        dev = ino = 0
        name = self.name
        if self.file is not None and not name.startswith("["):
            dev, ino = self.file.identity
            name = name or "/dev/zero"
            if not self.file.linked and not name.endswith(" (deleted)"):
                name += " (deleted)"
        offset = self.offset if self.file is not None else 0
        major, minor = dev >> 8 & 0xFFF, dev & 0xFF | dev >> 12 & 0xFFF00
        where = f"{self.start:08x}-{self.end:08x} {self.permissions()} {offset:08x} {major:02x}:{minor:02x} {ino} "
        name = name.replace("\n", "\\012")  # a name makes no line of its own
        return f"{where:<72} {name}" if name else where

    @property
    def plain(self) -> bool:
        """Whether mmap of private anonymous memory, readable and writable, continues it: see `VmaSet.add_plain`."""
        return (
            self.prot == PROT_READ | PROT_WRITE
            and self.file is None
            and self.accounted
            and self.may_write
            and self.megapages is None
            and not (
                self.shared
                or self.name
                or self.grows_down
                or self.moved
                or self.no_reserve
                or self.mergeable
                or self.advice
                or self.dont_fork
                or self.wipe_on_fork
                or self.locked
            )
        )

    def continues(self, other: Vma) -> bool:
        """Whether `other` begins where this area ends and the two can be merged."""
        return (
            self.end == other.start
            and self.prot == other.prot
            and self.shared == other.shared
            and self.file is other.file
            and (self.file is None or self.offset + self.length == other.offset)
            and self.name == other.name
            and self.grows_down == other.grows_down
            and self.moved == other.moved
            and self.mergeable == other.mergeable
            and self.megapages == other.megapages
            and self.advice == other.advice
            and self.dont_fork == other.dont_fork
            and self.wipe_on_fork == other.wipe_on_fork
            and self.no_reserve == other.no_reserve
            and self.accounted == other.accounted
            and self.may_write == other.may_write
            and self.locked == other.locked
        )


def end_of_pages(addr: int, length: int) -> int:
    """The end of the whole pages of a range, in 64 bits as Linux computes it: it can be below `addr`.

    Raises OSError(EINVAL) if `addr` is not at a page.
    """
    if addr & PAGE_MASK:
        raise error(errno.EINVAL)
    return u64(addr + (u64(length + PAGE_MASK) & ~PAGE_MASK))


def flags_for(area: Vma, *, writable: bool) -> int:
    """The PTE flags that `area` grants.

    W implies R, because Sv39 reserves W alone. With PROT_NONE the entry keeps its frame but is
    invalid.
    """
    flags = PTE_U | (PTE_V if area.prot else 0)
    if area.prot & (PROT_READ | PROT_WRITE):
        flags |= PTE_R
    if area.prot & PROT_EXEC:
        flags |= PTE_X
    if area.shared:
        flags |= PTE_SHARED
    if area.prot & PROT_WRITE:
        flags |= PTE_W if writable else 0 if area.shared else PTE_COW
    return flags


class VmaSet:
    """The areas of one address space: sorted, never overlapping. A look-up is a bisection.

    The lowest area comes last, because the mmap area grows downwards: so a new mapping moves few entries.

    `pages` is the number of pages in all areas, `peak` its maximum so far. `data_pages` counts
    those of data areas, `accounted` those that Committed_AS includes.
    """

    def __init__(self) -> None:
        self._keys: list[int] = []  # -start of each area
        self._areas: dict[int, Vma] = {}
        self._packed_from = 0  # no page from here to `_top` is free
        self._top = 0  # `high` of the last `find_gap`
        # The start of an area, or `_top`, above which no gap has `_full_for` bytes.
        self._full_from = self._full_for = 0
        self.pages = self.peak = self.data_pages = self.accounted = 0
        self.any_locked = False  # whether an area was ever locked
        self.version = 0  # incremented when an area is added, removed or changes its range

    def __iter__(self) -> Iterator[Vma]:
        return (self._areas[-key] for key in reversed(self._keys))

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, va: int) -> Vma | None:
        """The area that contains `va`."""
        number = bisect_left(self._keys, -va)
        if number == len(self._keys):
            return None
        area = self._areas[-self._keys[number]]
        return area if va < area.end else None

    def below(self, va: int) -> Vma | None:
        """The last area that begins at or below `va`."""
        number = bisect_left(self._keys, -va)
        return self._areas[-self._keys[number]] if number < len(self._keys) else None

    def locked(self) -> Iterator[Vma]:
        """The areas whose pages must stay in memory."""
        return (area for area in self if area.locked) if self.any_locked else iter(())

    @property
    def locked_bytes(self) -> int:
        """The total length of locked areas (VmLck)."""
        return sum(area.length for area in self.locked())

    def unlock(self) -> None:
        """Unlock all areas. Neighbours that differed only in their locks are not merged."""
        for area in self.locked():
            area.locked = False
        self.any_locked = False

    def above(self, va: int) -> Vma | None:
        """The first area that begins above `va`."""
        number = bisect_left(self._keys, -va)
        return self._areas[-self._keys[number - 1]] if number else None

    def overlapping(self, start: int, end: int) -> list[Vma]:
        """The areas that have a page from `start` to `end`, ascending."""
        keys, areas = self._keys, self._areas
        after = bisect_left(keys, -start)  # that of the area that begins at or below `start`
        if after < len(keys) and areas[-keys[after]].end > start:
            after += 1
        return [areas[-key] for key in reversed(keys[bisect_right(keys, -end) : after])]

    def add(self, area: Vma) -> Vma:
        """Add an area whose range is free; merge it with neighbours that it continues."""
        self.version += 1
        self._count(area, area.length)
        before = self.below(area.start)
        if before is not None and before.continues(area):
            before.end = area.end
            area = before
        else:
            insort(self._keys, -area.start)
            self._areas[area.start] = area
        after = self._areas.get(area.end)
        if after is not None and area.continues(after):
            self._take_out(after)
            area.end = after.end
        return area

    def add_plain(self, start: int, end: int) -> Vma:
        """`add` for a new area that is readable, writable, accounted, and otherwise as `Vma` makes it."""
        self.version += 1
        pages = end - start >> PAGE_SHIFT
        self.pages += pages
        self.data_pages += pages
        self.accounted += pages
        if self.pages > self.peak:
            self.peak = self.pages
        keys, areas = self._keys, self._areas
        number = bisect_left(keys, -start)
        area = areas[-keys[number]] if number < len(keys) else None
        if area is not None and area.end == start and area.plain:
            area.end = end
        else:
            area = areas[start] = Vma(start, end, PROT_READ | PROT_WRITE, accounted=True)
            keys.insert(number, -start)
        if number and keys[number - 1] == -end and areas[end].plain:
            area.end = areas.pop(end).end
            del keys[number - 1]
        return area

    def _count(self, area: Vma, more: int) -> None:
        """Count `more` bytes (negative: fewer) of the kind of `area`."""
        pages = more >> PAGE_SHIFT
        self.pages += pages
        if self.pages > self.peak:
            self.peak = self.pages
        if area.data:
            self.data_pages += pages
        if area.accounted:
            self.accounted += pages

    def remove(self, area: Vma) -> None:
        """Remove exactly this area."""
        self.version += 1
        self._count(area, -area.length)
        self._take_out(area)

    def cut(self, area: Vma, start: int, end: int) -> None:
        """Remove a part of `area`, which has no file."""
        self.version += 1
        self._count(area, start - end)
        keys = self._keys
        number = bisect_left(keys, -area.start)
        if end < area.end:
            if start == area.start:
                del self._areas[start]
                area.start = end
                keys[number] = -end
                self._areas[end] = area
            else:
                upper = duplicate(area)
                upper.start = end
                keys.insert(number, -end)
                self._areas[end] = upper
                area.end = start
            self._freed(end, end)
            return
        self._freed(end, -keys[number - 1] if number else self._top)
        if start == area.start:
            del self._areas[start]
            del keys[number]
        else:
            area.end = start

    def _freed(self, end: int, above: int) -> None:
        """The pages below `end` have become free, in a gap that ends at `above`."""
        if end > self._packed_from:
            self._packed_from = end
        if above > self._full_from:
            self._full_from = above

    def _take_out(self, area: Vma) -> None:
        keys = self._keys
        number = bisect_left(keys, -area.start)
        del self._areas[area.start]
        del keys[number]
        self._freed(area.end, -keys[number - 1] if number else self._top)

    def move_start(self, area: Vma, start: int) -> None:
        """Move the start of an area (a stack that grows); the new range must be free."""
        self.version += 1
        number = bisect_left(self._keys, -area.start)
        self._count(area, area.start - start)
        del self._areas[area.start]
        self._keys[number] = -start
        area.start = start
        self._areas[start] = area

    def splits(self, va: int) -> bool:
        """Whether `split` would split an area at `va`."""
        area = self.find(va)
        return area is not None and area.start != va

    def split(self, va: int) -> None:
        """Split the area that contains `va`, unless it begins there."""
        area = self.find(va)
        if area is None or area.start == va:
            return
        self.version += 1
        upper = duplicate(area)
        upper.start, upper.offset = va, area.offset_of(va) if area.file is not None else 0
        area.end = va
        insort(self._keys, -va)
        self._areas[va] = upper

    def part(self, area: Vma, start: int, end: int) -> Vma:
        """The part of `area` from `start` to `end`, split off so that it can be changed."""
        start, end = max(start, area.start), min(end, area.end)
        self.split(start)
        self.split(end)
        return self._areas[start]

    def find_gap(self, length: int, low: int, high: int) -> int | None:
        """The highest page-aligned address of `length` free bytes from `low` to `high`, or None."""
        if high != self._top or self._packed_from > high:
            self._top = self._packed_from = self._full_from = high
        keys, areas = self._keys, self._areas
        count, end, packed = len(keys), self._packed_from, True
        if length >= self._full_for and self._full_from < end:
            end, packed = self._full_from, False
        number = bisect_right(keys, -end)  # of the last area that begins below `end`
        while end - length >= low:
            area = areas[-keys[number]] if number < count else None
            if area is None or area.end <= end - length:
                self._full_from, self._full_for = end, length
                return end - length
            if area.end < end:
                packed = False
            if area.start < end:
                end = area.start
            if packed:
                self._packed_from = end
            number += 1
        return None

    def clear(self) -> None:
        """Remove all areas."""
        self.version += 1
        self._keys.clear()
        self._areas.clear()
        self._packed_from = self._full_from = self._top
        self.pages = self.data_pages = self.accounted = 0
        self.any_locked = False

    def copy(self) -> VmaSet:
        """The same areas for another address space."""
        twin = VmaSet()
        twin.pages, twin.data_pages, twin.accounted = self.pages, self.data_pages, self.accounted
        twin.peak = self.pages
        twin._keys = self._keys.copy()
        twin._areas = {start: duplicate(area) for start, area in self._areas.items()}
        twin.any_locked = self.any_locked
        return twin
