"""Gives sections their sizes and addresses, in passes, as GNU ld does (ld/ldlang.c: lang_size_sections_1).

Expressions may name what comes later: a pass uses what the one before found.
"""

from __future__ import annotations

from ...base.bits import M64, align_up, u64
from .flags import ALLOC, LOAD
from .placing import DEFAULT_REGION, MemoryRegion, Placed
from .plan import Lone, Out
from .reading.tree import Assertion, Assignment, Data, Expr, Fill, Number, Text
from .scope import ScriptScope
from .values import ABSOLUTE

MAX_ALIGN = 1 << 30


class Sizing(ScriptScope):
    """The passes over sizes of one plan."""

    def reset(self) -> None:
        """Begin a pass over sizes anew."""
        self.regions.reset()
        for placed in self.order:
            placed.vma_known = placed.lma_known = False
            placed.previous_size, placed.size = placed.size, 0

    def size_pass(self) -> None:
        """Give every section its size and address once."""
        self.iteration += 1
        dot = 0
        for item in self.plan.flow:
            if isinstance(item, Out):
                if item.matches:
                    dot = self._size_section(self.placed[id(item)], dot)
            elif isinstance(item, Assignment):
                dot = self.assign(item, ABSOLUTE, dot, None) or 0
                self.regions.default.current = dot
            else:
                self.assert_that(item, ABSOLUTE, dot, None)

    def _power(self, expr: Expr | None, dot: int, out: Placed) -> int:
        """An alignment of a section: 1 without one. Errors for what is no power of two."""
        if expr is None:
            return 1
        value = self.value_of(expr, dot, out)
        if value is None or self.phase == "mark":
            return max(value.value, 1) if value is not None and value.value.bit_count() <= 1 else 1
        align = value.address
        if align.bit_count() > 1 or align > MAX_ALIGN:
            self.fail(expr.place, f"alignment {align:#x} is not a power of two up to {MAX_ALIGN:#x}")
            return 1
        return max(align, 1)

    def _size_section(self, placed: Placed, dot: int) -> int:
        statement, out = placed.statement, placed.out
        if statement.address is not None:
            value = self.value_of(statement.address, dot, placed)
            if value is not None:
                dot = value.address
            elif self.phase != "mark":
                self.fail(
                    statement.address.place,
                    f"non constant or forward reference address expression for section {out.name}",
                )
        if not out.exists:
            return dot
        start, moved, align = dot, 0, self._power(statement.align, dot, placed)
        placed.align = max(placed.align, align)
        if statement.address is None:
            self._choose_region(placed)
            assert placed.region is not None
            start, align = placed.region.current, placed.align
        unaligned, start = start, align_up(start, align) & M64
        moved = start - unaligned
        placed.vma = start
        placed.pads = []
        self._size_body(placed, start)
        placed.vma_known = True
        dot = dot if placed.ignored else placed.vma
        self._load_address(placed, dot, align, moved)
        if placed.ignored:
            return dot
        size = 0 if placed.is_tbss else placed.size
        dot = u64(dot + size)
        if statement.after is not None:
            after = self.value_of(statement.after, dot, placed)
            dot = after.address if after is not None else dot
        if placed.region is not None and placed.flags & (ALLOC | LOAD):
            placed.region.current = dot
            self._check_region(placed, placed.region, placed.vma)
            lma_region = placed.lma_region
            loaded = placed.flags & LOAD or statement.align_with_input
            if loaded and lma_region is not None and lma_region is not placed.region:
                lma_region.current = u64(placed.lma + size)
                self._check_region(placed, lma_region, placed.lma)
        return dot

    def _choose_region(self, placed: Placed) -> None:
        regions = self.regions
        if placed.region is None or (placed.flags & (ALLOC | LOAD) and placed.region is regions.default):
            placed.region = regions.fitting(placed.flags)

    def _error_once(self, placed: Placed, message: str) -> None:
        if id(placed) not in self._failed:
            self._failed.add(id(placed))
            self.misfit(placed.fault(message))

    def misfit(self, message: str) -> None:
        """Report what does not fit: an error that leaves a layout, which a map can show."""
        self.misfits += 1
        self.errors.error(message)

    def _load_address(self, placed: Placed, dot: int, align: int, moved: int) -> None:
        """Set the LMA: what the script says, or the same distance from the VMA as the section before."""
        statement = placed.statement
        region = placed.region if placed.region is not None else self.regions.default
        last = region.last
        if statement.at is not None:
            value = self.value_of(statement.at, None, placed)
            if value is None and self.phase != "mark":
                self.fail(statement.at.place, "nonconstant expression for load base")
            placed.lma = value.address if value is not None else 0
        elif placed.lma_region is not None:
            lma = placed.lma_region.current
            if statement.align_with_input:
                lma += moved
            else:
                if placed.lma_region is not placed.region:
                    align = self._power(statement.align, dot, placed)
                lma = align_up(lma, align)
            placed.lma = lma & M64
        elif last is not None and placed.flags & ALLOC:
            backwards = dot < last.vma and placed.size and dot + placed.size <= last.vma
            if backwards:
                placed.lma = placed.vma
            else:
                lma = last.lma + last.size if statement.overlay else placed.vma + last.lma - last.vma
                placed.lma = align_up(lma, align) & M64
        else:
            placed.lma = placed.vma
        placed.lma_known = True
        counts = not placed.takes_no_addresses and (
            placed.size
            or (last is None and placed.vma != placed.lma)
            or (last is not None and dot >= last.vma)
        )
        if (counts or statement.overlay == "first") and placed.lma_region is None:
            region.last = placed

    def _check_region(self, placed: Placed, region: MemoryRegion, base: int) -> None:
        if not self.check_regions or region.name == DEFAULT_REGION:
            return
        outside = region.current < region.origin or region.current - region.origin > region.length
        if not outside or (region.current == region.origin + region.length and base):
            return
        if placed.statement.address is not None and region is placed.region:
            self._error_once(
                placed,
                f"address {region.current:#x} of section `{placed.out.name}' is not within region `{region.name}'",
            )
        elif not region.is_full:
            region.is_full = True
            self.misfit(placed.fault(f"section `{placed.out.name}' will not fit in region `{region.name}'"))

    def _size_body(self, placed: Placed, dot: int) -> None:
        fill = placed.fill
        subalign = (
            self._power(placed.statement.subalign, dot, placed)
            if placed.statement.subalign is not None
            else 0
        )
        sizes, aligns, names = self.size_of, self.align_of, self.program.sections.name
        vma, moved_dot = placed.vma, False
        for item in placed.out.items:
            if not isinstance(item, list):
                moved_dot = False
            if isinstance(item, list):
                if placed.ignored:
                    for sid in item:
                        self.offset_of[sid] = dot - vma
                    continue
                frame_end = -1
                # GNU ld has one gap between an assignment and a section that no pattern chose: that of the section.
                joined = isinstance(item, Lone) and moved_dot
                moved_dot = False
                for sid in item:
                    align = subalign or aligns[sid]
                    if align > placed.align:
                        placed.align = align
                    packed = dot == frame_end and names[sid] == ".eh_frame"
                    start = dot if packed else align_up(dot, align)
                    if start != dot:
                        if joined:
                            placed.pads.pop()
                        placed.pads.append((dot - vma, start - dot, fill))
                    joined = False
                    self.offset_of[sid] = start - vma
                    dot = start + sizes[sid]
                    frame_end = dot if names[sid] == ".eh_frame" else -1
                    placed.size = dot - vma
            elif isinstance(item, Assignment):
                following = self.assign(item, placed, dot, placed)
                assert following is not None
                if not placed.ignored and following != dot:
                    placed.pads.append((dot - vma, following - dot, fill))
                    moved_dot = True
                    placed.size = following - vma
                    if placed.statement.type not in ("DSECT", "COPY", "INFO", "OVERLAY"):
                        placed.flags |= ALLOC
                    dot = following
                self.dot_after[id(item)] = dot
            elif isinstance(item, Data):
                self._in(ABSOLUTE, dot, placed)
                self.evaluate(item.value)
                dot += item.size
                placed.size = dot - vma
            elif isinstance(item, Text):
                dot += len(item.data)
                placed.size = dot - vma
            elif isinstance(item, Fill):
                fill = self.fill_pattern(item.value)
            elif isinstance(item, Assertion):
                self.assert_that(item, placed, dot, placed)

    def fill_pattern(self, expr: Expr | None) -> bytes:
        """The bytes of a fill expression: as many as a hexadecimal number has digits, or four (ld, "Output Section Fill")."""
        if expr is None:
            return b""
        if isinstance(expr, Number) and expr.digits:
            digits = expr.digits if len(expr.digits) % 2 == 0 else "0" + expr.digits
            return bytes.fromhex(digits)
        value = self.value_of(expr, None)
        if value is None:
            if self.phase == "final":
                self.fail(expr.place, "nonconstant expression for fill value")
            return b""
        return (value.value & 0xFFFFFFFF).to_bytes(4, "big")
