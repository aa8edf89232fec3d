"""The sizes of the branches of a long chunk as arrays: one pass of `section_layout` in a few operations.

The size of a part depends on the parts before it, because they move it, and on the pass before, for what follows it.
So a pass is a system of equations in triangular form. `solve` guesses all sizes, computes the sums and from them all
sizes again, until nothing changes: each round settles at least the first part that was wrong, and nearly always
thousands. The solution is the one that computing part by part finds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..sections import Chunk, PartKind

_FAR = (1 << 31) - 1
_ROUNDS = 500
# By kind and initial size: reach, growth beyond it, second reach, more growth beyond that
_LIMITS = {
    (PartKind.BRANCH, 2): (256, 2, 4096, 2),
    (PartKind.BRANCH, 4): (4096, 4, _FAR, 0),
    (PartKind.JUMP, 2): (2048, 2, _FAR, 0),
    (PartKind.JUMP, 4): (_FAR, 0, _FAR, 0),
}
_UNKNOWN = {PartKind.BRANCH: 8, PartKind.JUMP: 4}  # the size of a branch to an unknown place
Array = np.ndarray[Any, np.dtype[np.int32]]  # a section has at most 2**28 bytes
_NOWHERE = 1 << 30  # a distance out of any reach, however much the parts grow


class BranchArrays:
    """The parts of a chunk, of which all but a last alignment are branches and jumps.

    `targets` has for each branch into the chunk the number of parts before its target, and the distance if no part
    grows; None for another branch, whose target is not known.
    """

    def __init__(self, chunk: Chunk, targets: list[tuple[int, int] | None]):
        self._chunk = chunk
        limits = []
        for part, target in zip(chunk.parts, targets, strict=False):
            kind = PartKind(part.kind)
            grown = _UNKNOWN[kind] - part.size
            limits.append(_LIMITS[kind, part.size] if target is not None else (0, grown, _FAR, 0))
        self._limits: Array = np.array(limits, dtype=np.int32).T.copy()
        ahead = [target[1] if target else _NOWHERE for target in targets]
        self._ahead: Array = np.array([max(-_NOWHERE, min(at, _NOWHERE)) for at in ahead], dtype=np.int32)
        self._before = np.array([target[0] if target else 0 for target in targets], dtype=np.int32)
        self._backward = self._before <= np.arange(len(targets))
        self._offsets = np.array([part.offset for part in chunk.parts], dtype=np.int32)
        self._sizes: Array = np.zeros(len(targets), dtype=np.int32)
        self.sums: Array = np.zeros(len(chunk.parts) + 1, dtype=np.int32)

    def estimate(self) -> bool:
        """The first guess of gas (see `SectionLayout._estimate`). Returns False if it is not found."""
        starts = np.concatenate([self._offsets[:1] * 0, self._offsets])[self._before]
        return self._solve(self._chunk.base, -self._chunk.base - starts, grow=False)

    def measure(self, base: int, only_grow: bool) -> bool | None:
        """One pass, with the chunk at `base`. Returns whether a size or the base has changed; None: not found."""
        old = self.sums
        if not self._solve(base, self._chunk.base - base + old[self._before], only_grow):
            return None
        return base != self._chunk.base or not np.array_equal(old, self.sums)

    def _solve(self, base: int, later: Array, grow: bool) -> bool:
        """Find sizes and sums. `later` are the places of targets that follow, from `base`. Returns whether they are found.

        If `grow` is set, no size becomes smaller.
        """
        sizes, count, start = self._sizes.copy(), len(self._sizes), 0
        sums = np.zeros(len(self.sums), dtype=np.int32)
        for _ in range(_ROUNDS):
            guess, here = sizes[start:], sums[start:count]  # what is before `start` is right
            np.cumsum(guess, out=sums[start + 1 : count + 1])
            if start:
                sums[start + 1 : count + 1] += sums[start]
            distance = np.where(self._backward[start:], sums[self._before[start:]], later[start:])
            distance += self._ahead[start:]
            distance -= here
            distance ^= distance >> 31  # -reach <= distance < reach: this is below `reach`
            reach, growth, far_reach, far_growth = self._limits[:, start:]
            found = (distance >= reach) * growth
            found += (distance >= far_reach) * far_growth
            if grow:
                found = np.maximum(found, self._sizes[start:])
            wrong = found != guess
            first = int(wrong.argmax())
            if not wrong[first]:
                break
            sizes[start + first :] = found[first:]
            start += first
        else:
            return False
        if count < len(self._chunk.parts):  # the alignment at the end
            place = int(self._offsets[-1]) + base + int(sums[count])
            sums[-1] = sums[count] + -place % self._chunk.parts[-1].addend
        self._sizes, self.sums = sizes, sums
        return True

    def growth(self) -> list[int]:
        """By part: how much it grows."""
        grown: list[int] = np.diff(self.sums).tolist()
        return grown
