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
    """The present moment of a machine. It is counted often and asked for rarely."""

    def __init__(self) -> None:
        self.count = 0  # instructions
        self._entries = 0
        self._in_user = True
        self._was_in_user = True  # before the present entry

    def user(self, count: int) -> None:
        """The machine stands before an instruction, `count` instructions after its beginning."""
        if count != self.count:
            self.count, self._entries = count, 0
        self._in_user = True

    def entry(self, count: int) -> None:
        """The machine is in a new entry of the kernel."""
        if count != self.count:
            self.count, self._entries = count, 0
        self._was_in_user = self._in_user or not self._entries
        self._entries += 1
        self._in_user = False

    @property
    def now(self) -> Moment:
        """The present moment."""
        return Moment(self.count, 2 * self._entries - (not self._in_user))

    @property
    def before(self) -> Moment:
        """The last place before the present entry at which the machine could stand."""
        return Moment(self.count, 2 * (self._entries - 1) - (not self._was_in_user))
