"""Places in the file for the segments of a script's program (bfd/elf.c: assign_file_positions_for_load_sections)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.bits import M64, align_up
from ...elf.constants import (
    EHDR_SIZE,
    PF_R,
    PF_W,
    PF_X,
    PHDR_SIZE,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_LOAD,
    PT_NOTE,
    PT_PHDR,
    PT_TLS,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHT_NOBITS,
)
from .flags import ALLOC, TLS
from .mapped import Mapped, header_align, header_flags, present, relro_range, section_type, sorted_sections
from .placing import Placed

if TYPE_CHECKING:
    from .sizing import Sizing


class FilePositions:
    """Places in the file, and the ranges of segments."""

    def __init__(self, sizing: Sizing, segments: list[Mapped]) -> None:
        self.sizing, self.segments = sizing, segments
        self.offset_of: dict[int, int] = {}
        self.page = sizing.options.page if sizing.options.paged else 1

    def assign(self) -> None:
        """Give each section its place."""
        sizing, segments = self.sizing, self.segments
        size = PHDR_SIZE * len(segments)
        for segment in segments:
            if len(segment.sections) > 1:
                order = {id(p): i for i, p in enumerate(sorted_sections(segment.sections))}
                segment.sections.sort(key=lambda p: order.get(id(p), len(order)))
        with_headers = next((s for s in self._ordered() if s.type == PT_LOAD and s.headers), None)
        offset = EHDR_SIZE if with_headers is not None or not segments else EHDR_SIZE + size
        for segment in self._ordered():
            if segment.type == PT_LOAD:
                offset = self._load(segment, offset, size, segment is with_headers)
        for segment in segments:
            if segment.type != PT_LOAD:
                self._other(segment, with_headers, size)
        for placed in present(sizing.table):
            if id(placed) in self.offset_of:
                continue
            align = header_align(placed)
            if header_flags(placed) & SHF_ALLOC:
                align = self.page if placed.size else align
                offset += (placed.vma - offset) % align
            else:
                offset = align_up(offset, align)
            self.offset_of[id(placed)] = offset
            if section_type(placed) != SHT_NOBITS:
                offset += placed.size
        for segment in segments:
            if segment.type not in (PT_LOAD, PT_PHDR, PT_GNU_STACK):
                self._in_file(segment)
        sizing.file_offset, sizing.file_end = self.offset_of, offset

    def _ordered(self) -> list[Mapped]:
        loads = [s for s in self.segments if s.type == PT_LOAD]

        def key(segment: Mapped) -> tuple[bool, int]:
            lma = (
                segment.paddr
                if segment.paddr is not None
                else segment.sections[0].lma
                if segment.sections
                else 0
            )
            return not segment.file_header, lma

        return sorted(loads, key=key)

    def _load(self, segment: Mapped, offset: int, headers_size: int, has_table: bool) -> int:
        """Place a PT_LOAD; the offset after it."""
        first = segment.sections[0] if segment.sections else None
        segment.vaddr = segment.vaddr_offset + (first.vma if first is not None else 0)
        if first is None and segment.paddr is not None:
            segment.vaddr = segment.vaddr_offset
        segment.final_paddr = (
            segment.paddr if segment.paddr is not None else first.lma if first is not None else 0
        )
        segment.align = segment.align or self.page
        if has_table:
            if not segment.file_header:
                segment.offset = offset
            offset += headers_size
        adjust, no_contents = 0, False
        if first is not None:
            align = max([self.page, *(p.align for p in segment.sections)])
            segment.align = max(segment.align, align) if self.sizing.options.paged else align
            no_contents = all(section_type(p) == SHT_NOBITS for p in segment.sections)
            adjust = (segment.vaddr - offset) % align
            offset += adjust
            adjust = adjust if no_contents else 0
        flags = segment.flags if segment.flags is not None else 0
        if segment.file_header:
            flags |= PF_R if segment.flags is None else 0
            segment.filesz = segment.memsz = EHDR_SIZE
            if first is not None:
                small = segment.vaddr < offset or (segment.paddr is None and segment.final_paddr < offset)
                if small and self.sizing.check_regions:
                    self._no_room(first)
                segment.vaddr -= offset
                segment.final_paddr -= offset if segment.paddr is None else 0
        if segment.headers:
            flags |= PF_R if segment.flags is None else 0
            segment.filesz += headers_size
            segment.memsz += headers_size
            if not segment.file_header and first is not None:
                segment.vaddr -= offset - segment.offset
                segment.final_paddr -= offset - segment.offset if segment.paddr is None else 0
        if segment.file_header or segment.headers:
            gap = offset - (segment.offset + segment.filesz)
            segment.filesz += 0 if no_contents else gap
            segment.memsz += gap
        else:
            segment.offset = offset % max(self.page, segment.align) if no_contents else offset
        for index, placed in enumerate(segment.sections):
            offset, adjust = self._member(segment, index, placed, offset, adjust)
            if segment.flags is None:
                flags |= _permissions(placed)
        segment.final_flags = flags
        return offset - adjust

    def _no_room(self, first: Placed) -> None:
        name = self.sizing.options.output
        self.sizing.errors.error(
            first.fault(f"{name}: not enough room for program headers, try linking with -N")
        )

    def _member(
        self, segment: Mapped, index: int, placed: Placed, offset: int, adjust: int
    ) -> tuple[int, int]:
        """Place one section of a PT_LOAD: (the offset after it, what of it takes no room in the file)."""
        is_nobits = section_type(placed) == SHT_NOBITS
        if not is_nobits or not placed.flags & TLS:
            gap = (placed.lma - segment.final_paddr - segment.memsz) & M64
            if gap >> 63:
                gap = 0
            segment.memsz += gap
            if not is_nobits:
                adjust = 0
                if segment.filesz + gap < segment.memsz:
                    gap = segment.memsz - segment.filesz
            if not is_nobits or index == 0:
                offset += gap
                adjust += gap if is_nobits else 0
            if not is_nobits:
                segment.filesz += gap
        self.offset_of.setdefault(id(placed), offset)
        if not is_nobits:
            offset += placed.size
            segment.filesz += placed.size
            segment.memsz += placed.size
        elif not placed.flags & TLS:
            segment.memsz += placed.size
        return offset, adjust

    def _other(self, segment: Mapped, with_headers: Mapped | None, size: int) -> None:
        """The addresses of a segment that is no PT_LOAD."""
        first = segment.sections[0] if segment.sections else None
        segment.vaddr = first.vma if first is not None else 0
        segment.final_paddr = (
            segment.paddr if segment.paddr is not None else first.lma if first is not None else 0
        )
        segment.align = segment.align or (8 if first is None else 1)
        flags = segment.flags if segment.flags is not None else 0
        if segment.file_header or segment.headers:
            flags |= PF_R if segment.flags is None else 0
            segment.filesz = segment.memsz = size if segment.headers else 0
            segment.offset = EHDR_SIZE
            if with_headers is not None and not segment.file_header:
                shift = EHDR_SIZE if with_headers.file_header else 0
                segment.vaddr, segment.offset = with_headers.vaddr + shift, with_headers.offset + shift
                if segment.paddr is None:
                    segment.final_paddr = with_headers.final_paddr + shift
            elif with_headers is None and segment.type == PT_PHDR and self.sizing.check_regions:
                self.sizing.errors.error(
                    f"{self.sizing.options.output}: error: PHDR segment not covered by LOAD segment"
                )
        for placed in segment.sections:
            if segment.flags is None:
                flags |= _permissions(placed) if placed.flags & ALLOC else PF_R
            if segment.type != PT_PHDR:
                segment.align = max(segment.align, placed.align)
                segment.memsz += self._memory(segment, placed)
        segment.final_flags = flags

    def _memory(self, segment: Mapped, placed: Placed) -> int:
        """What a section adds to the size in memory; in PT_TLS gaps count."""
        if not placed.flags & ALLOC:
            return 0
        gap = 0
        if segment.type == PT_TLS:
            gap = max(placed.lma - segment.final_paddr - segment.memsz, 0)
        elif section_type(placed) == SHT_NOBITS:
            return 0
        return gap + placed.size

    def _in_file(self, segment: Mapped) -> None:
        if segment.type == PT_GNU_RELRO:
            self._relro(segment)
            return
        if not segment.sections:
            return
        segment.offset = self.offset_of.get(id(segment.sections[0]), 0)
        segment.filesz = 0
        for placed in reversed(segment.sections):
            if section_type(placed) != SHT_NOBITS:
                segment.filesz = self.offset_of[id(placed)] - segment.offset + placed.size
                if segment.type == PT_NOTE and placed.flags & ALLOC:
                    segment.memsz = segment.filesz
                break

    def _relro(self, segment: Mapped) -> None:
        found = relro_range(self.sizing)
        if found is None:
            return
        start, end = found
        for load in self.segments:
            if load.type != PT_LOAD or not load.sections:
                continue
            last = load.sections[-1]
            last_end = last.vma + (0 if last.is_tbss else last.size)
            if last_end <= start or load.sections[0].vma >= end:
                continue
            first = next((p for p in load.sections if start <= p.vma < end and p.size), None)
            if first is not None:
                segment.vaddr, segment.final_paddr = first.vma, first.lma
                segment.offset = self.offset_of[id(first)]
                segment.memsz = end - first.vma
                segment.filesz = min(segment.memsz, load.vaddr + load.filesz - first.vma)
                segment.align, segment.final_flags = 1, PF_R
                if load.sections[0] is first and last_end <= end:  # it ends with a page, as in `image_layout`
                    load.memsz = max(load.memsz, end - load.vaddr)
            return


def _permissions(placed: Placed) -> int:
    shown = header_flags(placed)
    return PF_R | (PF_X if shown & SHF_EXECINSTR else 0) | (PF_W if shown & SHF_WRITE else 0)
