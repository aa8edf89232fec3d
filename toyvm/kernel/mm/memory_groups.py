"""A memory limit for a group of processes, as a memory cgroup has it (Documentation/admin-guide/cgroup-v2.rst, "Memory").

A group is a program of the command line with all its descendants. Each frame is charged to the group of the process that first
needed it, page tables and pages of files included, until it is free again. A group at its limit first loses pages of its own to
reclaim; if that frees nothing, the process that needed the page is killed, and other groups notice nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from ..counters import FaultContext, Group


class Groups:
    """Which group has been charged for which frame. `reclaim` frees frames of a group and returns how many."""

    def __init__(self, frames: int, reclaim: Callable[[Group, FaultContext], int]):
        self.all: list[Group] = []
        self.charged = array("H", bytes(2 * frames))  # by frame: the number of its group, 0 for none
        self._reclaim = reclaim

    def add(self, name: str, limit: int) -> Group:
        """A new group with `limit` frames."""
        group = Group(len(self.all) + 1, name, limit)
        self.all.append(group)
        return group

    def admit(self, context: FaultContext) -> bool:
        """Whether the group that pays for `context` may have one frame more, once it has given up some of its own if it must."""
        group = context.group
        if group is None or group.used < group.limit:
            return True
        group.hits += 1
        while group.used >= group.limit:
            if not self._reclaim(group, context):
                return False
        return True

    def charge(self, frame: int, group: Group | None) -> None:
        """`group` has got a frame."""
        if group is not None:
            self.charged[frame] = group.number
            group.used += 1
            group.peak = max(group.peak, group.used)

    def uncharge(self, frames: Iterable[int]) -> None:
        """These frames are free."""
        for frame in frames:
            number = self.charged[frame]
            if number:
                self.charged[frame] = 0
                self.all[number - 1].used -= 1
