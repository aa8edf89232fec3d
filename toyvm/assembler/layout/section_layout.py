"""Lays out sections: sizes of branches, amounts of padding, addresses of labels.

A conditional branch reaches 4 KiB, a compressed one 256 bytes. If its target is farther away or
undefined, it becomes the longer form, or the inverse branch over a `jal`. A branch that grows may
move another target out of reach, so the sizes are computed until nothing changes. The first guess
and the order are those of GNU as: if two branches could both be short or both be long, the result
is the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record

from ...base.bits import M64, sext
from ...elf.constants import STB_WEAK
from ...elf.leb128 import sleb128, uleb128
from ..problems import MAX_CONTENTS_BYTES, MAX_SECTION_BYTES, Problem, too_much
from ..sections import AsmSection, AsmSymbol, Chunk, Part, PartKind, Value

if TYPE_CHECKING:
    from .branch_arrays import BranchArrays

MAX_PASSES = 500  # plus one for each part, as long as MAX_MEASURED parts in total are not exceeded
MAX_MEASURED = 20_000_000
MAX_SHRINKING_PASSES = 50  # afterwards parts only grow, so the passes end
JUMP, ALIGN, ORG, LEB128 = PartKind.JUMP, PartKind.ALIGN, PartKind.ORG, PartKind.LEB128
MANY_PARTS = 2000  # of one chunk: from here on, arrays save more time than importing numpy takes
Resolve = Callable[[Value, Part], int]


class Shifts(Record):
    """The distance that each byte of a chunk has moved.

    `offsets` are the places of growth. `sums` are running sums that begin with the chunk's base.
    """

    offsets: list[int]
    sums: list[int]

    def at(self, offset: int) -> int:
        """The difference between `offset` in the chunk and the resulting offset in the section."""
        return self.sums[bisect_right(self.offsets, offset)]


class SectionLayout:
    """The offsets of all labels in their sections. Call `settle` first."""

    def __init__(self) -> None:
        self._frags: dict[Chunk, tuple[list[int], list[int]]] = {}
        self._plans: dict[Chunk, list[_Jump | None]] = {}
        self._arrays: dict[Chunk, BranchArrays] = {}
        self._resolve: Resolve = _unsettled

    def settle(self, sections: list[AsmSection], resolve: Resolve) -> None:
        """Lay out `sections`. `resolve` evaluates the expression of a part. Raises Problem."""
        self._resolve = resolve
        for section in sections:
            for chunk in section.in_order():
                chunk.growth = [0] * len(chunk.parts)
        total = 0
        for section in sections:
            self._settle(section)
            total += 0 if section.is_nobits else section.size
            if total > MAX_CONTENTS_BYTES:
                raise too_much(total)

    def address(self, symbol: AsmSymbol) -> int:
        """The offset of a label in its section."""
        chunk = symbol.chunk
        assert chunk is not None
        known = self._frags.get(chunk)
        if known is None:
            return chunk.base + symbol.offset
        frags, shifts = known
        return chunk.base + symbol.offset + shifts[bisect_right(frags, symbol.frag)]

    def shifts(self, chunk: Chunk) -> Shifts:
        """The distances that the bytes of `chunk` have moved."""
        if not any(chunk.growth):
            return Shifts([], [chunk.base])
        return Shifts(
            [part.offset for part in chunk.parts], list(accumulate(chunk.growth, initial=chunk.base))
        )

    def _settle(self, section: AsmSection) -> None:
        """Measure the parts of one section until nothing changes (gas/write.c, `relax_segment`)."""
        chunks = section.in_order()
        for chunk in chunks:
            frags = [part.frag for part in chunk.parts]
            self._frags[chunk] = frags, [0] * (len(chunk.parts) + 1)
            self._plans[chunk] = plans = [_jump(part, chunk, frags) for part in chunk.parts]
            if len(plans) > MANY_PARTS and _are_branches(chunk, plans):
                from .branch_arrays import BranchArrays  # imports numpy

                targets = [plan[:2] if plan is not None else None for plan in plans]
                arrays = BranchArrays(chunk, targets[: -1 if chunk.parts[-1].kind == ALIGN else None])
                self._arrays[chunk] = arrays
        at = 0
        for chunk in chunks:
            chunk.base = at
            frags = self._frags[chunk][0]
            self._frags[chunk] = frags, self._estimate(chunk, frags)
            at += len(chunk.data) + self._frags[chunk][1][-1]
        changed, passes = True, 0
        parts = sum(len(chunk.parts) for chunk in chunks)
        limit = MAX_PASSES + min(parts, MAX_MEASURED // (parts + 1))
        while changed:
            passes += 1
            # Every branch has its largest size by now, so the circle is one of directives.
            if passes > limit:
                raise Problem(f"the place of an .org or .skip in {section.name} depends on itself")
            at, changed = 0, False
            for chunk in chunks:
                changed |= self._measure(chunk, at, only_grow=passes > MAX_SHRINKING_PASSES)
                at += len(chunk.data) + self._frags[chunk][1][-1]
            section.size = at
        for chunk in chunks:
            self._drop_arrays(chunk)

    def _drop_arrays(self, chunk: Chunk) -> None:
        """Continue with the numbers of a chunk's arrays part by part."""
        arrays = self._arrays.pop(chunk, None)
        if arrays is not None:
            chunk.growth = arrays.growth()
            self._frags[chunk] = self._frags[chunk][0], arrays.sums.tolist()

    def _estimate(self, chunk: Chunk, frags: list[int]) -> list[int]:
        """The first guess of the growth, as in GNU as: an address that is not known yet is 0."""
        arrays = self._arrays.get(chunk)
        if arrays is not None:
            if arrays.estimate():
                sums: list[int] = arrays.sums.tolist()
                return sums
            del self._arrays[chunk]
        shift, sums = chunk.base, [0]
        for index, part in enumerate(chunk.parts):
            size = 0
            if part.kind <= JUMP:
                place, target = part.offset + shift - part.size, None
                symbol = part.symbol
                if symbol is not None and _is_near(symbol, chunk.section):
                    assert symbol.chunk is not None
                    before = bisect_right(frags, symbol.frag)
                    if symbol.chunk is chunk and before <= index:
                        target = chunk.base + symbol.offset + sums[before]
                    elif symbol.chunk.number < chunk.number:
                        target = self.address(symbol)
                    else:
                        target = symbol.offset - self._start(symbol.chunk, symbol.frag)
                    target += part.addend - place
                size = grown_size(part, target) - part.size
            elif part.kind == ALIGN:
                size = -(part.offset + shift) % part.addend
            shift += size
            chunk.growth[index] = size
            sums.append(shift - chunk.base)
        return sums

    def _start(self, chunk: Chunk, frag: int) -> int:
        """The offset of the last part before a frag, or 0: the best guess of the frag's start."""
        before = bisect_right(self._frags[chunk][0], frag)
        return chunk.parts[before - 1].offset if before else 0

    def _measure(self, chunk: Chunk, base: int, only_grow: bool) -> bool:
        """Compute the growth of every part of a chunk at `base`. Returns whether anything changed.

        As in GNU as, code before the part has its new address, and code after it its old one.
        """
        arrays = self._arrays.get(chunk)
        if arrays is not None:
            different = arrays.measure(base, only_grow)
            if different is not None:
                chunk.base = base
                alone = len(chunk.section.chunks) == 1  # nothing else looks into it before the end
                shifts = [int(arrays.sums[-1])] if alone else arrays.sums.tolist()
                self._frags[chunk] = self._frags[chunk][0], shifts
                return different
            self._drop_arrays(chunk)
        frags, old = self._frags[chunk]
        old_base, growth = chunk.base, chunk.growth
        shift, sums, changed = base, [0], base != old_base
        for index, (part, jump) in enumerate(zip(chunk.parts, self._plans[chunk], strict=True)):
            if part.kind <= JUMP:
                symbol = part.symbol
                if jump is not None:
                    before, ahead, reach = jump
                    moved = base + sums[before] if before <= index else old_base + old[before]
                    distance = ahead + moved - shift
                    size = 0 if -reach <= distance < reach else grown_size(part, distance) - part.size
                elif symbol is not None and _is_near(symbol, chunk.section):
                    target = self.address(symbol) + part.addend
                    size = grown_size(part, target - (part.offset + shift - part.size)) - part.size
                else:
                    size = grown_size(part, None) - part.size
                if only_grow:
                    size = max(size, growth[index])
            elif part.kind == ALIGN:
                size = -(part.offset + shift) % part.addend
                if part.limit and size > part.limit:
                    size = 0
            else:
                size = self._space(part, part.offset + shift)
                if only_grow and part.kind == LEB128:
                    size = max(size, growth[index])
            changed |= growth[index] != size
            growth[index] = size
            shift += size
            sums.append(shift - base)
        chunk.base = base
        self._frags[chunk] = frags, sums
        return changed

    def _space(self, part: Part, at: int) -> int:
        """The size in bytes of an ORG, SPACE or LEB128 part at `at`. Raises Problem."""
        value = self._resolve(part.target, part)
        if part.kind == LEB128:
            return len(leb128_bytes(part, value))
        size = value - at if part.kind == ORG else value
        if size < 0 and part.kind == ORG:
            raise Problem(
                f"attempt to move .org backwards, from {at} to {value}", gnu="attempt to move .org backwards"
            )
        if not 0 <= size <= MAX_SECTION_BYTES:
            raise Problem(f"{size} bytes to skip is not in 0..{MAX_SECTION_BYTES}")
        return size


def _are_branches(chunk: Chunk, plans: list[_Jump | None]) -> bool:
    """Whether all parts but a last alignment are branches and jumps, into the chunk or to unknown places."""
    last = chunk.parts[-1]
    ends = last.kind == ALIGN and not last.limit
    for part, plan in zip(chunk.parts[: -1 if ends else None], plans, strict=False):
        if plan is None and (part.kind > JUMP or _is_near(part.symbol, chunk.section)):
            return False
    return True


class _Jump(NamedTuple):
    """The constants of a branch or jump to a label of its own chunk.

    before  the number of parts before the target
    ahead   the distance to the target if no part grows
    reach   the distance up to which the instruction keeps its size
    """

    before: int
    ahead: int
    reach: int


def _jump(part: Part, chunk: Chunk, frags: list[int]) -> _Jump | None:
    """The `_Jump` of a part, or None if the part is not a branch or jump within its chunk."""
    symbol = part.symbol
    if part.kind > JUMP or symbol is None or symbol.chunk is not chunk or not _is_near(symbol, chunk.section):
        return None
    ahead = symbol.offset + part.addend - (part.offset - part.size)
    return _Jump(bisect_right(frags, symbol.frag), ahead, _SIZES[part.kind, part.size][0][0])


# By kind and initial size of a branch or jump: (reach, size in bytes), in ascending order.
_ANY = 1 << 64
_SIZES: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {
    (PartKind.BRANCH, 2): ((256, 2), (4096, 4), (_ANY, 6)),
    (PartKind.BRANCH, 4): ((4096, 4), (_ANY, 8)),
    (PartKind.JUMP, 2): ((2048, 2), (_ANY, 4)),
    (PartKind.JUMP, 4): ((_ANY, 4),),
}


def leb128_bytes(part: Part, value: int, size: int = 1) -> bytes:
    """The LEB128 encoding of `value` for `part`, padded to at least `size` bytes."""
    if part.addend:
        return sleb128(sext(value, 64), size)
    return uleb128(value & M64, size)


def grown_size(part: Part, distance: int | None) -> int:
    """The size in bytes of a branch or jump over `distance`, or None if the distance is not known.

    The linker reports a jump that is out of range. gas: `relaxed_branch_length`.
    """
    if distance is None:
        return 8 if part.kind == PartKind.BRANCH else 4
    sizes = _SIZES[part.kind, part.size]
    return next((size for reach, size in sizes if -reach <= distance < reach), sizes[-1][1])


def _unsettled(value: Value, part: Part) -> int:
    raise AssertionError("the layout is not settled")


def _is_near(symbol: AsmSymbol | None, section: AsmSection) -> bool:
    """Whether `symbol` is a label of `section` and not weak, so that its place is final here."""
    return (
        symbol is not None
        and symbol.chunk is not None
        and symbol.chunk.section is section
        and symbol.binding != STB_WEAK
    )


def finished_bytes(chunk: Chunk, nops: Callable[[int], bytes]) -> bytes | bytearray:
    """The bytes of a chunk with all padding. Grown branches are followed by zero bytes."""
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
    """`size` bytes of a pattern of several bytes, after zeros if it does not divide `size` (gas)."""
    return bytes(size % len(fill)) + fill * (size // len(fill))
