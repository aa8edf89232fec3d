"""The order of passes that lays a program out by a script (ld/ldlang.c: lang_process)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...base.bits import u64
from ...elf.headers import Phdr
from .flags import ALLOC, CODE, LOAD, READONLY, TLS
from .placing import Placed
from .plan import Out
from .reading.tree import Assertion, Assignment, Data, Text
from .segments import estimated_headers, map_segments
from .sizing import Sizing
from .values import ABSOLUTE, Section

_ROUNDS = 10  # for the program headers to fit the room that the first pass left for them
_SHRINKING = 4  # of them, after which that room only grows
_PASSES = 3  # per round, for values that stand on later ones

Written = list[tuple[Placed, int, bytes]]


def run_passes(sizing: Sizing) -> tuple[list[Phdr], Written]:
    """Settle all addresses: (program headers, bytes that the script writes: section, offset, data)."""
    sizing.estimate_headers = lambda: estimated_headers(sizing)
    sizing.phase = "first"
    for item in sizing.plan.flow:
        for statement in item.statement.body if isinstance(item, Out) else (item,):
            if isinstance(statement, Assignment):
                sizing.assign(statement, ABSOLUTE, None, None)
    for region, made in sizing.regions.declared:
        for name in ("origin", "length"):
            value = sizing.value_of(getattr(region, name), None)
            if value is None:
                sizing.fail(getattr(region, name).place, f"invalid {name} for memory region {region.name}")
            else:
                setattr(made, name, value.address)
        made.current = made.origin
    sizing.errors.checkpoint()
    _assign_all(sizing, "mark")
    sizing.phase = "mark"
    sizing.size_pass()
    _strip(sizing)
    sizing.relro = sizing.relro and _has_relro(sizing)
    for placed in sizing.order:
        placed.fill = sizing.fill_pattern(placed.statement.fill)
    _size(sizing)
    headers: list[Phdr] = []
    for attempt in range(_ROUNDS):
        for _ in range(_PASSES):
            before = [(placed.vma, placed.lma, placed.size) for placed in sizing.order]
            _assign_all(sizing, "assign")
            sizing.reset()
            _size(sizing)
            if before == [(placed.vma, placed.lma, placed.size) for placed in sizing.order]:
                break
        old = sizing.header_size
        headers, needed = map_segments(sizing)
        if old is not None and (old == needed or (attempt >= _SHRINKING and needed < old)):
            break
        sizing.header_size = needed
    _final_sizes(sizing)
    written = _assign_all(sizing, "final")
    headers, _ = map_segments(sizing)
    return headers, written


def _size(sizing: Sizing) -> None:
    """One pass, and again if DATA_SEGMENT_ALIGN can do better than it guessed (lang_size_sections)."""
    sizing.phase = "size"
    segment = sizing.segment
    segment.phase = "none"
    sizing.size_pass()
    if segment.phase != "end seen":
        segment.phase = "done"
        return
    if sizing.relro and segment.relro_end:
        base, end = segment.base, _relro_base(sizing)
        sizing.reset()
        sizing.size_pass()
        if segment.relro_end > end:
            segment.base = base
            sizing.reset()
            sizing.size_pass()
        return
    first, last = -segment.base & (segment.page - 1), segment.end & (segment.page - 1)
    if (
        first
        and last
        and first + last <= segment.page
        and segment.base // segment.page != segment.end // segment.page
    ):
        segment.phase = "adjust"
        sizing.reset()
        sizing.size_pass()
    else:
        segment.phase = "done"


def _relro_base(sizing: Sizing) -> int:
    """Choose the start of the sections that are read-only after relocation so that they end with a page; their end."""
    segment = sizing.segment
    page = max(segment.max_page, 1)
    end = -(-segment.relro_end // page) * page
    wanted = end - segment.relro_offset
    for placed in reversed(sizing.table):
        inside = segment.base <= placed.vma < segment.relro_end - segment.relro_offset
        if placed.excluded or not placed.flags & ALLOC or not inside:
            continue
        size = 0 if placed.is_tbss else placed.size
        wanted = (wanted - size) & -placed.align
    segment.phase = "relro adjust"
    segment.base = max(wanted, segment.base)
    return end


def _has_relro(sizing: Sizing) -> bool:
    """Whether sections stand between DATA_SEGMENT_ALIGN and DATA_SEGMENT_RELRO_END."""
    inside = False
    for item in sizing.plan.flow:
        if isinstance(item, Assignment):
            functions = {getattr(part, "function", "") for part in item.value.walk()}
            if "DATA_SEGMENT_ALIGN" in functions:
                inside = True
            if "DATA_SEGMENT_RELRO_END" in functions:
                return False
        elif isinstance(item, Out) and inside:
            placed = sizing.placed[id(item)]
            if not placed.excluded and not placed.takes_no_addresses:
                sizes = sizing.program.sections.size[np.fromiter(item.members, dtype=np.int64)]
                if sizes.any():
                    return True
    return False


def _strip(sizing: Sizing) -> None:
    """Leave out sections that nothing fills (strip_excluded_output_sections)."""
    for placed in sizing.order:
        if not placed.out.exists or not placed.out.matches:
            placed.excluded = placed.ignored = True
        elif not placed.size and not placed.keep:
            placed.excluded = True
            placed.ignored = not placed.update_dot
    sizing.reset()


def _final_sizes(sizing: Sizing) -> None:
    """The pass that reports what does not fit."""
    sizing.check_regions = True
    sizing.reset()
    _size(sizing)
    _check_overlaps(sizing)
    for region in sizing.regions.all():
        if region.is_full:
            over = region.overflow
            place = region.place
            message = f"region `{region.name}' overflowed by {over} byte{'s' * (over != 1)}"
            sizing.misfit(place.message(message) if place is not None else message)


def _check_overlaps(sizing: Sizing) -> None:
    """Sections in memory must not overlap, except in overlays (lang_check_section_addresses)."""
    if not sizing.options.check_sections:
        return
    parts = [p for p in sizing.table if not p.excluded and not p.takes_no_addresses and p.size]
    for placed in parts:
        if max(placed.vma, placed.lma) + placed.size > 1 << 64:
            sizing.errors.error(placed.fault(f"section {placed.out.name} VMA wraps around address space"))
    warned: set[int] = set()
    loaded = sorted((p for p in parts if p.flags & LOAD), key=lambda p: p.lma)
    for before, placed in pairwise(loaded):
        if placed.lma < before.lma + before.size:
            _overlap(sizing, "LMA", placed, placed.lma, before, before.lma)
            warned.add(id(placed))
    by_vma = sorted(parts, key=lambda p: p.vma)
    if any(a.vma == b.vma for a, b in pairwise(by_vma)):
        return
    for before, placed in pairwise(by_vma):
        if placed.vma < before.vma + before.size and id(placed) not in warned:
            _overlap(sizing, "VMA", placed, placed.vma, before, before.vma)


def _overlap(sizing: Sizing, kind: str, placed: Placed, start: int, other: Placed, other_start: int) -> None:
    sizing.misfit(
        placed.fault(
            f"section {placed.out.name} {kind} [{start:016x},{start + placed.size - 1:016x}] overlaps "
            f"section {other.out.name} {kind} [{other_start:016x},{other_start + other.size - 1:016x}]"
        )
    )


# -- assignments --------------------------------------------------------------------------------------------------------


def _assign_all(sizing: Sizing, phase: str) -> Written:
    """Carry out all assignments at the present addresses (lang_do_assignments). In the final pass, the bytes written."""
    sizing.phase = phase
    sizing.iteration += 1
    dot, written = 0, Written()
    home = _Home(sizing)
    for at, item in enumerate(sizing.plan.flow):
        if isinstance(item, Out):
            placed = sizing.placed[id(item)]
            placed.after_end = home.found_end
            if not item.matches:
                continue
            if item.exists and not placed.ignored and placed.flags & ALLOC:
                home.current, home.prefer_next = placed, False
            _assign_in(sizing, placed, placed.vma if item.exists else dot, written)
            if item.exists and not placed.ignored:
                dot = u64(placed.vma + (0 if placed.is_tbss else placed.size))
                if item.statement.after is not None:
                    after = sizing.value_of(item.statement.after, dot, placed)
                    dot = after.address if after is not None else dot
        elif isinstance(item, Assertion):
            sizing.assert_that(item, ABSOLUTE, dot, None)
            sizing.shown[id(item)] = 1
        else:
            if item.name == ".":
                home.prefer_next = True
            home.found_end |= item.name.lstrip("_") == "end"
            dot = sizing.assign(item, ABSOLUTE, dot, None) or 0
            _show(sizing, item, dot)
            symbol = sizing.symbols.get(item.name)
            if phase == "final" and symbol is not None and symbol.iteration == sizing.iteration:
                symbol.home = home.of_dot(at) if symbol.on_dot and symbol.value.section is ABSOLUTE else None
    return written


def _assign_in(sizing: Sizing, placed: Placed, dot: int, written: Written) -> None:
    """The assignments in an output section. The location counter follows the sizes found before."""
    vma = placed.vma
    section: Section = placed if placed.out.exists else ABSOLUTE
    for item in placed.out.items:
        if isinstance(item, list):
            if item:
                last = item[-1]
                dot = vma + sizing.offset_of[last] + (0 if placed.ignored else sizing.size_of[last])
        elif isinstance(item, Assignment):
            if item.name == "." and sizing.phase != "mark":
                dot = sizing.dot_after.get(id(item), dot)
            elif item.name == ".":
                dot = sizing.assign(item, section, dot, placed) or 0
            else:
                sizing.assign(item, section, dot, placed)
            _show(sizing, item, dot)
        elif isinstance(item, Assertion):
            sizing.assert_that(item, section, dot, placed)
            sizing.shown[id(item)] = 1
        elif isinstance(item, Data):
            value = sizing.value_of(item.value, dot, placed)
            if sizing.phase == "final":
                if value is None:
                    sizing.fail(item.place, "invalid data statement")
                else:
                    number = value.address & ((1 << 8 * item.size) - 1)
                    sizing.written_at[id(item)] = dot, number
                    written.append((placed, dot - vma, number.to_bytes(item.size, "little")))
            dot += item.size
        elif isinstance(item, Text):
            if sizing.phase == "final":
                written.append((placed, dot - vma, item.data))
            dot += len(item.data)


def _show(sizing: Sizing, item: Assignment, dot: int) -> None:
    """Keep the value of an assignment in the last pass, for the map."""
    if sizing.phase != "final":
        return
    if item.name == ".":
        sizing.shown[id(item)] = dot
    elif not item.provide or id(item) in sizing.provided:
        symbol = sizing.symbols.get(item.name)
        if symbol is not None:
            sizing.shown[id(item)] = symbol.value.address


class _Home:
    """Finds the section that a symbol at the location counter between sections is shown in (section_for_dot)."""

    def __init__(self, sizing: Sizing) -> None:
        self.sizing = sizing
        self.current: Placed | None = None
        self.prefer_next = False
        self.found_end = False

    def _is_out(self, placed: Placed) -> bool:
        return placed.out.exists and not placed.excluded

    def _nearest(self, at: int, step: int) -> Placed | None:
        """The first section in memory from index `at` of the table on, in one direction."""
        table = self.sizing.table
        while 0 <= at < len(table):
            if self._is_out(table[at]) and table[at].flags & ALLOC and not table[at].flags & TLS:
                return table[at]
            at += step
        return None

    def of_dot(self, at: int) -> Placed | None:
        """The section for an assignment at index `at` of the flow; None if it is absolute."""
        table = self.sizing.table
        if self.current is None or self.prefer_next:
            order = self.sizing.order
            following = next((item for item in self.sizing.plan.flow[at:] if isinstance(item, Out)), None)
            found: Placed | None = None
            if following is not None:
                start = order.index(self.sizing.placed[id(following)])
                found = next((p for p in order[start:] if p.after_end or self._is_out(p)), None)
            if self.current is None or found is None or not found.after_end:
                if found is not None and self._is_out(found):
                    return self._nearest(table.index(found), -1)
                return self._nearest(len(table) - 1, -1)
        assert self.current is not None
        index = table.index(self.current)
        return self._nearest(index, -1) or self._nearest(0, 1)


def nearby(table: Sequence[Placed], placed: Placed, address: int) -> Placed | None:
    """The section that a symbol of an excluded section is shown in (_bfd_nearby_section)."""
    index = table.index(placed)
    before = next((p for p in reversed(table[:index]) if not p.excluded), None)
    after = next((p for p in table[index + 1 :] if not p.excluded), None)
    if before is None or after is None:
        return before or after
    differ = before.flags ^ after.flags
    to_before = False
    if differ & (ALLOC | TLS | LOAD):
        to_before = bool((after.flags ^ placed.flags) & (ALLOC | TLS)) or bool(
            before.flags & LOAD and not after.flags & LOAD
        )
    elif differ & READONLY:
        to_before = bool((after.flags ^ placed.flags) & READONLY)
    elif differ & CODE:
        to_before = bool((after.flags ^ placed.flags) & CODE)
    else:
        to_before = address < after.vma
    return before if to_before else after
