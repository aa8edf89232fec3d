"""Futexes: words in user memory at which threads wait (futex(2)), and what a thread that ends leaves there.

A futex is known by its key, as in Linux's get_futex_key. The key of a private futex, or of one in private memory, is the
address space and the virtual address. The key of a futex in shared memory is the file and the offset, so that processes
find each other whatever addresses they map the file at. A page may move to another frame; its keys stay.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from contextlib import suppress

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.mmu import Access
from toyvm.machine.sv39 import USER_TOP

from ..mm.frame_allocator import OutOfFrames
from ..mm.user_memory import Fault
from ..mm.vma import PROT_WRITE
from .process import FutexWaiter

if TYPE_CHECKING:
    from .process import Process

ANY_BIT = 0xFFFFFFFF
FUTEX_WAITERS, FUTEX_OWNER_DIED, FUTEX_TID_MASK = 0x80000000, 0x40000000, 0x3FFFFFFF
ROBUST_LIST_LIMIT = 2048  # entries that Linux looks at
_LIST_HEAD = struct.Struct(
    "<QqQ"
)  # struct robust_list_head: the first entry, the futex's offset, the pending one
_PRIORITY_INHERITING = 1  # a bit of a pointer in a robust list


class Futexes:
    """The queues of all futexes with waiters. `wake_thread` makes a sleeping thread runnable."""

    def __init__(self, wake_thread: Callable[[Process], None]):
        self._wake_thread = wake_thread
        self._queues: dict[object, dict[FutexWaiter, None]] = {}

    def key(self, thread: Process, va: int, *, private: bool, write: bool = False) -> object:
        """The key of the futex at `va` (FUTEX_PRIVATE_FLAG: `private`). A page of one that is not private is faulted in.

        Raises OSError(EINVAL) for a misaligned address, Fault.
        """
        if va & 3:
            raise error(errno.EINVAL)
        if va >= USER_TOP:
            raise Fault(va)
        mm = thread.mm
        if not mm.has_mmu:
            return va
        if private:
            return mm.map, va
        area = mm.vmas.find(va)
        if area is None or (not area.shared and area.file is None and not area.prot & PROT_WRITE):
            raise Fault(va)
        mm.translate(va, Access.WRITE if write or area.prot & PROT_WRITE else Access.READ)
        if area.shared and area.file is not None:
            return area.file.identity, area.offset_of(va)
        return mm.map, va, "shared"

    def has_waiters(self, key: object) -> bool:
        """Whether a thread waits at the futex."""
        return key in self._queues

    def wait(self, thread: Process, key: object, bitset: int = ANY_BIT) -> None:
        """Enter `thread` into the queue of `key`, until it is woken or its system call ends."""
        thread.call.futex = FutexWaiter(thread, self._queues, key, bitset)

    def wake(self, key: object, count: int, bitset: int = ANY_BIT) -> int:
        """Wake `count` waiters with a bit of `bitset`, in the order in which they came, but at least one. Return how many."""
        woken = 0
        for waiter in list(self._queues.get(key, ())):
            if waiter.bitset & bitset:
                self._wake(waiter)
                woken += 1
                if woken >= count:
                    break
        return woken

    def requeue(self, key: object, to: object, wake: int, move: int) -> int:
        """Wake the first `wake` waiters of `key` and let the next `move` wait at `to`. Return how many in all."""
        done = 0
        for waiter in list(self._queues.get(key, ()))[: wake + move]:
            if done < wake:
                self._wake(waiter)
            elif key != to:
                waiter.leave()
                waiter.enter(to)
            done += 1
        return done

    def _wake(self, waiter: FutexWaiter) -> None:
        waiter.leave()
        waiter.woken = True
        self._wake_thread(waiter.thread)

    # What a thread leaves

    def owner_died(self, thread: Process) -> None:
        """Mark the robust futexes that the ending `thread` holds, and wake a waiter of each (exit_robust_list in Linux)."""
        head, thread.robust_list = thread.robust_list, 0
        with suppress(OSError, OutOfFrames):  # what follows a bad address is lost
            read = thread.mm.read_int
            entry, offset, pending = _LIST_HEAD.unpack(thread.mm.read(head, _LIST_HEAD.size))
            waited = pending & ~_PRIORITY_INHERITING
            for _ in range(ROBUST_LIST_LIMIT):
                at = entry & ~_PRIORITY_INHERITING
                if at == head:
                    break
                following = read(at)
                if at != waited:
                    self._mark(thread, at + offset, inheriting=entry & _PRIORITY_INHERITING, pending=False)
                entry = following
            if waited:
                self._mark(thread, waited + offset, inheriting=pending & _PRIORITY_INHERITING, pending=True)

    def _mark(self, thread: Process, va: int, *, inheriting: int, pending: bool) -> None:
        """Give up one futex of the ending `thread` (handle_futex_death). `pending`: it was being locked or unlocked."""
        va &= (1 << 64) - 1
        if va & 3:
            raise error(errno.EINVAL)
        value = thread.mm.read_int(va, 4)
        if pending and not inheriting and not value:
            self.wake(self.key(thread, va, private=False), 1)
        elif value & FUTEX_TID_MASK == thread.tid:
            thread.mm.write_int(va, value & FUTEX_WAITERS | FUTEX_OWNER_DIED, 4)
            if value & FUTEX_WAITERS and not inheriting:
                self.wake(self.key(thread, va, private=False), 1)
