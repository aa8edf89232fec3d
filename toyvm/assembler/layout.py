"""From chunks to addresses: which branches must grow, how much padding, where every label is.

A conditional branch reaches 4 KiB. One whose target is farther, or is not known here, becomes the opposite branch over
a `jal` (gas/config/tc-riscv.c, `relaxed_branch_length`). Growing one may push another out of reach, so the sizes are
computed until nothing changes; branches only ever grow, which ends.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from ..bits import align_up
from ..elf.constants import STB_WEAK
from .problems import MAX_SECTION_BYTES, Problem
from .sections import Chunk, Part, PartKind, Section
from .symbols import Symbol, Value

BRANCH_REACH = 4096
BRANCH, JUMP, ALIGN, ORG = PartKind.BRANCH, PartKind.JUMP, PartKind.ALIGN, PartKind.ORG
Resolve = Callable[[Value, Part], int]


class Shifts(NamedTuple):
    """Where each byte of a chunk went: growth in front of `offsets`, and its sums from the chunk's base on."""

    offsets: list[int]
    sums: list[int]

    def at(self, offset: int) -> int:
        """What to add to an offset in the chunk to get one in the section."""
        return self.sums[bisect_right(self.offsets, offset)]


class Layout:
    """Where everything is, once `settle` has run."""

    def __init__(self) -> None:
        self._frags: dict[Chunk, tuple[list[int], list[int]]] = {}
        self._resolve: Resolve = _unsettled

    def settle(self, sections: list[Section], resolve: Resolve) -> None:
        """Lay out `sections`. `resolve` gives the number of a part's expression; its Problem is passed on."""
        self._resolve = resolve
        for section in sections:
            for chunk in section.in_order():
                chunk.growth = [0] * len(chunk.parts)
        for section in sections:
            self._settle(section)

    def address(self, symbol: Symbol) -> int:
        """The offset of a label in its section."""
        chunk = symbol.chunk
        assert chunk is not None
        known = self._frags.get(chunk)
        if known is None:
            return chunk.base + symbol.offset
        frags, shifts = known
        return chunk.base + symbol.offset + shifts[bisect_right(frags, symbol.frag)]

    def shifts(self, chunk: Chunk) -> Shifts:
        """By how much the bytes of `chunk` have moved, by their offset in it."""
        if not any(chunk.growth):
            return Shifts([], [chunk.base])
        return Shifts(
            [part.offset for part in chunk.parts], list(accumulate(chunk.growth, initial=chunk.base))
        )

    def _settle(self, section: Section) -> None:
        """Stretch the parts of one section until every branch reaches and every alignment holds."""
        chunks = section.in_order()
        if not any(chunk.parts for chunk in chunks):
            self._join(section, chunks)
            return
        grown = [self._hopeless(chunk) for chunk in chunks]
        while True:
            for _ in range(4):  # padding may depend on later labels (.org): let it settle
                self._join(section, chunks)
                before = [list(chunk.growth) for chunk in chunks]
                for chunk, long in zip(chunks, grown, strict=True):
                    self._measure(chunk, long)
                if before == [chunk.growth for chunk in chunks]:
                    break
            self._join(section, chunks)
            extended = [self._extend(chunk, long) for chunk, long in zip(chunks, grown, strict=True)]
            if not any(extended):
                return

    def _join(self, section: Section, chunks: list[Chunk]) -> None:
        """Set the bases of the chunks and the shifts of their frags by the growth so far."""
        at = 0
        for chunk in chunks:
            chunk.base = at
            total = sum(chunk.growth)
            if total:
                self._frags[chunk] = (
                    [part.frag for part in chunk.parts],
                    list(accumulate(chunk.growth, initial=0)),
                )
            else:
                self._frags.pop(chunk, None)
            at += len(chunk.data) + total
        section.size = at

    def _hopeless(self, chunk: Chunk) -> set[int]:
        """Numbers of the branches whose target cannot be known here: undefined, weak, or in another section."""
        return {
            index
            for index, part in enumerate(chunk.parts)
            if part.kind == BRANCH and not _is_near(part.symbol, chunk.section)
        }

    def _measure(self, chunk: Chunk, long: set[int]) -> None:
        """The growth of every part, from the start of the chunk to its end."""
        shift, growth = chunk.base, chunk.growth
        for index, part in enumerate(chunk.parts):
            if part.kind == BRANCH:
                size = 4 if index in long else 0
            elif part.kind == JUMP:
                continue
            elif part.kind == ALIGN:
                size = -(part.offset + shift) % part.addend
                if part.limit and size > part.limit:
                    size = 0
            else:
                size = self._space(part, part.offset + shift)
            growth[index] = size
            shift += size

    def _space(self, part: Part, at: int) -> int:
        """How many bytes `.org` or a `.skip` of late known size takes, at address `at`."""
        value = self._resolve(part.target, part)
        size = value - at if part.kind == ORG else value
        if size < 0 and part.kind == ORG:
            raise Problem(f"attempt to move .org backwards, from {at} to {value}")
        if not 0 <= size <= MAX_SECTION_BYTES:
            raise Problem(f"{size} bytes to skip is not in 0..{MAX_SECTION_BYTES}")
        return size

    def _extend(self, chunk: Chunk, long: set[int]) -> bool:
        """Make branches long that do not reach; whether there were any."""
        before = len(long)
        if chunk.section.size >= BRANCH_REACH:
            shifts = list(accumulate(chunk.growth, initial=chunk.base))
            for index, part in enumerate(chunk.parts):
                if part.kind == BRANCH and index not in long:
                    assert part.symbol is not None
                    distance = self.address(part.symbol) + part.addend - (part.offset - 4 + shifts[index])
                    if not -BRANCH_REACH <= distance < BRANCH_REACH:
                        long.add(index)
        return len(long) != before


def _unsettled(value: Value, part: Part) -> int:
    raise AssertionError("the layout is not settled")


def _is_near(symbol: Symbol | None, section: Section) -> bool:
    """Whether a branch of `section` may count on where `symbol` is."""
    return (
        symbol is not None
        and symbol.chunk is not None
        and symbol.chunk.section is section
        and symbol.binding != STB_WEAK
    )


def finished_bytes(chunk: Chunk, nops: Callable[[int], bytes]) -> bytes | bytearray:
    """The bytes of a chunk with all padding in place; long branches get 4 zero bytes behind them."""
    data = chunk.data
    if not any(chunk.growth):
        return data
    out = bytearray()
    start = 0
    for part, size in zip(chunk.parts, chunk.growth, strict=True):
        if size:
            out += data[start : part.offset]
            start = part.offset
            fill = part.fill
            out += nops(size) if fill is None else (fill * size if len(fill) == 1 else pattern(fill, size))
    out += data[start:]
    return out


def pattern(fill: bytes, size: int) -> bytes:
    """`size` bytes of padding with a pattern wider than a byte; what does not fit evenly is zeros in front (gas)."""
    return bytes(size % len(fill)) + fill * (size // len(fill))


__all__ = ["Layout", "align_up", "finished_bytes", "pattern"]
