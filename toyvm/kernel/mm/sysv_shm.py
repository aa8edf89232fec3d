"""System V shared memory (sysvipc(7)): segments with a number and a key.

A segment outlives its creator. It is a file without a name whose pages exist in the page cache
only, so mapping, fork, faults and accounting are those of any shared file. `linked` says that its
number is still valid: a segment is freed when it has been removed and no process maps it.
"""

from __future__ import annotations

import errno
import stat as st
from collections import Counter
from collections.abc import Callable

from toyvm.base.bits import align_up
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.physical_memory import PAGE_SHIFT, PAGE_SIZE

from ..vfs.nodes import Stat
from .shared_anonymous import ShmNode

if TYPE_CHECKING:
    from .machine_memory import MachineMemory
    from .overcommit import Commit

SHMMNI = 4096  # segments of a machine (kernel.shmmni)
SHMMIN = 1
SHMMAX = SHMALL = (1 << 64) - 1 - (1 << 24)  # bytes of a segment, pages of all: Linux's defaults, no limit
IPC_PRIVATE = 0
SHM_DEST, SHM_LOCKED = 0o1000, 0o2000  # in the mode that shmctl reports
_SEQUENCE_SHIFT = 15  # an identifier is a sequence number above the place in the table (IPCMNI_SHIFT)
_MIN_CYCLE = 64  # places used in turn before the first one is used again (ipc_min_cycle)


class Segment(ShmNode):
    """One segment. With `key` IPC_PRIVATE, no key finds it.

    Times are in seconds of the wall clock, 0 for never.
    """

    DEVICE = 2

    def __init__(
        self,
        table: Segments,
        number: int,
        key: int,
        size: int,
        mode: int,
        uid: int,
        pid: int,
        account: Commit | None,
    ):
        super().__init__(number, align_up(size, PAGE_SIZE), account)
        self._table = table
        self.number = number
        self.key = self.first_key = key
        self.bytes = size
        self.mode = mode
        self.uid = self.gid = self.creator = uid
        self.creator_pid = pid
        self.last_pid = 0
        self.attached_at = self.detached_at = 0
        self.changed_at = table.seconds()
        self.removed = False

    @property
    def linked(self) -> bool:
        return not self.removed

    @property
    def area_name(self) -> str:
        """Its name in /proc/PID/maps, which contains the key of its creation."""
        return f"/SYSV{self.first_key & 0xFFFFFFFF:08x} (deleted)"

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFREG | self.mode, 0, self.uid, self.gid, size=self.size)

    def permits(self, wanted: int, uid: int) -> bool:
        """Whether `uid` has the permissions `wanted` (ipcperms).

        The bits may be those of owner, group or others.
        """
        asked = wanted >> 6 | wanted >> 3 | wanted
        granted = self.mode >> 6 if self.owned_by(uid) else self.mode >> 3 if uid == self.gid else self.mode
        return not asked & ~granted & 0o7

    def owned_by(self, uid: int) -> bool:
        """Whether `uid` is the creator or the owner."""
        return uid in (self.uid, self.creator)

    def attached(self, pid: int) -> None:
        self.last_pid = pid
        self.attached_at = self._table.seconds()

    def detached(self, pid: int) -> None:
        self.last_pid = pid
        self.detached_at = self._table.seconds()

    def dropped(self) -> None:
        super().dropped()
        self._table.forget(self)


class Segments:
    """All segments of a machine, by number and by key.

    `seconds` returns the wall clock's seconds.
    """

    def __init__(self, system: MachineMemory, seconds: Callable[[], int]):
        self.system = system
        self.seconds = seconds
        self._places: dict[int, Segment] = {}
        self._keys: dict[int, Segment] = {}
        self._next_place = 0
        self._last_place = -1
        self._sequence = 0
        self.pages = 0  # of all segments together

    def __len__(self) -> int:
        return len(self._places)

    def all(self) -> list[Segment]:
        """The segments in order of their places in the table."""
        return [self._places[place] for place in sorted(self._places)]

    def by_key(self, key: int) -> Segment | None:
        """The segment that shmget(key) finds."""
        return self._keys.get(key)

    def by_number(self, number: int) -> Segment:
        """The segment of an identifier. Raises OSError(EINVAL)."""
        found = self._places.get(number & (1 << _SEQUENCE_SHIFT) - 1)
        if found is None or found.number != number:
            raise error(errno.EINVAL)
        return found

    def at_place(self, place: int) -> Segment:
        """The segment at a place of the table (SHM_STAT). Raises OSError(EINVAL)."""
        found = self._places.get(place)
        if found is None:
            raise error(errno.EINVAL)
        return found

    @property
    def highest_place(self) -> int:
        """The highest place in use, or 0 (shmctl(IPC_INFO))."""
        return max(self._places, default=0)

    def create(self, key: int, size: int, mode: int, uid: int, pid: int, *, reserve: bool = True) -> Segment:
        """Create a segment of `size` zero bytes, all committed if `reserve`.

        Raises OSError: EINVAL for a bad size, ENOSPC if there are too many, ENOMEM.
        """
        if not SHMMIN <= size <= SHMMAX:
            raise error(errno.EINVAL)
        if len(self) >= SHMMNI or self.pages + (align_up(size, PAGE_SIZE) >> PAGE_SHIFT) > SHMALL:
            raise error(errno.ENOSPC)
        account = self.system.commit if reserve else None
        if account is not None:
            account.require(align_up(size, PAGE_SIZE) >> PAGE_SHIFT)
        place = self._take_place()
        number = self._sequence << _SEQUENCE_SHIFT | place
        segment = Segment(self, number, key, size, mode & 0o777, uid, pid, account)
        self._places[place] = segment
        self.pages += segment.size >> PAGE_SHIFT
        if key != IPC_PRIVATE:
            self._keys[key] = segment
        return segment

    def _take_place(self) -> int:
        """The next free place in turn; each round has a new sequence number (ipc_idr_alloc)."""
        places = max(len(self) * 3 // 2, _MIN_CYCLE)
        start = self._next_place if self._next_place < places else 0
        place = next(n % places for n in range(start, start + places) if n % places not in self._places)
        if place <= self._last_place:
            self._sequence = (self._sequence + 1) & 0xFFFF
        self._last_place = place
        self._next_place = place + 1
        return place

    def remove(self, segment: Segment) -> None:
        """shmctl(IPC_RMID): no key finds it any more; it is freed with its last mapping, or now."""
        if segment.key != IPC_PRIVATE:
            del self._keys[segment.key]
        segment.key = IPC_PRIVATE
        segment.mode |= SHM_DEST
        segment.removed = True
        self.system.cache.released(segment)

    def forget(self, segment: Segment) -> None:
        """A segment has been freed."""
        del self._places[segment.number & (1 << _SEQUENCE_SHIFT) - 1]
        self.pages -= segment.size >> PAGE_SHIFT

    def attachments(self, segment: Segment) -> int:
        """shm_nattch: the number of areas in all address spaces that map the segment."""
        if not segment.mappings:
            return 0
        return sum(area.file is segment for space in self.system.spaces for area in space.vmas)

    def resident(self, segment: Segment) -> int:
        """The number of pages of the segment in memory."""
        return self.system.cache.count(segment)

    def text(self) -> bytes:
        """The text of /proc/sysvipc/shm."""
        lines = [_HEADER]
        # One pass over all areas: there may be a million of them, and thousands of segments.
        attached = Counter(area.file for space in self.system.spaces for area in space.vmas if area.file)
        for s in self.all():
            lines.append(
                f"{s.key:10d} {s.number:10d}  {s.mode:4o} {s.bytes:21d} {s.creator_pid:5d} {s.last_pid:5d}  "
                f"{attached[s]:5d} {s.uid:5d} {s.gid:5d} {s.creator:5d} {s.creator:5d} {s.attached_at:10d} "
                f"{s.detached_at:10d} {s.changed_at:10d} {self.resident(s) << PAGE_SHIFT:21d} {0:21d}\n"
            )
        return "".join(lines).encode()


_HEADER = (
    "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
    "      atime      dtime      ctime                   rss                  swap\n"
)
