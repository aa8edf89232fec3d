"""Explains sections of a finished link: why an input section is kept or gone, where it was put, by which rule."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from toyvm.base.bits import align_up
from toyvm.base.diagnostics import did_you_mean
from toyvm.base.errors import UnknownNameError
from toyvm.elf.constants import SHF_ALLOC, SHT_NOBITS
from toyvm.linker.image_layout import LoadSegment, OutputSection
from toyvm.linker.link_result import LinkResult
from toyvm.linker.output_names import joining_rule
from toyvm.linker.script.reading.tree import InputPattern
from toyvm.observe.binutils.elf_names import SECTION_TYPES, section_flags

from .link_index import LinkIndex, short_name
from .live_chains import LiveChains
from .section_fates import why_absent
from .section_values import InputSectionExplanation, OutputSectionExplanation, Part, Placement


def section_type(kind: int) -> str:
    """`PROGBITS`."""
    return SECTION_TYPES.get(kind, f"{kind:#x}")


class SectionExplainer:
    """Explains the sections of one link. Raises ValueError if the link has kept no history."""

    def __init__(self, link: LinkResult):
        self.index = LinkIndex(link)
        self.layout = link.layout

    @cached_property
    def _chains(self) -> LiveChains:
        return LiveChains(self.index)

    def find(self, name: str) -> tuple[list[int], list[OutputSection]]:
        """(input sections, output sections) called `name`, or `OBJECT:NAME` for those of an object.

        Raises UnknownNameError, with a suggestion.
        """
        names, outputs = self.index.read.sections.name, self.layout.outputs
        file, colon, section = name.rpartition(":")
        section = section.removeprefix("(").removesuffix(")") if colon else section
        if (colon and not name.endswith(")")) or (colon and name.endswith(":(" + section + ")")):
            sids = [
                sid for number in self.index.find_object(file) for sid in self.index.sections_of(number)
                if names[sid] == section
            ]  # fmt: skip
            found: list[OutputSection] = []
        else:
            sids = [sid for sid, each in enumerate(names) if each == name]
            found = [output for output in outputs if output.name == name]
        if not sids and not found:
            known = [*dict.fromkeys([*(o.name for o in outputs), *filter(None, names)])]
            hint = did_you_mean(section, known)
            raise UnknownNameError(
                f"{name}: neither an input has this section nor the output. {hint}".rstrip()
            )
        return sids, found

    # --- an input section ---

    def input_section(self, sid: int) -> InputSectionExplanation:
        """Explain input section number `sid`."""
        index, sections = self.index, self.index.read.sections
        absent = why_absent(index, sid)
        file = int(sections.file[sid])
        loaded = index.read.resolution.files[file] if file >= 0 else None
        collects = index.history.options.gc_sections
        chain = self._chains.chain(sid) if collects and sections.alloc[sid] else ()
        return InputSectionExplanation(
            object=index.object_name(sid),
            name=sections.name[sid],
            type=section_type(int(sections.type[sid])),
            flags=section_flags(int(sections.flags[sid])),
            align=int(sections.align[sid]),
            size=int(sections.size[sid]),
            kept=not absent,
            reason=absent or self._why_kept(sid, collects),
            takes_part=_why_linked(loaded.archive, loaded.reason) if loaded else "the linker has made it",
            chain=chain,
            placement=None if absent else self._placement(sid),
        )

    def _why_kept(self, sid: int, collects: bool) -> str:
        if not self.index.read.sections.alloc[sid]:
            return (
                "it is not loaded: --gc-sections collects only what is in memory"
                if collects
                else ("every section of an object that takes part is kept")
            )
        if collects:
            return "a chain of references leads to it from a root of --gc-sections"
        return "every section of an object that takes part is kept (--gc-sections would drop unused ones)"

    def _placement(self, sid: int) -> Placement:
        layout, sections = self.layout, self.index.final.sections
        output = layout.outputs[int(layout.output[sid])]
        members = list(output.members)
        position = members.index(sid)
        address, size = int(layout.addr[sid]), int(sections.size[sid])
        before = members[position - 1] if position else None
        end = int(layout.addr[before] + sections.size[before]) if before is not None else output.addr
        align = int(sections.align[sid])
        if before is None:
            sum_ = f"{address:#x}: the start of {output.name}"
        else:
            sum_ = f"align({end:#x}, {align}) = {address:#x}: after {self._part_name(before)}"
        return Placement(
            output.name, self._rule(sid, output), position, address, address - output.addr, int(layout.offset[sid]),
            size, address - end, sum_,
        )  # fmt: skip

    def _part_name(self, sid: int) -> str:
        file = int(self.index.final.sections.file[sid])
        name = self.index.final.sections.name[sid]
        return (
            f"{short_name(self.index.final.file_name(file))}:({name})"
            if file >= 0
            else f"the linker's {name}"
        )

    def _rule(self, sid: int, output: OutputSection) -> str:
        name, plan = self.index.final.sections.name[sid], self.index.history.plan
        if plan is None:
            return f"{joining_rule(name)}; within it, order of the link"
        for out in plan.outs:
            if sid not in out.members:
                continue
            for statement, item in zip(out.statement.body, out.items, strict=False):
                if isinstance(statement, InputPattern) and isinstance(item, list) and sid in item:
                    span = statement.place.span()
                    text = " ".join(
                        statement.place.source.text[statement.place.start : statement.place.end].split()
                    )
                    return f"the first pattern of the script that matches: {text} ({span.file}:{span.line})"
            return "an orphan: no pattern of the script matches it, so it follows the last section that is like it"
        return f"the linker's own section joins {output.name}"

    # --- an output section ---

    def output_section(self, output: OutputSection) -> OutputSectionExplanation:
        """Explain an output section."""
        return OutputSectionExplanation(
            name=output.name,
            type=section_type(output.type),
            flags=section_flags(output.flags),
            align=output.align,
            address=output.addr,
            size=output.size,
            file_offset=output.offset,
            rule=self._order_rule(output),
            arithmetic=self._arithmetic(output),
            segment=self._segment_text(output),
            parts=tuple(self._parts(output)),
            absent=self._absent(output.name),
        )

    def _order_rule(self, output: OutputSection) -> str:
        plan = self.index.history.plan
        if plan is None:
            return "the order of GNU ld's default script (`toyvm ld --verbose` prints it)"
        out = next((out for out in plan.outs if out.name == output.name), None)
        if out is None or out.orphan:
            return "no statement of the script names it: it follows the last section that is like it"
        span = out.statement.place.span()
        return f"the script's statement at {span.file}:{span.line}"

    def _segment(self, output: OutputSection) -> LoadSegment | None:
        return (
            next((s for s in self.layout.segments if s.addr <= output.addr < s.addr + s.memsz), None)
            if output.flags & SHF_ALLOC and output.size
            else None
        )

    def _segment_text(self, output: OutputSection) -> str:
        segment = self._segment(output)
        if segment is None:
            return ""
        rights = "".join(
            letter if segment.flags & bit else "-" for letter, bit in (("R", 4), ("W", 2), ("X", 1))
        )
        return f"LOAD {rights} {segment.addr:#x}..{segment.addr + segment.memsz:#x}"

    def _arithmetic(self, output: OutputSection) -> tuple[str, ...]:
        """How the address comes about."""
        if not output.flags & SHF_ALLOC:
            return ("not loaded: it has no address, and follows the loaded sections in the file",)
        options = self.index.history.options
        if self.index.history.plan is not None:
            return (self._by_counter(output),)
        if output.name in options.section_starts:
            return (f"{output.addr:#x}: the command line says so (-T, --section-start)",)
        loaded = [o for o in self.layout.outputs if o.flags & SHF_ALLOC and o.size]
        if output not in loaded:
            return ("it is empty",)
        position = loaded.index(output)
        end, file_end = self._ends(loaded[:position])
        segment = self._segment(output)
        if not position:
            return (f"align({end:#x}, {output.align}) = {output.addr:#x}: after the ELF and program headers",)
        if segment is not None and segment.addr <= loaded[position - 1].addr:
            return (f"align({end:#x}, {output.align}) = {output.addr:#x}: after {loaded[position - 1].name}",)
        page = options.page
        start = align_up(end, page) + file_end % page
        return (
            f"align({end:#x}, {page:#x}) = {align_up(end, page):#x}: a segment with other permissions begins on a new page",
            f"+ {file_end % page:#x}, as far into the page as in the file ({file_end:#x}), so that the file needs no padding",
            f"align({start:#x}, {output.align}) = {output.addr:#x}",
        )

    def _by_counter(self, output: OutputSection) -> str:
        """The address under a script, whose location counter the section before has moved, or a statement has set."""
        before = [o for o in self.layout.outputs if o.flags & SHF_ALLOC and o.size and o.addr < output.addr]
        last = max(before, key=lambda o: o.addr, default=None)
        if last is not None and align_up(last.end, output.align) == output.addr:
            return f"align({last.end:#x}, {output.align}) = {output.addr:#x}: the location counter after {last.name}"
        return f"{output.addr:#x}: the script sets the location counter, or says the address" + (
            f"; {last.name} ends at {last.end:#x}" if last is not None else ""
        )

    def _ends(self, before: list[OutputSection]) -> tuple[int, int]:
        """(the address, the file offset) after the sections `before`."""
        headers = 64 + 56 * self.layout.phdr_count
        end, file_end = self.layout.base + headers, headers
        for output in before:
            end = end if output.is_tbss else output.end
            if output.type != SHT_NOBITS:
                file_end = output.offset + output.size
        return end, file_end

    def _parts(self, output: OutputSection) -> list[Part]:
        sections, addr = self.index.final.sections, self.layout.addr
        parts, end = [], output.addr
        for sid in output.members:
            start, size = int(addr[sid]), int(sections.size[sid])
            file = int(sections.file[sid])
            owner = short_name(self.index.final.file_name(file)) if file >= 0 else "(linker)"
            if size:
                parts.append(Part(owner, sections.name[sid], start, size, start - end if size else 0))
                end = start + size
        return parts

    def _absent(self, name: str) -> tuple[tuple[str, str, str], ...]:
        sections = self.index.read.sections
        gone = np.flatnonzero((self.layout.output[: len(sections)] < 0) & (sections.size > 0))
        return tuple(
            (self.index.object_name(sid), sections.name[sid], why_absent(self.index, sid))
            for sid in gone.tolist()
            if sections.name[sid] == name or sections.name[sid].startswith(f"{name}.")
        )


def _why_linked(archive: str, reason: str) -> str:
    return (
        f"a member of {short_name(archive)}, for {reason}" if archive else "the command line names its object"
    )
