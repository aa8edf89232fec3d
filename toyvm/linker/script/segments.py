"""Program headers and places in the file for sections that a script has placed (bfd/elf.c: map_sections_to_segments,
assign_file_positions_for_load_sections)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...base.bits import M64, align_up
from ...elf.constants import (
    EHDR_SIZE,
    PF_R,
    PF_W,
    PF_X,
    PHDR_SIZE,
    PT_DYNAMIC,
    PT_GNU_EH_FRAME,
    PT_GNU_PROPERTY,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
    PT_NOTE,
    PT_PHDR,
    PT_RISCV_ATTRIBUTES,
    PT_TLS,
    SHT_NOTE,
)
from ...elf.headers import Phdr
from ..inputs.abi_attributes import wants_exec_stack
from ..inputs.columns import ProgramColumns
from ..inputs.property_notes import NAME as PROPERTIES
from ..link_options import LinkOptions
from .file_positions import FilePositions
from .flags import ALLOC, CODE, CONTENTS, LOAD, READONLY, TLS
from .mapped import Mapped, present, relro_range, section_type, sorted_sections
from .placing import Placed

if TYPE_CHECKING:
    from .sizing import Sizing

MOST_HEADERS = 1000  # PHDRS beyond that is a mistake
_STACK_ALIGN = 16
_STACK_NOTE = ".note.GNU-stack"
_ATTRIBUTES = ".riscv.attributes"
_FRAMES = ".eh_frame_hdr"


def _named(table: Sequence[Placed], name: str) -> Placed | None:
    return next((placed for placed in present(table) if placed.out.name == name), None)


def _has_stack_note(program: ProgramColumns, options: LinkOptions) -> bool:
    return options.exec_stack is not None or _STACK_NOTE in program.sections.name


def _note_runs(table: Sequence[Placed]) -> list[list[Placed]]:
    """Notes side by side with one alignment."""
    runs: list[list[Placed]] = []
    before: Placed | None = None
    for placed in present(table):
        is_note = placed.flags & LOAD and section_type(placed) == SHT_NOTE
        if is_note:
            joins = (
                before is not None
                and before.align == placed.align
                and align_up(before.lma + before.size, placed.align) == placed.lma
            )
            if joins:
                runs[-1].append(placed)
            else:
                runs.append([placed])
        before = placed if is_note else None
    return runs


def estimated_headers(sizing: Sizing) -> int:
    """The first guess of the size of all headers: two PT_LOAD, and what is sure (get_program_header_size)."""
    program, table, options = sizing.program, sizing.table, sizing.options
    interp = _named(table, ".interp")
    count = 2 + 2 * (interp is not None and bool(interp.previous_size or interp.size))
    count += _named(table, ".dynamic") is not None
    count += sizing.relro
    count += _named(table, _FRAMES) is not None
    count += _has_stack_note(program, options)
    count += len(_note_runs(table)) + (_named(table, PROPERTIES) is not None)
    count += any(placed.flags & TLS for placed in present(table))
    count += _named(table, _ATTRIBUTES) is not None
    return EHDR_SIZE + PHDR_SIZE * count


def map_segments(sizing: Sizing) -> tuple[list[Phdr], int]:
    """(the program headers, the size of all headers). File offsets go to `sizing.file_offset`."""
    script = sizing.plan.script
    segments = _scripted(sizing) if script.has_headers else _usual(sizing)
    attributes = _named(sizing.table, _ATTRIBUTES)
    if attributes is not None and all(segment.type != PT_RISCV_ATTRIBUTES for segment in segments):
        at = 0
        while at < len(segments) and segments[at].type in (PT_PHDR, PT_INTERP):
            at += 1
        segments.insert(at, Mapped(PT_RISCV_ATTRIBUTES, [attributes]))
    size = EHDR_SIZE + PHDR_SIZE * len(segments)
    FilePositions(sizing, segments).assign()
    return [segment.phdr() for segment in segments], size


def _usual(sizing: Sizing) -> list[Mapped]:
    """The segments of a script without PHDRS."""
    table, options = sizing.table, sizing.options
    sections = sorted_sections(table)
    page = options.page
    known = sizing.header_size
    size = known if known is not None else estimated_headers(sizing)
    headers = sizing.uses_headers
    if sections and sections[0].lma % page >= size % page:
        headers = True
    segments: list[Mapped] = []
    interp = _named(table, ".interp")
    if interp is not None and interp.flags & LOAD and interp.size:
        segments.append(Mapped(PT_PHDR, flags=PF_R, headers=True))
        segments.append(Mapped(PT_INTERP, [interp]))
        headers = True
    if not options.paged:
        headers = False
    if headers and sections:
        first = sections[0]
        lma = (first.lma - size) & M64 & -page
        apart = False
        if options.separate_code and first.flags & CODE:
            apart = True
            if (lma + size - 1) & -page == first.lma & -page:
                if lma >= page:
                    lma -= page
                else:
                    apart = False
        if first.lma < lma or first.lma < size:
            headers = False
        elif apart:
            offset = ((first.vma - size) & M64 & -page) - 0
            segments.append(Mapped(PT_LOAD, paddr=lma, vaddr_offset=offset, file_header=True, headers=True))
            headers = False
    segments += _loads(sizing, sections, headers)
    dynamic = _named(table, ".dynamic")
    if dynamic is not None and dynamic.flags & LOAD:
        segments.append(Mapped(PT_DYNAMIC, [dynamic]))
    segments += [Mapped(PT_NOTE, run) for run in _note_runs(table)]
    properties = _named(table, PROPERTIES)
    if properties is not None and properties.size:
        segments.append(Mapped(PT_GNU_PROPERTY, [properties]))
    thread_local = [placed for placed in present(table) if placed.flags & TLS]
    if thread_local:
        segments.append(Mapped(PT_TLS, thread_local, flags=PF_R))
    frames = _named(table, _FRAMES)
    if frames is not None and frames.flags & LOAD:
        segments.append(Mapped(PT_GNU_EH_FRAME, [frames]))
    if _has_stack_note(sizing.program, options):
        execute = options.exec_stack
        if execute is None:
            execute = wants_exec_stack(sizing.program.resolution)
        segments.append(
            Mapped(
                PT_GNU_STACK,
                flags=PF_R | PF_W | (PF_X if execute else 0),
                align=_STACK_ALIGN,
                memsz=options.stack_size,
            )
        )
    if sizing.relro and relro_range(sizing) is not None:
        start, end = sizing.segment.base, sizing.segment.relro_end
        for segment in segments:
            if segment.type != PT_LOAD or not segment.sections or not start <= segment.sections[0].vma < end:
                continue
            if any(p.size and p.flags & LOAD and p.flags & CONTENTS for p in segment.sections):
                segments.append(Mapped(PT_GNU_RELRO))
                break
    return segments


def _loads(sizing: Sizing, sections: list[Placed], headers: bool) -> list[Mapped]:
    """Sections that may share a PT_LOAD are neighbours of one kind."""
    segments: list[Mapped] = []
    last: Placed | None = None
    for placed in sections:
        if last is None or _needs_new(sizing, segments[-1], last, placed):
            segments.append(Mapped(PT_LOAD))
        segments[-1].sections.append(placed)
        last = placed
    if segments:
        if headers:
            segments[0].file_header = segments[0].headers = True
        if len(segments[-1].sections) == 1 and segments[-1].sections[0].is_tbss:
            segments.pop()
    return segments


def _needs_new(sizing: Sizing, segment: Mapped, last: Placed, placed: Placed) -> bool:
    options, page = sizing.options, sizing.options.page
    end = last.lma + (0 if last.is_tbss else last.size)
    padded = align_up(end, page) + page
    code = any(p.flags & CODE for p in segment.sections)
    writable = any(not p.flags & READONLY for p in segment.sections)
    if (last.lma - last.vma - placed.lma + placed.vma) & M64 or placed.lma < end or end > M64 + 1:
        return True
    if options.paged and (end - 1) & -page == placed.lma & -page:
        new = False
    elif padded <= placed.lma or (not last.flags & (LOAD | TLS) and placed.flags & (LOAD | TLS)):
        new = True
    elif not options.paged:
        new = False
    elif options.separate_code and code != bool(placed.flags & CODE):
        new = True
    else:
        new = not writable and not placed.flags & READONLY
    # GNU ld looks the regions up by name, so that the first of several sections of one name counts.
    regions = [sizing.by_name.get(p.out.name, p).region for p in (placed, last)]
    return new or regions[0] is not regions[1]


def _scripted(sizing: Sizing) -> list[Mapped]:
    """The segments that PHDRS names (lang_record_phdrs)."""
    script = sizing.plan.script
    segments: list[Mapped] = []
    used: set[str] = set()
    last: tuple[str, ...] = ()
    if len(script.headers) > MOST_HEADERS:
        raise script.headers[MOST_HEADERS].place.error(f"more than {MOST_HEADERS} program headers")
    for header in script.headers:
        kind = sizing.constant(header.type, "program header type") & 0xFFFFFFFF
        sections: list[Placed] = []
        for index, placed in enumerate(sizing.order):
            if not placed.out.matches:
                continue
            names = placed.out.headers
            if names:
                last = names
            else:
                if placed.statement.type == "NOLOAD" or not placed.out.exists or not placed.flags & ALLOC:
                    continue
                if kind == PT_INTERP:
                    continue
                if not last:
                    last = next((p.out.headers for p in sizing.order[index:] if p.out.headers), ())
                    if not last:
                        raise header.place.error("no sections assigned to phdrs")
                names = last
            if placed.out.exists and header.name in names:
                sections.append(placed)
                used.add(header.name)
        flags = sizing.constant(header.flags, "phdr flags") & 0xFFFFFFFF if header.flags is not None else None
        at = sizing.constant(header.at, "phdr load address") if header.at is not None else None
        kept = [p for p in sections if not p.excluded and (p.flags & ALLOC or kind != PT_LOAD)]
        if kind == PT_LOAD and (header.headers or header.file_header):
            lacking = next(
                (s for s in segments if s.type == PT_LOAD and not (s.headers or s.file_header)), None
            )
            if lacking is not None:
                sizing.fail(
                    header.place, "PHDRS and FILEHDR are not supported when prior PT_LOAD headers lack them"
                )
        segments.append(Mapped(kind, kept, flags, at, 0, header.file_header, header.headers))
    known = {header.name for header in script.headers} | {"NONE"}
    for placed in sizing.order:
        for name in placed.out.headers:
            if name not in known and placed.out.exists and not placed.out.orphan:
                sizing.fail(
                    placed.statement.place,
                    f"section `{placed.out.name}' assigned to non-existent phdr `{name}'",
                )
    return segments
