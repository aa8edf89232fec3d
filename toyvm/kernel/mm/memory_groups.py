"""Memory limits for groups of processes, as a memory cgroup has.

See Documentation/admin-guide/cgroup-v2.rst, "Memory". A group is a program of the command line with
all its descendants. Each frame is charged to the group of the process that first needed it until
the frame is free again; page tables and pages of files are charged too. When a group reaches its
limit, reclaim frees pages of this group only; if that frees nothing, the process that needed the
page is killed.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from ..counters import FaultContext, Group


class Groups:
    """The group that each frame is charged to.

    `reclaim` frees frames of a group and returns how many.
    """

    def __init__(self, frames: int, reclaim: Callable[[Group, FaultContext], int]):
        self.all: list[Group] = []
        self.charged = array("H", bytes(2 * frames))  # by frame: the number of its group, 0 for none
        self._reclaim = reclaim

    def add(self, name: str, limit: int) -> Group:
        """Create a group with a limit of `limit` frames."""
        group = Group(len(self.all) + 1, name, limit)
        self.all.append(group)
        return group

    def admit(self, context: FaultContext) -> bool:
        """Whether the group of `context` may have one more frame, after reclaim if necessary."""
        group = context.group
        if group is None or group.used < group.limit:
            return True
        group.hits += 1
        while group.used >= group.limit:
            if not self._reclaim(group, context):
                return False
        return True

    def charge(self, frame: int, group: Group | None) -> None:
        """Charge `group` for a frame."""
        if group is not None:
            self.charged[frame] = group.number
            group.used += 1
            group.peak = max(group.peak, group.used)

    def uncharge(self, frames: Iterable[int]) -> None:
        """These frames are free: end their charges."""
        for frame in frames:
            number = self.charged[frame]
            if number:
                self.charged[frame] = 0
                self.all[number - 1].used -= 1
