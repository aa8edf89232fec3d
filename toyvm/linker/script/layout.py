"""Lays a program out by a script: the `ImageLayout` that the other passes know, as `image_layout` makes it without one."""

from __future__ import annotations

import numpy as np

from toyvm.base.record import replace

from ...base.bits import M64, sext
from ...elf.constants import EHDR_SIZE, PF_W, PHDR_SIZE, PT_LOAD, SHT_NOBITS
from ...elf.headers import Phdr
from ..image_layout import (
    MAX_IMAGE,
    FilePatch,
    ImageLayout,
    LoadSegment,
    MemoryUse,
    OutputSection,
    PlacedSymbol,
)
from ..inputs.columns import ProgramColumns
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from ..output_names import OutputRegion
from .flags import ALLOC, CODE, CONTENTS, READONLY
from .map_lines import map_lines
from .mapped import header_align, header_flags, section_type
from .passes import Written, nearby, run_passes
from .placing import Placed
from .plan import Plan
from .sizing import Sizing
from .values import ABSOLUTE

MAX_PADDING = 1 << 27  # bytes of the file that no section fills


def lay_out_by_script(
    program: ProgramColumns, plan: Plan, options: LinkOptions, errors: Diagnostics
) -> ImageLayout:
    """Assign every section its address and every symbol of the script its value.

    Adds what the script cannot mean, and what does not fit, to `errors`; ends at once for an error that leaves no layout.
    """
    sizing = Sizing(program, plan, options, errors)
    headers, written = run_passes(sizing)
    for name in sizing.regions.undeclared:
        errors.warning(f"memory region `{name}' not declared")
    return _Layout(sizing, headers).build(written)


class _Layout:
    def __init__(self, sizing: Sizing, headers: list[Phdr]) -> None:
        self.sizing, self.headers = sizing, headers
        gone = [p for p in sizing.order if p.excluded and p.out.exists]
        self.shown = [*(p for p in sizing.table if not p.excluded), *gone]
        self.index = {id(p): i for i, p in enumerate(self.shown)}

    def build(self, written: Written) -> ImageLayout:
        """The layout."""
        sizing = self.sizing
        self._check_size()
        count = len(sizing.program.sections)
        addr, offset = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        output = np.full(count, -1, dtype=np.int64)
        outputs = tuple(self._output(placed) for placed in self.shown)
        for index, (placed, section) in enumerate(zip(self.shown, outputs, strict=True)):
            members = list(section.members)
            inside = np.array([sizing.offset_of[sid] for sid in members], dtype=np.int64)
            addr[members] = inside + np.int64(sext(placed.vma, 64))
            offset[members] = inside + section.offset
            output[members] = index
        loads = [p for p in self.headers if p.type == PT_LOAD]
        by_name = {section.name: section for section in reversed(outputs)}
        by_name |= {section.name: section for section in reversed(outputs) if section.size}
        base = next((p.vaddr for p in loads if p.offset == 0 and p.filesz >= EHDR_SIZE), 0)
        return ImageLayout(
            outputs,
            tuple(_load_segment(p) for p in loads),
            addr,
            offset,
            output,
            base,
            len(self.headers),
            max(sizing.file_end, EHDR_SIZE + PHDR_SIZE * len(self.headers)),
            by_name | self._parts(by_name, addr, offset),
            headers=tuple(self.headers),
            patches=tuple(self._patches(written)),
            symbols=self._symbols(),
            script_lines=map_lines(sizing, self.index) if sizing.options.wants_map else (),
            memory=tuple(
                MemoryUse(
                    made.name, made.origin, made.length, (made.current - made.origin) & M64, made.attributes
                )
                for _, made in sizing.regions.declared
            ),
        )

    def _output(self, placed: Placed) -> OutputSection:
        out = placed.out
        kind = section_type(placed)
        flags = header_flags(placed)
        if not placed.flags & ALLOC:
            region = OutputRegion.NONE
        elif placed.flags & CODE:
            region = OutputRegion.CODE
        elif placed.flags & READONLY:
            region = OutputRegion.RODATA
        else:
            region = OutputRegion.BSS if kind == SHT_NOBITS else OutputRegion.DATA
        if placed.statement.type in ("TYPE", "READONLY_TYPE") and placed.statement.type_value is not None:
            kind = self.sizing.section_type(placed.statement.type_value)
        return OutputSection(
            out.name, kind, flags, header_align(placed), out.entsize, tuple(out.members), region,
            0 if placed.excluded else placed.size, placed.vma, self.sizing.file_offset.get(id(placed), 0),
            placed.lma, not placed.excluded,
        )  # fmt: skip

    def _check_size(self) -> None:
        sizing, errors = self.sizing, self.sizing.errors
        end = sizing.file_end
        stored = sum(p.size for p in self.shown if not p.excluded and section_type(p) != SHT_NOBITS)
        gaps = sum(
            length
            for p in self.shown
            for _, length, _ in p.pads
            if not p.excluded and section_type(p) != SHT_NOBITS
        )
        padding = end - stored + gaps
        if end > MAX_IMAGE or padding > MAX_PADDING:
            largest = max(self.shown, key=lambda p: p.size, default=None)
            message = f"the output would have {end:#x} bytes, {padding:#x} of them padding"
            errors.error(largest.fault(message) if largest is not None else message)
        if not sizing.options.wants_map or len(errors.errors) > sizing.misfits:
            errors.checkpoint()

    def _patches(self, written: Written) -> list[FilePatch]:
        """The bytes that the script writes: gaps with a pattern, and data."""
        found = []
        for placed in self.shown:
            if placed.excluded or section_type(placed) == SHT_NOBITS:
                continue
            base = self.sizing.file_offset[id(placed)]
            for at, length, pattern in placed.pads if placed.flags & CONTENTS else ():
                if pattern.strip(b"\0"):
                    found.append(FilePatch(base + at, length, pattern))
        for placed, at, data in written:
            if not placed.excluded and section_type(placed) != SHT_NOBITS:
                found.append(FilePatch(self.sizing.file_offset[id(placed)] + at, len(data), data))
        return found

    def _symbols(self) -> dict[str, PlacedSymbol]:
        """The symbols that the script defines."""
        found = {}
        for name, symbol in self.sizing.symbols.items():
            section = symbol.value.section
            home = symbol.home if section is ABSOLUTE else section
            if isinstance(home, Placed) and home.excluded:
                home = nearby(self.sizing.table, home, symbol.value.address)
            index = self.index.get(id(home), -1) if isinstance(home, Placed) else -1
            found[name] = PlacedSymbol(sext(symbol.value.address, 64), index, symbol.hidden, symbol.like)
        return found

    def _parts(
        self, by_name: dict[str, OutputSection], addr: object, offset: object
    ) -> dict[str, OutputSection]:
        """Sections that the linker makes, and .eh_frame, where a script puts them into sections of other names."""
        sizing = self.sizing
        sections = sizing.program.sections
        parts: dict[str, OutputSection] = {}
        frames: list[int] = []
        for index, placed in enumerate(self.shown):
            for sid in placed.out.members:
                name = sections.name[sid]
                if name == ".eh_frame" and placed.out.name != name:
                    frames.append(sid)
                elif (
                    sections.file[sid] >= 0
                    or placed.out.name == name
                    or name in by_name
                    or not sizing.size_of[sid]
                ):
                    continue
                else:
                    parts[name] = self._part(index, [sid])
        if frames and ".eh_frame" not in by_name:
            first = next(i for i, p in enumerate(self.shown) if frames[0] in set(p.out.members))
            parts[".eh_frame"] = self._part(first, frames)
        return parts

    def _part(self, index: int, sids: list[int]) -> OutputSection:
        placed = self.shown[index]
        start = self.sizing.offset_of[sids[0]]
        end = self.sizing.offset_of[sids[-1]] + self.sizing.size_of[sids[-1]]
        whole = self._output(placed)
        return replace(
            whole, name=self.sizing.program.sections.name[sids[0]], size=end - start, addr=whole.addr + start,
            offset=whole.offset + start, members=tuple(sids),
        )  # fmt: skip


def _load_segment(phdr: Phdr) -> LoadSegment:
    region = OutputRegion.DATA if phdr.flags & PF_W else OutputRegion.CODE
    return LoadSegment(phdr.flags, region, phdr.vaddr, phdr.offset, phdr.filesz, phdr.memsz)
