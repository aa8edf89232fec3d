"""Relocatable output (-r): several objects become one, which a later link takes as it would have taken them.

Sections of equal name, type and flags are joined; members of section groups stay as they are. Relocations are kept and
follow their sections. Nothing is resolved for good: undefined and common symbols stay undefined and common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from toyvm.base.record import Record, replace
from toyvm.elf.compression import compressed
from toyvm.elf.constants import (
    EF_RISCV_RVC,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHN_ABS,
    SHN_COMMON,
    SHN_UNDEF,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_RISCV_ATTRIBUTES,
    ST_BIND_SHIFT,
    ST_VISIBILITY_MASK,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_COMMON,
    STT_NOTYPE,
    STT_OBJECT,
    STT_SECTION,
    STV_HIDDEN,
)
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section, SectionGroup, SymbolTable
from toyvm.elf.object_writer import write_object
from toyvm.elf.record_arrays import RELA, SYM, Table
from toyvm.elf.symbol import st_info
from toyvm.relocations import R

from ..base.bits import align_up, u64
from ..base.errors import LinkError
from .defsyms import defsym_value
from .garbage_collection import collect
from .image_layout import ImageLayout
from .image_layout import OutputSection as ImageSection
from .inputs.abi_attributes import check_width, merge_attributes, merge_flags
from .inputs.columns import UNDEFINED, Column, ProgramColumns, flatten, without_debug
from .inputs.files import open_inputs
from .inputs.global_symbols import DefinitionKind, GlobalSymbol
from .inputs.property_notes import NAME as PROPERTIES
from .inputs.property_notes import merge_properties, property_align
from .inputs.symbol_resolution import resolve
from .link_errors import Diagnostics
from .link_options import Input, LinkOptions
from .permission_warnings import warn_of_exec_stack
from .provided_symbols import provide
from .synthetic.eh_frame import drop_dead_frames
from .synthetic.symbol_table import with_counts
from .synthetic.synthesis import BUILD_ID, build_id_note, with_digest
from .undefined_references import check_discarded

if TYPE_CHECKING:
    from .script.scripted import Scripted

_APART = SHF_GROUP | SHF_LINK_ORDER | SHF_INFO_LINK  # sections that refer to sections are not joined
_NOP, _C_NOP = (0x13).to_bytes(4, "little"), (1).to_bytes(2, "little")


class Relocatable(Record, eq=False):
    """The result: the object, its file, and messages."""

    object: ObjectFile
    image: bytes
    warnings: tuple[str, ...]
    inputs: tuple[str, ...]


def link_relocatable(inputs: Sequence[Input], options: LinkOptions) -> Relocatable:
    """Join `inputs` (in command-line order). Raises LinkError with all errors."""
    errors = Diagnostics()
    scripted = None
    if options.scripts:
        inputs, options, scripted = _by_script(inputs, options, errors)
    opened = open_inputs(inputs, options, errors)
    for each in opened:
        if each.library is not None:
            errors.error(f"{each.name}: a shared library cannot be part of relocatable output")
    errors.checkpoint()
    resolution = resolve(opened, options, errors)
    check_width(resolution, options, errors)
    e_flags = merge_flags(resolution, errors)
    attributes = merge_attributes(resolution, errors)
    properties = merge_properties(resolution, options.xlen, errors)
    warn_of_exec_stack(resolution, options, errors)
    program = flatten(resolution, errors, relocatable=True, commons=options.place_commons)
    errors.checkpoint()
    if options.force_groups:
        flags = program.sections.flags & ~SHF_GROUP
        program = replace(program, sections=replace(program.sections, flags=flags))
    notes = np.array([name == PROPERTIES for name in program.sections.name], dtype=bool)
    program = replace(program, sections=replace(program.sections, live=program.sections.live & ~notes))
    if options.strip:
        program = without_debug(program)
    if options.gc_sections:
        if not options.entry and not options.undefined:
            errors.error("--gc-sections requires either an entry or an undefined symbol")
        errors.checkpoint()
        program = collect(program, options, np.zeros(len(resolution.symbols), dtype=bool), errors)
    program = drop_dead_frames(program)
    check_discarded(program, errors)
    layout = None
    if scripted:
        program, layout = _laid_out(program, scripted, errors)
    joined = _Joiner(program, options, layout).join(e_flags, attributes, properties)
    errors.checkpoint()
    names = tuple(loaded.object.name for loaded in resolution.files)
    image = write_object(joined)
    if options.build_id != "none":
        image = _with_build_id(image, options)
    return Relocatable(joined, image, tuple(errors.warnings), names)


def _by_script(
    inputs: Sequence[Input], options: LinkOptions, errors: Diagnostics
) -> tuple[Sequence[Input], LinkOptions, Scripted]:
    """The inputs and options with what the scripts of -T say, and the scripts."""
    from .script.commands import request, without_headers
    from .script.scripted import Scripted

    found = request(inputs, options)
    assert found is not None
    # An object has no segments, and its sections may lie at one address.
    changed = replace(found.options, entry=options.entry, check_sections=False, paged=False)
    script = without_headers(found.script)
    return found.inputs, changed, Scripted(script, changed, errors)


def _laid_out(
    program: ProgramColumns, scripted: Scripted, errors: Diagnostics
) -> tuple[ProgramColumns, ImageLayout]:
    """(the program without what the script discards, where the script puts the rest). Members of groups stay apart."""
    program, _ = scripted.without_discarded(provide(program, scripted.options, scripted.names()))
    apart = (program.sections.flags & _APART) != 0
    rest = replace(program, sections=replace(program.sections, live=program.sections.live & ~apart))
    layout = scripted.lay_out(rest, scripted.plan(rest, errors), errors)
    errors.checkpoint()
    return program, layout


def _with_build_id(image: bytes, options: LinkOptions) -> bytes:
    """The object with the SHA-1 of itself in its note, or with the identifier that was given."""
    section = ElfFile.parse(image, options.output).section(BUILD_ID)
    assert section is not None
    return with_digest(image, section.header.offset, options)


class _Joined:
    """An output section, which grows by one member after the other."""

    def __init__(self, number: int, group: int | None):
        self.number, self.group = number, group
        self.members: list[int] = []
        self.parts: list[bytes] = []
        self.size, self.align = 0, 1
        self.aligns: list[tuple[int, int]] = []  # (offset, room) of each R_RISCV_ALIGN between members
        self.shape: ImageSection | None = None  # name, type and flags, if a script gives them
        self.shrinks = False  # whether a later link may shorten the code of a member

    def add(self, sid: int, data: bytes | None, size: int, align: int, unit: int | None) -> int:
        """Append a member and return its offset. `unit`: the size of the smallest instruction, None for data."""
        self.align = max(self.align, align)
        start = align_up(self.size, align)
        padding = bytes(start - self.size)
        if self.shrinks and unit is not None and align > unit:
            # When the code before them shrinks, R_RISCV_ALIGN keeps as many nops as the member needs.
            room = align - unit
            self.aligns.append((self.size, room))
            padding = _NOP * (room // 4) + _C_NOP * (room % 4 // 2)
            start = self.size + room
        if data is not None:
            self.parts += [padding, data]
        self.members.append(sid)
        self.size = start + size
        return start


class _Joiner:
    def __init__(self, program: ProgramColumns, options: LinkOptions, layout: ImageLayout | None):
        self.program, self.options, self.layout = program, options, layout
        count = len(program.sections)
        self.output = np.zeros(count, dtype=np.int64)  # number of the output section of each section, or 0
        self.offset = np.zeros(count, dtype=np.int64)
        self.joined: list[_Joined] = []
        self.placed: dict[int, int] = {}  # index in the script's layout -> number of the output section
        self.names: list[str] = [""]
        self.rows: list[tuple[int, int, int, int, int, int]] = [(0, 0, 0, 0, 0, 0)]

    def join(self, e_flags: int, attributes: bytes, properties: bytes) -> ObjectFile:
        groups = self._place_sections()
        for joined in self.joined:
            self._symbol("", STB_LOCAL, STT_SECTION, 0, joined.number, 0, 0)
        number = self._locals()
        first_global = len(self.names)
        relocs = self.program.relocs
        used = set(relocs.sym[self.program.sections.live[relocs.sid]].tolist())
        for symbol in self.program.resolution.symbols:
            if (symbol.object_reference or symbol.id in used) and not self._is_gone(symbol):
                number[symbol.id] = self._global(symbol)
        self._assigned(number)
        self._defsyms(number)
        sections = [NULL_SECTION, *self._sections(number)]
        if properties:
            align = property_align(self.options.xlen)
            sections.append(Section(PROPERTIES, SHT_NOTE, SHF_ALLOC, align, data=properties))
        if self.options.build_id != "none":
            note = build_id_note(self.options.build_id)
            sections.append(Section(BUILD_ID, SHT_NOTE, SHF_ALLOC, 4, data=note))
        if self.options.compression:
            sections = [compressed(section, self.options.compression) for section in sections]
        if attributes:
            sections.append(Section(".riscv.attributes", SHT_RISCV_ATTRIBUTES, data=attributes))
        if self.options.unique_symbols:
            self.names = with_counts(self.names, [row[1] for row in self.rows])
        table = SymbolTable(self.names, np.array(self.rows, dtype=SYM), first_global)
        signed = [self._sign(group, number) for group in groups]
        return ObjectFile(
            self.options.output, tuple(sections), table, e_flags, signed, xlen=self.options.xlen
        )

    # -- sections -----------------------------------------------------------------------------------------------

    def _place_sections(self) -> list[tuple[int, SectionGroup]]:
        """Give each live section its place. Returns the groups that are left: (object, group of output sections)."""
        program, sections = self.program, self.program.sections
        groups = [
            (file, group)
            for file, loaded in enumerate(program.resolution.files)
            for group in loaded.object.groups
            if not self.options.force_groups
            and any(program.sections.live[program.file_sections[file] + member] for member in group.members)
        ]
        group_of = {
            int(program.file_sections[file]) + member: index
            for index, (file, group) in enumerate(groups)
            for member in group.members
        }
        flags = np.array([f.object.e_flags for f in program.resolution.files], dtype=np.int64)
        units = np.where(flags & EF_RISCV_RVC, 2, 4).tolist()
        shrinks = set(program.relocs.sid[np.isin(program.relocs.type, (R.RELAX, R.ALIGN))].tolist())
        by_key: dict[tuple[object, ...], _Joined] = {}
        if self.layout is not None:
            self._place_by_script(self.layout)
        for sid in np.flatnonzero(sections.live & (self.output == 0)).tolist():
            flag, kind = int(sections.flags[sid]), int(sections.type[sid])
            apart = sid if flag & _APART else -1
            key = (sections.name[sid], kind, flag, int(sections.entsize[sid]), apart)
            if key not in by_key:
                by_key[key] = _Joined(len(self.joined) + 1, group_of.get(sid))
                self.joined.append(by_key[key])
            joined = by_key[key]
            data = None if kind == SHT_NOBITS else sections.data[sid]
            unit = units[int(sections.file[sid])] if flag & SHF_EXECINSTR else None
            size = int(sections.size[sid])
            self.offset[sid] = joined.add(sid, data, size, int(sections.align[sid]), unit)
            self.output[sid] = joined.number
            joined.shrinks |= sid in shrinks
        return [
            (
                file,
                replace(
                    group,
                    members=tuple(
                        int(self.output[program.file_sections[file] + member])
                        for member in group.members
                        if sections.live[program.file_sections[file] + member]
                    ),
                ),
            )
            for file, group in groups
        ]

    def _place_by_script(self, layout: ImageLayout) -> None:
        """Make the sections of the script, with the bytes that it writes."""
        sections = self.program.sections
        for index, out in enumerate(layout.outputs):
            if not out.kept:
                continue
            joined = _Joined(len(self.joined) + 1, None)
            joined.shape = out
            joined.members, joined.size, joined.align = list(out.members), out.size, out.align
            self.joined.append(joined)
            self.placed[index] = joined.number
            if out.type != SHT_NOBITS:
                data = bytearray(out.size)
                for patch in layout.patches:
                    start = patch.offset - out.offset
                    if 0 <= start < out.size:
                        repeated = patch.pattern * (patch.length // len(patch.pattern) + 1)
                        data[start : start + patch.length] = repeated[: patch.length]
                for sid in out.members:
                    start = int(layout.addr[sid]) - out.addr
                    data[start : start + int(sections.size[sid])] = sections.data[sid]
                joined.parts = [bytes(data)]
            members = list(out.members)
            self.output[members] = joined.number
            self.offset[members] = layout.addr[members] - out.addr

    def _assigned(self, number: Column) -> None:
        """The symbols that the script defines."""
        layout, table = self.layout, self.program.resolution.table
        for name, placed in layout.symbols.items() if layout is not None else ():
            assert layout is not None
            section = self.placed.get(placed.output, 0)
            value = placed.value - (layout.outputs[placed.output].addr if section else 0)
            other = STV_HIDDEN if placed.hidden else 0
            row = (0, st_info(STB_GLOBAL, STT_NOTYPE), other, section or SHN_ABS, u64(value), 0)
            symbol = table.get(name)
            if symbol is not None and number[symbol.id]:
                self.rows[number[symbol.id]] = row
            else:
                self.names.append(name)
                self.rows.append(row)

    def _sign(self, group: tuple[int, SectionGroup], number: Column) -> SectionGroup:
        """The group with the number of its signature in the output."""
        file, found = group
        symbol = int(self.program.file_symbols[file][found.signature])
        sid = int(self.program.symbols.sid[symbol])
        of_section = sid >= 0 and self.program.symbols.type[symbol] == STT_SECTION
        signature = int(self.output[sid] if of_section else number[symbol])
        return replace(found, signature=signature)

    def _sections(self, number: Column) -> list[Section]:
        """The output sections with their relocations; `number`: symbol here -> symbol of the output."""
        program, sections, relocs = self.program, self.program.sections, self.program.relocs
        rows = np.flatnonzero(sections.live[relocs.sid])
        table = np.zeros(len(rows), dtype=RELA)
        sid, sym = relocs.sid[rows], relocs.sym[rows]
        target = np.maximum(program.symbols.sid[sym], 0)
        is_section = (program.symbols.type[sym] == STT_SECTION) & (program.symbols.sid[sym] >= 0)
        gone = (program.symbols.sid[sym] >= 0) & (self.output[target] == 0)
        table["r_offset"] = self.offset[sid] + relocs.offset[rows]
        table["r_type"] = relocs.type[rows]
        table["r_sym"] = np.where(is_section, self.output[target], number[sym])
        table["r_addend"] = relocs.addend[rows] + np.where(is_section, self.offset[target], 0)
        for column in ("r_type", "r_sym", "r_addend"):  # R_RISCV_NONE of no symbol
            table[column][gone] = 0
        owner = self.output[sid]
        offsets = table["r_offset"] if self.layout is not None else np.arange(len(rows))
        order = np.lexsort((np.arange(len(rows)), offsets, owner))
        starts = np.searchsorted(owner[order], np.arange(1, len(self.joined) + 2))
        made = []
        for joined, first, last in zip(self.joined, starts[:-1], starts[1:], strict=True):
            if joined.shape is not None:
                made.append(_of_script(joined, joined.shape, table[order[first:last]]))
                continue
            sid0 = joined.members[0]
            link = int(sections.link[sid0])
            made.append(
                Section(
                    sections.name[sid0],
                    int(sections.type[sid0]),
                    u64(int(sections.flags[sid0])),
                    joined.align,
                    int(sections.entsize[sid0]),
                    b"".join(joined.parts),
                    joined.size,
                    link=int(self.output[link])
                    if link >= 0 and u64(int(sections.flags[sid0])) & _APART
                    else 0,
                    relocs=_with_aligns(table[order[first:last]], joined.aligns),
                    group=joined.group,
                )
            )
        return made

    # -- symbols ------------------------------------------------------------------------------------------------

    def _symbol(
        self, name: str, binding: int, kind: int, other: int, shndx: int, value: int, size: int
    ) -> int:
        self.names.append(name)
        self.rows.append((0, st_info(binding, kind), other, shndx, u64(value), u64(size)))
        return len(self.names) - 1

    def _locals(self) -> Column:
        """Add the local symbols of all objects. Returns a column by symbol number: the number in the output, or 0."""
        program, symbols = self.program, self.program.symbols
        number = np.zeros(len(symbols), dtype=np.int64)
        used = np.zeros(len(symbols), dtype=bool)
        signing = {
            int(program.file_symbols[file][group.signature])
            for file, loaded in enumerate(program.resolution.files)
            for group in loaded.object.groups
        }
        used[program.relocs.sym[program.sections.live[program.relocs.sid]]] = True
        for file, loaded in enumerate(program.resolution.files):
            table = loaded.object.symbols
            for local in range(1, table.first_global):
                row, here = table.array[local], int(program.file_symbols[file][local])
                sid, kind, name = int(symbols.sid[here]), int(symbols.type[here]), table.names[local]
                if kind == STT_SECTION or (sid >= 0 and not self.output[sid]):
                    continue
                if not used[here] and here not in signing and self._discards(name):
                    continue
                shndx, value = (
                    (int(self.output[sid]), int(symbols.value[here] + self.offset[sid]))
                    if sid >= 0
                    else (SHN_UNDEF if sid == UNDEFINED else SHN_ABS, int(symbols.value[here]))
                )
                other = int(row["st_other"])
                number[here] = self._symbol(
                    name, STB_LOCAL, kind, other, shndx, value, int(symbols.size[here])
                )
        return number

    def _is_gone(self, symbol: GlobalSymbol) -> bool:
        """Whether a symbol is defined in a section that --gc-sections left out."""
        sid = int(self.program.symbols.sid[symbol.id])
        return sid >= 0 and not self.output[sid]

    def _defsyms(self, number: Column) -> None:
        """--defsym: absolute symbols. Raises LinkError for an expression that is no number."""
        table = self.program.resolution.table
        for name, expression in self.options.defsyms:
            value = defsym_value(expression, lambda _: None)
            if value is None:
                raise LinkError([f"--defsym {name}={expression}: with -r, only a number has a value"])
            symbol = table.get(name)
            made = number[symbol.id] if symbol is not None else 0
            row = (0, st_info(STB_GLOBAL, STT_NOTYPE), 0, SHN_ABS, u64(value), 0)
            if made:
                self.rows[made] = row
            else:
                self._symbol(name, STB_GLOBAL, STT_NOTYPE, 0, SHN_ABS, value, 0)

    def _discards(self, name: str) -> bool:
        """Whether a local symbol that no relocation names is left out. Mapping symbols tell code from data."""
        if self.options.strip == "all" or self.options.discard == "all":
            return not name.startswith("$")
        return self.options.discard == "locals" and name.startswith(".L")

    def _bound(self, name: str) -> tuple[int, int, int]:
        """(section, value, size) of __start_NAME or __stop_NAME; the section is SHN_UNDEF for another symbol."""
        for prefix in ("__start_", "__stop_"):
            for number, joined in enumerate(self.joined, 1):
                if name == prefix + self.program.sections.name[joined.members[0]]:
                    return number, 0 if prefix == "__start_" else joined.size, 0
        return SHN_UNDEF, 0, 0

    def _global(self, symbol: GlobalSymbol) -> int:
        """Add one global symbol."""
        symbols, kind = self.program.symbols, int(self.program.symbols.type[symbol.id])
        sid, value, size = (
            int(symbols.sid[symbol.id]),
            int(symbols.value[symbol.id]),
            int(symbols.size[symbol.id]),
        )
        binding = STB_WEAK if symbol.weak else STB_GLOBAL
        name, other = symbol.name, 0
        if symbol.kind is DefinitionKind.UNDEFINED:
            shndx, value, size = (
                self._bound(symbol.name) if self.options.section_bounds else (SHN_UNDEF, 0, 0)
            )
        else:
            table = self.program.resolution.files[symbol.file].object.symbols
            name, row = table.names[symbol.index], table.array[symbol.index]  # the name with its version
            other = int(row["st_other"]) & ~ST_VISIBILITY_MASK
            if int(row["st_info"]) >> ST_BIND_SHIFT == STB_GNU_UNIQUE:
                binding = STB_GNU_UNIQUE
            if symbol.kind is DefinitionKind.COMMON and sid < 0:
                shndx = SHN_COMMON
                if self.options.common_type is not None and kind in (STT_OBJECT, STT_COMMON):
                    kind = STT_COMMON if self.options.common_type else STT_OBJECT
            elif sid >= 0:
                shndx, value = int(self.output[sid]), value + int(self.offset[sid])
            else:
                shndx = SHN_ABS
        return self._symbol(name, binding, kind, other | symbol.visibility, shndx, value, size)


def _of_script(joined: _Joined, shape: ImageSection, relocs: Table) -> Section:
    """An output section that a script describes."""
    return Section(
        shape.name, shape.type, u64(shape.flags), joined.align, shape.entsize, b"".join(joined.parts), joined.size,
        relocs=relocs,
    )  # fmt: skip


def _with_aligns(rows: Table, aligns: list[tuple[int, int]]) -> Table:
    """The relocations of a section and those between its members, by offset; equal offsets keep their order."""
    if not aligns:
        return rows
    made = np.zeros(len(aligns), dtype=RELA)
    made["r_offset"], made["r_addend"] = zip(*aligns, strict=True)
    made["r_type"] = R.ALIGN
    every = np.concatenate((made, rows))
    result: Table = every[np.argsort(every["r_offset"], kind="stable")]
    return result
