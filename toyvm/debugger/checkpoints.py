"""The checkpoints of a timeline: at most MOST, close to each other near the present, and further apart before."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.record import Record

from .channel import Channel
from .orders import Report
from .target import Moment

MOST = 24


class Checkpoint(Record, eq=False):
    """A waiting copy of the machine, what it reported, and its process."""

    channel: Channel
    report: Report
    pid: int = 0

    @property
    def moment(self) -> Moment:
        """Where it stands."""
        return self.report.stop.moment


class Checkpoints:
    """Those of one history, in order of time. The first one, at the beginning, always stays."""

    def __init__(self, first: Checkpoint, most: int = MOST):
        self._all = [first]
        self._most = most

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Checkpoint]:
        return iter(self._all)

    def memory(self) -> int:
        """The bytes of the host's memory that the checkpoints hold; shared pages count in proportion."""
        return sum(_memory_of(known.pid) for known in self._all)

    @property
    def first(self) -> Checkpoint:
        """The beginning."""
        return self._all[0]

    def add(self, checkpoint: Checkpoint, present: Moment) -> None:
        """Add one. If there are too many, close the one whose neighbours are nearest for its distance from `present`."""
        if any(known.moment == checkpoint.moment for known in self._all):
            checkpoint.channel.close()
            return
        self._all.append(checkpoint)
        self._all.sort(key=lambda known: known.moment)
        while len(self._all) > self._most:
            self._close(min(range(1, len(self._all)), key=lambda n: self._worth(n, present.instructions)))

    def _worth(self, number: int, present: int) -> float:
        """The time that the checkpoint saves, relative to how far from the present it is."""
        here = self._all[number].moment.instructions
        before = self._all[number - 1].moment.instructions
        after = self._all[number + 1].moment.instructions if number + 1 < len(self._all) else present
        return (max(after, here) - before + 1) / (abs(present - here) + 1)

    def before(self, moment: Moment) -> list[Checkpoint]:
        """Those before a moment, the latest first; at least the first."""
        return [known for known in reversed(self._all) if known.moment < moment] or [self.first]

    def at_or_before(self, moment: Moment) -> Checkpoint:
        """The latest that is not after a moment."""
        return next((known for known in reversed(self._all) if known.moment <= moment), self.first)

    def forget_after(self, moment: Moment) -> None:
        """Close those after a moment: the history has changed."""
        for number in reversed(range(1, len(self._all))):
            if self._all[number].moment > moment:
                self._close(number)

    def _close(self, number: int) -> None:
        self._all.pop(number).channel.close()

    def close(self) -> None:
        """Close all; the first one last."""
        while self._all:
            self._close(len(self._all) - 1)


def _memory_of(pid: int) -> int:
    """The proportional set size of a process, 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as stream:
            return next((int(line.split()[1]) << 10 for line in stream if line.startswith("Pss:")), 0)
    except OSError:
        return 0
