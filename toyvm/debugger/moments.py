"""Counts moments: what the machine has executed, and the kernel's entries since.

At a count n of instructions, the machine stands before an instruction or inside an entry of the
kernel. Moment(n, 0) is before the first instruction there is at this count, Moment(n, 2k - 1) is in
the kth entry since n was reached, and Moment(n, 2k) is before an instruction after k entries. So
both kinds of place have their own moments, in order.

An entry is a switch, a system call, its return, a page fault of user mode, a delivered signal, a
fork, an exec, the start or end of a thread or process, and the end of the run. Page faults that
native code resolves itself are not counted; their instruction is executed at once, so no moment of
theirs is ever stood at.
"""

from __future__ import annotations

from .target import Moment


class MomentCounter:
    """The present moment of a machine."""

    def __init__(self) -> None:
        self._count = 0
        self._entries = 0
        self._in_user = False
        self.now = Moment(0, 0)
        self.before = Moment(0, 0)  # the last place before `now` at which the machine could stand

    def user(self, count: int) -> Moment:
        """The machine stands before an instruction, `count` instructions after its beginning."""
        self._reach(count)
        self._in_user = True
        self.now = Moment(count, 2 * self._entries)
        return self.now

    def entry(self, count: int) -> Moment:
        """The machine is in a new entry of the kernel."""
        self._reach(count)
        in_user = self._in_user or not self._entries
        self.before = Moment(count, 2 * self._entries - (not in_user))
        self._entries += 1
        self._in_user = False
        self.now = Moment(count, 2 * self._entries - 1)
        return self.now

    def _reach(self, count: int) -> None:
        if count != self._count:
            self._count, self._entries = count, 0
