"""A memory limit for a group of processes, as a memory cgroup has it (Documentation/admin-guide/cgroup-v2.rst, "Memory").

A group is a program of the command line with all its descendants. Each frame is charged to the group of the process that first
needed it, page tables and pages of files included, until it is free again. A group at its limit first loses pages of its own to
reclaim; if that frees nothing, the process that needed the page is killed, and other groups notice nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from .frame_allocator import OutOfFrames


class Group:
    """One group: `limit` frames at most; `used` now, `peak` at most so far; how often the limit was met, and how often it killed."""

    def __init__(self, number: int, name: str, limit: int):
        self.number = number
        self.name = name
        self.limit = limit
        self.used = self.peak = 0
        self.hits = self.kills = 0

    def events(self) -> str:
        """memory.events."""
        return f"low 0\nhigh 0\nmax {self.hits}\noom {self.kills}\noom_kill {self.kills}\noom_group_kill 0\n"


class Groups:
    """Who has been charged for which frame. `current` is the group that pays for what is allocated now."""

    def __init__(self, frames: int, reclaim: Callable[[Group], int]):
        self.all: list[Group] = []
        self.charged = array("H", bytes(2 * frames))  # by frame: the number of its group, 0 for nobody
        self.current: Group | None = None
        self._reclaim = reclaim

    def add(self, name: str, limit: int) -> Group:
        """A new group with `limit` frames."""
        group = Group(len(self.all) + 1, name, limit)
        self.all.append(group)
        return group

    def admit(self) -> None:
        """The current group is about to get a frame. Raises OutOfFrames when it may have no more and gives none up."""
        group = self.current
        if group is None or group.used < group.limit:
            return
        group.hits += 1
        while group.used >= group.limit:
            if not self._reclaim(group):
                raise OutOfFrames

    def charge(self, frame: int) -> None:
        """The current group has got a frame."""
        group = self.current
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
