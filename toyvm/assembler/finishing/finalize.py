"""The last passes: from the complete state to addresses, values, relocations, symbols and sections.

The order is that of GNU as. Relocations are sorted by address; those of one address keep the order
of their creation. Local symbols precede the others, each in the order of first mention. `.L` symbols
follow in the order in which relocations need them, section by section. Section symbols of sections
that no directive names come last.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import groupby

from toyvm.base.record import Record
from toyvm.elf.architecture import attributes
from toyvm.elf.constants import (
    EF_RISCV_FLOAT_ABI_DOUBLE,
    EF_RISCV_FLOAT_ABI_QUAD,
    EF_RISCV_FLOAT_ABI_SINGLE,
    EF_RISCV_RVC,
    EF_RISCV_RVE,
    EF_RISCV_TSO,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHF_MERGE,
    SHF_STRINGS,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_RISCV_ATTRIBUTES,
    STB_LOCAL,
    STB_WEAK,
)
from toyvm.isa.decode import decode
from toyvm.isa.pseudo import expanded_branch, inverse_branch
from toyvm.isa.table import INSNS
from toyvm.relocation_fields import scatter
from toyvm.relocations import RELOCATIONS, R

from ..directives.data import nops
from ..dwarf.call_frames import CfiError
from ..dwarf.code_places import EmittedSection, Place, SectionStart
from ..dwarf.compile_unit import Unit
from ..dwarf.line_table import LineError
from ..fixup_resolution import FixupResolver, PendingReloc
from ..layout.section_layout import SectionLayout, finished_bytes
from ..problems import Problem
from ..sections import AsmSection, AsmSymbol, Chunk, Part, PartKind, SectionKey
from ..state import AssemblyState
from ..versioned_symbols import apply_versions
from .object_output import AssembledFile, ObjectOutput

_FLOAT_ABI = {"f": EF_RISCV_FLOAT_ABI_SINGLE, "d": EF_RISCV_FLOAT_ABI_DOUBLE, "q": EF_RISCV_FLOAT_ABI_QUAD}


class _Contents(Record):
    """A section's bytes and relocations while they are built."""

    data: bytearray
    relocs: list[PendingReloc]


def finish(state: AssemblyState, name: str) -> AssembledFile | None:
    """The object file of `state`. Returns None if there are errors; `state.errors` contains them."""
    if state.frames.is_open:
        state.report(Problem("open CFI at the end of file; missing .cfi_endproc directive"))
    if state.is_stopped:
        return None
    if state.options.stack_note is not None:
        flags = SHF_EXECINSTR if state.options.stack_note else 0
        state.section(".note.GNU-stack", SHT_PROGBITS, flags, listed=False)
    _leave_absolute(state)
    _end_lines(state)
    ends = {section: section.in_order()[-1].here() for section in state.sections if section.is_code}
    _pad_code(state)
    layout = SectionLayout()
    resolver = FixupResolver(state, layout)
    try:
        layout.settle(state.sections, resolver.part_value)
    except Problem as problem:
        state.report(problem, resolver.where)
        return None
    for symbol in state.weak_targets:
        if not symbol.is_defined and symbol.binding == STB_LOCAL:
            symbol.binding = STB_WEAK
    resolver.settle_symbols()
    _check_links(state)
    if state.options.multibyte == "warn-sym-only":
        _warn_multibyte_names(state)
    # All labels have their addresses now.
    for view, where in state.zero_views:
        if resolver.number_of(view):
            state.report(Problem("view number mismatch"), where)
    tables = [] if state.is_stopped else _tables(state, layout, ends)
    contents = {section: _section_contents(state, resolver, section) for section in state.sections}
    _explicit_relocs(state, resolver, contents)
    made = [_table_section(state, table) for table in tables]  # all before a relocation names one
    for section, table in zip(made, tables, strict=True):
        _emit(state, section, table, contents)
    if state.is_stopped:
        return None
    _mark_odd_padding(state)
    _trim_mapping_symbols(state, layout)
    if state.versions:
        apply_versions(state.versions, state.symbols, state.report)
        if state.is_stopped:
            return None
    output = ObjectOutput(state, resolver)
    for section in state.sections:
        output.add(section, bytes(contents[section].data), contents[section].relocs)
    if state.has_attributes:
        _set_attributes(state)
        last = AsmSection(".riscv.attributes", SHT_RISCV_ATTRIBUTES)
        output.add(last, attributes.encode(state.attributes), [])
    if state.options.build_notes and state.find_section(SectionKey(_BUILD_NOTES)) is None:
        _add_build_notes(state, output)
    return output.finish(name, _e_flags(state))


def _warn_multibyte_names(state: AssemblyState) -> None:
    """Warn about symbols of this file whose names have characters beyond ASCII (--multibyte-handling)."""
    for symbol in list(state.symbols.by_name.values()):
        if symbol.is_defined and symbol.section is None and not symbol.name.isascii():
            said = f"symbol '{symbol.name}' contains multibyte characters"
            state.report(Problem(said, symbol.name), symbol.where, severity="warning")


def _check_links(state: AssemblyState) -> None:
    """Report sections with SHF_LINK_ORDER whose symbol is not defined here."""
    for section in state.sections:
        symbol = state.symbols.by_name.get(section.link)
        if not section.link or section.link.isdigit() or (symbol is not None and symbol.chunk is not None):
            continue
        state.report(
            Problem(
                f"section {section.name} is linked to '{section.link}', which is not defined here",
                section.link,
                gnu=f"undefined linked-to symbol `{section.link}' on section `{section.name}'",
                placed=False,
            ),
            0,
        )


_BUILD_NOTES = ".gnu.build.attributes"
_NT_OPEN = 0x100  # NT_GNU_BUILD_ATTRIBUTE_OPEN: the note is of a range of addresses
_NOTE_NAME = b"GA$\x013a1\0"  # version 3, written by an assembler


def _add_build_notes(state: AssemblyState, output: ObjectOutput) -> None:
    """Add a note with start and end of each section of code (gas: maybe_generate_build_notes)."""
    word = state.xlen // 8
    notes = AsmSection(_BUILD_NOTES, SHT_NOTE)
    notes.align = 4
    data, relocs = bytearray(), []
    for section in state.sections:
        if not section.is_code or section.comdat or section.name.startswith(".gnu.linkonce"):
            continue
        data += struct.pack("<III", len(_NOTE_NAME), 2 * word, _NT_OPEN) + _NOTE_NAME
        for address in (0, section.size):
            type = R.ABS64 if word == 8 else R.ABS32
            relocs.append(PendingReloc(len(data), type, section.symbol, address, False))
            data += bytes(word)
    output.add(notes, bytes(data), relocs)


def _set_attributes(state: AssemblyState) -> None:
    """Add the architecture, and the version of the privileged manual if an instruction is of it."""
    state.attributes[attributes.TAG_ARCH] = str(state.modes.arch)
    tags = (attributes.TAG_PRIV_SPEC, attributes.TAG_PRIV_SPEC_MINOR, attributes.TAG_PRIV_SPEC_REVISION)
    if state.has_privileged and not any(tag in state.attributes for tag in tags):
        numbers = [int(number) for number in state.priv_spec.split(".")]
        state.attributes.update(zip(tags, numbers, strict=False))


def _leave_absolute(state: AssemblyState) -> None:
    """Report addresses in the absolute section, and leave it."""
    for chunk in state.absolute:
        for fix in chunk.fixes:
            state.report(Problem("attempt to store a value in the absolute section"), fix.where)
    text = state.find_section(SectionKey(".text"))
    assert text is not None
    if state.chunk.is_absolute:
        state.enter(text.chunk(0))


def abi_flags(abi: str) -> int:
    """The bits of e_flags for a calling convention such as "lp64d"."""
    return EF_RISCV_RVE if abi.endswith("e") else _FLOAT_ABI.get(abi[-1:], 0)


def _e_flags(state: AssemblyState) -> int:
    tso = EF_RISCV_TSO if state.modes.arch.has("ztso") else 0
    return tso | (EF_RISCV_RVC if state.seen_rvc else 0) | abi_flags(state.abi)


def _end_lines(state: AssemblyState) -> None:
    """Give a `.loc` without an instruction after it a row at the end of its section."""
    state.flush_line()


def _pad_code(state: AssemblyState) -> None:
    """Pad code sections to a multiple of their alignment, with nops, or zeros if relaxation is on.

    gas: SUB_SEGMENT_ALIGN.
    """
    fill = b"\0" if state.modes.relax else None
    for section in state.sections:
        if section.is_code and not section.is_nobits:
            chunk = section.in_order()[-1]
            state.enter(chunk)
            state.mark("x", padding=True)
            chunk.stretch(
                Part(len(chunk.data), chunk.frag + 1, PartKind.ALIGN, addend=section.align, fill=fill)
            )


def _section_contents(state: AssemblyState, resolver: FixupResolver, section: AsmSection) -> _Contents:
    """The final bytes and relocations of a section. Problems with fix-ups are reported."""
    out = _Contents(bytearray(), [])
    if section.is_nobits:
        for chunk in section.in_order():
            for fix in chunk.fixes:
                state.report(
                    Problem("a symbol's address cannot be put into a section without contents"), fix.where
                )
        return out
    for chunk in section.in_order():
        out.data.extend(finished_bytes(chunk, nops))
    for chunk in section.in_order():
        shifts = resolver.layout.shifts(chunk)
        base = None if shifts.offsets else chunk.base
        for fix in chunk.fixes:
            at = fix.offset + (shifts.at(fix.offset) if base is None else base)
            try:
                if not resolver.apply_plain(fix, at, out.relocs):
                    resolver.apply(fix, at, section, out.data, out.relocs)
            except Problem as problem:
                state.report(problem, fix.where)
    for chunk in section.in_order():
        _branches(state, resolver, chunk, out)
    return out


def _explicit_relocs(
    state: AssemblyState, resolver: FixupResolver, contents: dict[AsmSection, _Contents]
) -> None:
    """Add the relocations of `.reloc`. At an address they precede those of instructions and data, as in GNU as."""
    made: dict[AsmSection, list[PendingReloc]] = {}
    for wanted in state.relocs:
        try:
            section, reloc = resolver.explicit(wanted)
        except Problem as problem:
            state.report(problem, wanted.where)
            continue
        made.setdefault(section, []).append(reloc)
    for section, relocs in made.items():
        contents[section].relocs[:0] = relocs


def _branches(state: AssemblyState, resolver: FixupResolver, chunk: Chunk, out: _Contents) -> None:
    """Write the branches, jumps and late LEB128 numbers of a chunk, and add their relocations."""
    address, data = chunk.base, out.data
    for part, size in zip(chunk.parts, chunk.growth, strict=True):
        symbol = part.symbol
        if not size and part.kind <= PartKind.JUMP and symbol is not None and symbol.chunk is chunk:
            # Nearly all: a short one to a label of the same chunk
            at = part.offset - part.size + address
            distance = resolver.layout.address(symbol) + part.addend - at
            type, write = _NEAR[part.kind, part.size]
            bits = write(distance)
            data[at] |= bits & 0xFF
            data[at + 1] |= bits >> 8 & 0xFF
            if part.size == 4:
                data[at + 2] |= bits >> 16 & 0xFF
                data[at + 3] |= bits >> 24
            out.relocs.append(PendingReloc(at, type, resolver.used(symbol), part.addend, False))
            continue
        try:
            if part.kind <= PartKind.JUMP:
                _branch(resolver, part, part.offset - part.size + address, size, out)
            elif part.kind == PartKind.LEB128:
                resolver.number(part, part.offset + address, size, out.data, out.relocs)
        except Problem as problem:
            state.report(problem, part.where)
        address += size


def _short_branch(d: int) -> int:
    return (d & 0x100) << 4 | (d & 0x18) << 7 | (d & 0xC0) >> 1 | (d & 6) << 2 | (d & 0x20) >> 3


def _branch_bits(d: int) -> int:
    return (d & 0x1000) << 19 | (d & 0x7E0) << 20 | (d & 0x1E) << 7 | (d & 0x800) >> 4


def _short_jump(d: int) -> int:
    return (
        (d & 0x800) << 1
        | (d & 0x10) << 7
        | (d & 0x300) << 1
        | (d & 0x400) >> 2
        | (d & 0x40) << 1
        | (d & 0x80) >> 1
        | (d & 0xE) << 2
        | (d & 0x20) >> 3
    )


def _jump_bits(d: int) -> int:
    return (d & 0x100000) << 11 | (d & 0x7FE) << 20 | (d & 0x800) << 9 | d & 0xFF000


# By kind and size: the relocation, and the bits of a distance (`scatter` of the relocation's field, written out)
_NEAR: dict[tuple[int, int], tuple[R, Callable[[int], int]]] = {
    (PartKind.BRANCH, 2): (R.RVC_BRANCH, _short_branch),
    (PartKind.BRANCH, 4): (R.BRANCH, _branch_bits),
    (PartKind.JUMP, 2): (R.RVC_JUMP, _short_jump),
    (PartKind.JUMP, 4): (R.JAL, _jump_bits),
}


def _branch(resolver: FixupResolver, part: Part, at: int, growth: int, out: _Contents) -> None:
    """Write the branch or jump at `at` in its final form (gas: md_convert_frag_branch).

    As in gas (md_apply_fix), its field contains the distance if that is known.
    """
    word = int.from_bytes(out.data[at : at + part.size], "little")
    size = part.size + growth
    is_jump = part.kind == PartKind.JUMP
    if part.size == 2 and size in (4, 8):
        if is_jump:
            word = _long_jump(word)
        else:
            found = decode(word)
            assert found is not None
            word = expanded_branch(found).encode(rs1=found.rs1)
    if size in (6, 8):  # the inverse branch over a jump
        found = decode(word)
        assert found is not None
        first = size - 4
        word ^= found.insn.match ^ inverse_branch(found.insn).match
        word |= scatter(RELOCATIONS[R.BRANCH if first == 4 else R.RVC_BRANCH].field, size)
        out.data[at : at + first] = word.to_bytes(first, "little")
        at, word, size, is_jump = at + first, INSNS["jal"].encode(), 4, True
    type = (R.JAL if is_jump else R.BRANCH) if size == 4 else (R.RVC_JUMP if is_jump else R.RVC_BRANCH)
    symbol, addend, target = resolver.target(part.symbol, part.addend)
    if symbol is not None:
        word |= scatter(RELOCATIONS[type].field, target - at)
    out.data[at : at + size] = word.to_bytes(size, "little")
    out.relocs.append(PendingReloc(at, type, symbol, addend, False))


_C_JAL = 1  # funct3


def _long_jump(word: int) -> int:
    """The jal that a c.j or (on a 32-bit machine) a c.jal stands for, without its target."""
    return INSNS["jal"].encode(rd=1 if word >> 13 == _C_JAL else 0)


def _tables(
    state: AssemblyState, layout: SectionLayout, ends: dict[AsmSection, AsmSymbol]
) -> list[EmittedSection[AsmSymbol]]:
    """The sections of call frames and line tables. `ends` are labels before the padding of code."""
    order = {chunk: index for index, chunk in enumerate(c for s in state.sections for c in s.in_order())}

    def places(label: AsmSymbol) -> Place:
        assert label.chunk is not None
        return Place(layout.address(label), order[label.chunk] << 40 | label.frag)

    def bounds(section: AsmSection) -> tuple[AsmSymbol, AsmSymbol]:
        return section.symbol, ends[section]

    tables: list[EmittedSection[AsmSymbol]] = []
    try:
        tables += state.frames.finish(places, state.xlen // 8, state.options.cie_version)
        tables += _line_sections(state, places, bounds)
    except (CfiError, LineError) as error:
        state.report(Problem(str(error)))
    return tables


def _line_sections(
    state: AssemblyState,
    places: Callable[[AsmSymbol], Place],
    bounds: Callable[[AsmSection], tuple[AsmSymbol, AsmSymbol]],
) -> list[EmittedSection[AsmSymbol]]:
    """The line table and the compile unit, as far as the text does not have them itself (gas: dwarf2_finish).

    Raises LineError.
    """
    has_info, own_lines = _own_bytes(state, ".debug_info"), _own_bytes(state, ".debug_line")
    if own_lines and state.lines is not None and state.lines and not state.text_lines:
        raise LineError("duplicate .debug_line sections")
    if own_lines or (state.lines is None and not has_info):
        return []
    table = state.line_table()
    table.word = state.xlen // 8
    unit = None if has_info else Unit(state.source.place(0)[0], table.comp_dir)
    return table.finish(places, bounds, unit, _own_bytes(state, ".debug_line_str"))


def _own_bytes(state: AssemblyState, name: str) -> int:
    """The number of bytes that the text has put into a section."""
    section = state.find_section(SectionKey(name))
    return 0 if section is None else section.size


def _table_section(state: AssemblyState, table: EmittedSection[AsmSymbol]) -> AsmSection:
    """The section of a finished table."""
    flags = SHF_MERGE | SHF_STRINGS if table.strings else SHF_ALLOC if table.alloc else 0
    section = state.section(table.name, SHT_PROGBITS, flags, int(table.strings), listed=False)
    section.align = max(section.align, table.addralign)
    return section


def _emit(
    state: AssemblyState,
    section: AsmSection,
    table: EmittedSection[AsmSymbol],
    contents: dict[AsmSection, _Contents],
) -> None:
    """Add a finished table to the contents of the sections. Strings follow those of the text."""
    relocs = []
    for fixup in table.fixups:
        symbol = fixup.symbol
        if isinstance(symbol, SectionStart):
            symbol = state.section(symbol.name, listed=False).symbol
        relocs.append(PendingReloc(fixup.offset, fixup.type, symbol, fixup.addend, False))
    if not (table.strings and section in contents):
        contents[section] = _Contents(bytearray(), [])
    contents[section].data.extend(table.data)
    contents[section].relocs.extend(relocs)
    section.size = len(contents[section].data)


def _mark_odd_padding(state: AssemblyState) -> None:
    """Make the first byte of padding data if its length is odd, and the nops after it code (gas: riscv_handle_align)."""
    for section in filter(lambda section: section.mapping, state.sections):
        at = {(symbol.chunk, symbol.frag, symbol.offset): symbol for symbol in section.mapping}
        for chunk in section.in_order():
            for part, growth in zip(chunk.parts, chunk.growth, strict=True):
                code = at.get((chunk, part.frag - 1, part.offset))
                if part.kind != PartKind.ALIGN or part.fill is not None or not growth & 1 or code is None:
                    continue
                data = chunk.place(AsmSymbol("$d"))
                data.frag, data.offset = code.frag, code.offset
                state.symbols.list(data)
                code.frag, code.offset = part.frag, part.offset + 1 - growth
                state.symbols.order.remove(code)
                state.symbols.order.append(code)
                section.mapping.insert(section.mapping.index(code), data)


def _trim_mapping_symbols(state: AssemblyState, layout: SectionLayout) -> None:
    """Drop mapping symbols of empty ranges (gas: riscv_check_mapping_symbols)."""
    dropped: set[AsmSymbol] = set()
    for section in filter(lambda section: section.mapping, state.sections):
        for address, symbols in groupby(section.mapping, layout.address):
            group = list(symbols)
            kept = group[-1]
            if kept.name == "$x":  # one with the architecture says more
                kept = next((symbol for symbol in reversed(group) if symbol.name.startswith("$xrv")), kept)
            dropped.update(symbol for symbol in group if symbol is not kept or address == section.size)
    if dropped:
        state.symbols.order = [symbol for symbol in state.symbols.order if symbol not in dropped]
