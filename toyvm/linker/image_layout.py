"""Assigns output sections, segments, addresses and file offsets. They are final afterwards.

Each run of sections with the same permissions becomes one PT_LOAD. A new segment begins on a new page of memory, at
the same distance into the page as in the file, so the file needs no padding (two segments may map the same page of
the file). A segment of RELRO sections ends at a page's end in memory, since protection works on pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from toyvm.base.record import Record, replace

from ..base.bits import align_up
from ..elf.constants import (
    EHDR_SIZE,
    PF_R,
    PF_W,
    PF_X,
    PHDR_SIZE,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_GNU_RETAIN,
    SHF_GROUP,
    SHF_LINK_ORDER,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PREINIT_ARRAY,
    SHT_PROGBITS,
)
from ..elf.headers import Phdr
from .inputs.columns import MAX_SIZE, Column, ProgramColumns
from .inputs.property_notes import NAME as PROPERTIES
from .link_errors import Diagnostics
from .link_options import DEFAULT_BASE, LinkOptions
from .output_names import FIRST_NOTE, OutputRegion, member_rank, output_name, place

MAX_IMAGE = 1 << 31

_KEPT_FLAGS = SHF_WRITE | SHF_ALLOC | SHF_EXECINSTR | SHF_TLS | SHF_LINK_ORDER | 0x100
_UNIFORM_FLAGS = SHF_MERGE | SHF_STRINGS
_DROPPED_FLAGS = SHF_GROUP | SHF_GNU_RETAIN


class OutputSection(Record, eq=False):
    """A section of the output. `members` are section numbers in order; `link` and `info` name other output sections."""

    name: str
    type: int
    flags: int
    align: int
    entsize: int
    members: tuple[int, ...]
    region: OutputRegion
    size: int = 0
    addr: int = 0
    offset: int = 0
    lma: int | None = None  # where it is loaded, if a script says so
    kept: bool = False  # it has a header even if it is empty

    @property
    def end(self) -> int:
        """The address after the last byte."""
        return self.addr + self.size

    @property
    def is_tbss(self) -> bool:
        """Whether this is .tbss: thread-local zeros, whose addresses overlap with the next section."""
        return self.type == SHT_NOBITS and bool(self.flags & SHF_TLS)


class LoadSegment(Record):
    """A PT_LOAD: output sections that are mapped together."""

    flags: int
    region: OutputRegion
    addr: int
    offset: int
    filesz: int
    memsz: int


class FilePatch(Record):
    """Bytes that a script writes into the file: `pattern` again and again, for `length` bytes."""

    offset: int
    length: int
    pattern: bytes


class PlacedSymbol(Record):
    """A symbol that a script defines: its address, and the index in `outputs` of its section (-1: it is absolute).

    `like` is the one symbol that its value stands on, whose type and visibility it takes; "" for none.
    """

    value: int
    output: int
    hidden: bool
    like: str


class MemoryUse(Record):
    """A memory region of a script, and how many bytes of it are used."""

    name: str
    origin: int
    length: int
    used: int
    attributes: str = ""  # as GNU ld writes them


class MapLine(Record):
    """A line of a script in the link map: a text, or an output section's index in `outputs`, or the number of a member."""

    text: str = ""
    output: int = -1
    member: int = -1


class ImageLayout(Record, eq=False):
    """Addresses. `addr` and `offset` are columns by section number: its address and its place in the file, or -1."""

    outputs: tuple[OutputSection, ...]
    segments: tuple[LoadSegment, ...]
    addr: Column
    offset: Column
    output: Column  # index in `outputs`, or -1
    base: int
    phdr_count: int
    file_end: int
    by_name: Mapping[str, OutputSection] = {}
    # Of a script only:
    headers: tuple[Phdr, ...] | None = None
    patches: tuple[FilePatch, ...] = ()
    symbols: Mapping[str, PlacedSymbol] = {}
    memory: tuple[MemoryUse, ...] = ()
    script_lines: tuple[MapLine, ...] = ()

    def start(self, name: str) -> int:
        """The address of an output section, 0 when it is not there."""
        section = self.by_name.get(name)
        return section.addr if section else 0

    def size(self, name: str) -> int:
        """The size of an output section, 0 when it is not there."""
        section = self.by_name.get(name)
        return section.size if section else 0

    def tls(self) -> tuple[int, int, int, int] | None:
        """(address, bytes in the file, bytes in memory, alignment) of the thread-local template."""
        parts = [s for s in self.outputs if s.flags & SHF_TLS and s.size]
        if not parts:
            return None
        start = parts[0].addr
        filled = [s.end for s in parts if s.type != SHT_NOBITS]
        return (
            start,
            max(filled, default=start) - start,
            max(s.end for s in parts) - start,
            max(s.align for s in parts),
        )


def lay_out(program: ProgramColumns, options: LinkOptions, errors: Diagnostics) -> ImageLayout:
    """Assign every live section its address."""
    outputs = group_sections(program)
    placed = [_place_members(program, section, options.xlen // 8) for section in outputs]
    _align_tls(placed)
    phdr_count = _count_phdrs([section for section, _ in placed], options)
    return _Addresses(program, options, phdr_count, errors).assign(placed)


def group_sections(program: ProgramColumns) -> list[OutputSection]:
    """Live sections by output section, in output order."""
    sections = program.sections
    groups: dict[str, list[int]] = {}
    alloc = sections.alloc
    for sid in np.flatnonzero(sections.live).tolist():
        name = output_name(sections.name[sid])
        groups.setdefault(name if alloc[sid] else sections.name[sid], []).append(sid)
    outputs = [_output_section(program, name, members) for name, members in groups.items()]
    return _in_link_order(program, sorted(outputs, key=lambda s: _rank(program, s)))


def _rank(program: ProgramColumns, section: OutputSection) -> tuple[OutputRegion, int, int, int]:
    """The place of a section. Notes stand together, the most strictly aligned first, as in GNU ld: one segment has them."""
    region, rank = place(section.name, section.type, section.flags)
    if section.type == SHT_NOTE and region is OutputRegion.HEAD:
        return region, FIRST_NOTE, -int(program.sections.align[list(section.members)].max()), rank
    return region, rank, 0, 0


def _in_link_order(program: ProgramColumns, outputs: list[OutputSection]) -> list[OutputSection]:
    """The sections of SHF_LINK_ORDER in the order of the sections that they name, after those that name none."""
    sections = program.sections
    linked = ((sections.flags & SHF_LINK_ORDER) != 0) & (sections.link >= 0)
    if not (linked & sections.live).any():
        return outputs
    order = np.zeros(len(sections), dtype=np.int64)
    members = [sid for section in outputs for sid in section.members]
    order[members] = np.arange(1, len(members) + 1)
    wanted = np.where(linked, order[sections.link], 0).tolist()
    return [replace(out, members=tuple(sorted(out.members, key=wanted.__getitem__))) for out in outputs]


def _output_section(program: ProgramColumns, name: str, members: list[int]) -> OutputSection:
    sections = program.sections
    kinds = [int(sections.type[sid]) for sid in members]
    stored = [kind for kind in kinds if kind != SHT_NOBITS]
    kind = SHT_NOBITS if not stored else stored[0] if len(set(stored)) == 1 else SHT_PROGBITS
    if name in _TYPED and stored:
        kind = _TYPED[name]
    flags, uniform = 0, _UNIFORM_FLAGS
    entsizes = set()
    for sid in members:
        flags |= int(sections.flags[sid]) & _KEPT_FLAGS
        uniform &= int(sections.flags[sid])
        entsizes.add(int(sections.entsize[sid]))
    entsize = entsizes.pop() if len(entsizes) == 1 else 0
    if entsize or uniform & SHF_STRINGS:
        flags |= uniform
    members = sorted(members, key=lambda sid: member_rank(sections.name[sid]))
    return OutputSection(name, kind, flags, 1, entsize, tuple(members), place(name, kind, flags)[0])


_TYPED = {".init_array": SHT_INIT_ARRAY, ".fini_array": SHT_FINI_ARRAY, ".preinit_array": SHT_PREINIT_ARRAY}


def _place_members(
    program: ProgramColumns, section: OutputSection, word: int
) -> tuple[OutputSection, list[int]]:
    """(the section with its size and alignment, the offset of each member in it)."""
    sizes, aligns = program.sections.size, program.sections.align
    # Records of .eh_frame follow each other without a gap: four zero bytes would end the table.
    packed = section.name == ".eh_frame"
    at, most = 0, 1
    offsets = []
    for sid in section.members:
        # Arrays of addresses are aligned to words even if their section header is not (in crt1.o .preinit_array has 1).
        align = max(int(aligns[sid]), word) if section.name in _TYPED else int(aligns[sid])
        if int(sizes[sid]):
            most = max(most, align)
        if not (packed and at):
            at = align_up(at, align)
        offsets.append(at)
        at += int(sizes[sid])
    return replace(section, size=at, align=most), offsets


def _align_tls(placed: list[tuple[OutputSection, list[int]]]) -> None:
    """Align the start of the thread-local template to its largest alignment: offsets count from there."""
    parts = [i for i, (section, _) in enumerate(placed) if section.flags & SHF_TLS and section.size]
    if parts:
        first = parts[0]
        align = max(placed[i][0].align for i in parts)
        placed[first] = (replace(placed[first][0], align=align), placed[first][1])


_PERMISSIONS = {
    OutputRegion.HEAD: PF_R,
    OutputRegion.CODE: PF_R | PF_X,
    OutputRegion.RODATA: PF_R,
    OutputRegion.RELRO: PF_R | PF_W,
    OutputRegion.DATA: PF_R | PF_W,
    OutputRegion.BSS: PF_R | PF_W,
}


def note_runs(outputs: Sequence[OutputSection]) -> list[list[OutputSection]]:
    """Notes in memory, those of one alignment together: readers pad the notes of a PT_NOTE to its alignment."""
    notes = [s for s in outputs if s.type == SHT_NOTE and s.flags & SHF_ALLOC and s.size]
    return [list(run) for _, run in groupby(notes, key=lambda section: section.align)]


def _count_phdrs(outputs: Sequence[OutputSection], options: LinkOptions) -> int:
    """The number of program headers other than PT_LOAD that `output_file.phdrs` makes."""
    present = {s.name for s in outputs if s.size}
    count = 1  # GNU_STACK
    count += 2 * (".interp" in present)  # PHDR, INTERP
    count += ".riscv.attributes" in present
    count += ".dynamic" in present
    count += len(note_runs(outputs)) + (PROPERTIES in present)
    count += any(s.flags & SHF_TLS and s.size for s in outputs)
    count += ".eh_frame_hdr" in present
    count += options.relro and any(s.region is OutputRegion.RELRO and s.size for s in outputs)
    return count


class _Addresses:
    def __init__(self, program: ProgramColumns, options: LinkOptions, phdr_count: int, errors: Diagnostics):
        self.program, self.options, self.errors = program, options, errors
        self.phdr_count = phdr_count
        self.page = options.page
        base = options.image_base
        self.base = base if base is not None else 0 if options.pic else DEFAULT_BASE

    def segment_region(self, region: OutputRegion) -> OutputRegion:
        """A key for the segment of a region: equal for regions that share a segment."""
        if region is OutputRegion.BSS or (region is OutputRegion.RELRO and not self.options.relro):
            return OutputRegion.DATA
        return region

    def assign(self, placed: list[tuple[OutputSection, list[int]]]) -> ImageLayout:
        loads = self._count_segments(section for section, _ in placed)
        headers = EHDR_SIZE + PHDR_SIZE * (self.phdr_count + loads)
        count = len(self.program.sections)
        addr, offset = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
        output = np.full(count, -1, dtype=np.int64)
        outputs: list[OutputSection] = []
        segments: list[LoadSegment] = []
        here, file_end = self.base + headers, headers
        region: OutputRegion | None = None
        for index, (section, offsets) in enumerate(placed):
            if section.flags & SHF_ALLOC:
                mine = self.segment_region(section.region)
                fixed = self.options.section_starts.get(section.name)
                if section.size and (mine is not region or fixed is not None):
                    here = self._begin_segment(segments, mine, here, file_end, fixed, section)
                    region = mine
                start = align_up(here, section.align) if section.size else here
                segment = segments[-1] if segments else LoadSegment(0, OutputRegion.HEAD, self.base, 0, 0, 0)
                at = segment.offset + start - segment.addr
                if not section.is_tbss:
                    here = start + section.size
                if section.type != SHT_NOBITS and section.size:
                    file_end = at + section.size
                if segments and section.size:
                    segments[-1] = _grow(segment, section, start, here)
            else:
                start, at = 0, align_up(file_end, section.align)
                file_end = at + (0 if section.type == SHT_NOBITS else section.size)
            outputs.append(replace(section, addr=start, offset=at))
            members = list(section.members)
            addr[members] = np.array(offsets, dtype=np.int64) + start
            offset[members] = np.array(offsets, dtype=np.int64) + at
            output[members] = index
        if file_end > MAX_IMAGE or here > MAX_SIZE:
            self.errors.error(
                f"the output would be {file_end:#x} bytes in the file, {here - self.base:#x} in memory"
            )
        finished = tuple(sorted(self._finish(segments), key=lambda segment: segment.addr))
        for before, after in pairwise(finished):
            if before.addr + before.memsz > after.addr:
                self.errors.error(
                    f"segment [{before.addr:#x}, {before.addr + before.memsz:#x}) overlaps the one at {after.addr:#x}"
                )
        return ImageLayout(
            tuple(outputs), finished, addr, offset, output, self.base, self.phdr_count + loads, file_end,
            {section.name: section for section in outputs},
        )  # fmt: skip

    def _count_segments(self, sections: Iterator[OutputSection]) -> int:
        count, region = 0, None
        for section in sections:
            if section.flags & SHF_ALLOC and section.size:
                mine = self.segment_region(section.region)
                count += mine is not region or section.name in self.options.section_starts
                region = mine
        return count

    def _begin_segment(
        self,
        segments: list[LoadSegment],
        region: OutputRegion,
        here: int,
        file_end: int,
        fixed: int | None,
        section: OutputSection,
    ) -> int:
        """Append the segment that starts with `section`, and return the lowest address for it."""
        if not segments and fixed is None:
            # The first segment maps the ELF header and program headers too.
            segments.append(
                LoadSegment(_PERMISSIONS[region], region, self.base, 0, file_end, here - self.base)
            )
            return here
        if fixed is None:
            here = align_up(here, self.page) + file_end % self.page
            here = align_up(here, section.align)
        else:
            here = fixed
        offset = file_end + (here - file_end) % self.page
        segments.append(LoadSegment(_PERMISSIONS[region], region, here, offset, 0, 0))
        return here

    def _finish(self, segments: list[LoadSegment]) -> Iterator[LoadSegment]:
        for segment in segments:
            if segment.region is OutputRegion.RELRO:
                end = align_up(segment.addr + segment.memsz, self.page)
                segment = replace(segment, memsz=end - segment.addr)
            yield segment


def _grow(segment: LoadSegment, section: OutputSection, start: int, here: int) -> LoadSegment:
    filesz = segment.filesz
    if section.type != SHT_NOBITS:
        filesz = start + section.size - segment.addr
    return replace(segment, filesz=filesz, memsz=max(segment.memsz, here - segment.addr))
