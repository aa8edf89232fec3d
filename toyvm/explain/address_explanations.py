"""Explains an address of a program, as far as its file knows: from the source line to the byte in the file.

What an address is while the program runs (mapping, page table entry, frame) is asked of a run; `AddressExplanation` is the
part of the answer that needs none.
"""

from __future__ import annotations

from toyvm.base.diagnostics import did_you_mean
from toyvm.base.errors import ElfError, UnknownNameError, UsageError
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.dwarf import LineTable
from toyvm.elf.elf_file import ElfFile, ElfSection
from toyvm.elf.headers import Phdr
from toyvm.linker.link_result import LinkResult
from toyvm.observe.binutils.disassembly import disassemble
from toyvm.observe.binutils.elf_names import SEGMENT_TYPES

from .link_index import LinkIndex, short_name
from .relocations.relocation_explanations import RelocationExplainer
from .relocations.relocation_text import relocation_line


class AddressExplanation(Record):
    """What is at an address. Texts are "" and numbers -1 where nothing is known.

    `symbol` is the function or datum with the offset in it, `place` the input section with the offset in it, `archive` the
    library that the object comes from. `segment` names the LOAD segment that maps the address. `file_offset` is -1 for
    memory without bytes in the file (.bss). `relocations` are lines about the relocations that made the bytes.
    """

    address: int
    symbol: str
    source: str
    object: str
    archive: str
    place: str
    section: str
    section_offset: int
    segment: str
    segment_offset: int
    file_offset: int
    page: int
    data: bytes
    instruction: str
    relocations: tuple[str, ...] = ()


def parse_address(text: str, elf: ElfFile) -> int:
    """An address in any base of Python, SYMBOL[+OFFSET] or FILE:LINE. Raises UsageError or UnknownNameError."""
    try:
        address = int(text, 0)
    except ValueError:
        pass
    else:
        if not 0 <= address < 1 << 64:
            raise UsageError(f"{text}: an address has at most 64 bits")
        return address
    name, plus, offset = text.partition("+")
    table = elf.symbols(".symtab") or elf.symbols(".dynsym")
    names = table.names if table else []
    file, colon, line = text.rpartition(":")
    if colon and line.isascii() and line.isdigit() and name not in names:
        at = LineTable.from_elf(elf.data, elf.name).address_of(file, int(line))
        if at is None:
            raise UnknownNameError(f"{elf.name}: the line information has no code of {text}")
        return at
    if table is None or name not in names:
        raise UnknownNameError(
            f"{elf.name}: no symbol {name}. {did_you_mean(name, filter(None, names))}".rstrip()
        )
    try:
        return int(table.array["st_value"][names.index(name)]) + (int(offset, 0) if plus else 0)
    except ValueError:
        raise UsageError(f"{text}: expected a number after +") from None


def explain_address(elf: ElfFile, address: int, link: LinkResult | None = None) -> AddressExplanation:
    """Explain `address` of a linked file; with the `link` that made it (with its history), the objects are known too."""
    if elf.header.type == c.ET_REL:
        raise UsageError(f"{elf.name}: an object has no addresses yet; explain one of a linked program")
    segment = next(
        (s for s in elf.segments if s.type == c.PT_LOAD and s.vaddr <= address < s.vaddr + s.memsz), None
    )
    section = _section(elf, address)
    if segment is None and section is None:
        raise UnknownNameError(f"{elf.name}: {address:#x} is in no segment{_neighbours(elf, address)}")
    offset = -1
    if segment is not None and address < segment.vaddr + segment.filesz:
        offset = segment.offset + address - segment.vaddr
    data = b""
    if offset >= 0:
        data = elf.data[offset : offset + 4]
    code = section is not None and bool(section.header.flags & c.SHF_EXECINSTR)
    text, start = None, address
    if code and data:
        start = _instruction_start(elf, address, offset)
        at = offset + start - address
        text = next(iter(disassemble(elf.data[at : at + 4], start)), None)
    made = _made(link, address) if link is not None and link.history is not None else ("", "", "", ())
    return AddressExplanation(
        address=address,
        symbol=_symbol(elf, address),
        source=_source(elf, address),
        object=made[0],
        archive=made[1],
        place=made[2],
        section=section.name if section else "",
        section_offset=address - section.header.addr if section else -1,
        segment=_segment_text(segment),
        segment_offset=address - segment.vaddr if segment else -1,
        file_offset=offset,
        page=address >> 12,
        data=text.raw if text else data,
        instruction=(text.text if text else "")
        + (f", from {start:#x} on" if text and start < address else ""),
        relocations=made[3],
    )


def _section(elf: ElfFile, address: int) -> ElfSection | None:
    for section in elf.sections:
        header = section.header
        thread_zeros = header.flags & c.SHF_TLS and header.type == c.SHT_NOBITS
        if (
            header.flags & c.SHF_ALLOC
            and not thread_zeros
            and header.addr <= address < header.addr + header.size
        ):
            return section
    return None


def _symbol(elf: ElfFile, address: int) -> str:
    name, distance = _nearest_symbol(elf, address)
    return name + (f"+{distance:#x}" if distance else "")


def _nearest_symbol(elf: ElfFile, address: int) -> tuple[str, int]:
    """The smallest symbol that has the address, or the nearest label before it in its section, and how far it is."""
    table = elf.symbols(".symtab") or elf.symbols(".dynsym")
    if table is None:
        return "", 0
    best: tuple[bool, int, str] | None = None
    home = _section(elf, address)
    for name, row in zip(table.names, table.array.tolist(), strict=True):
        _, info, _, shndx, value, size = row
        if (
            not name
            or name[0] == "$"
            or name.startswith(".L")
            or not 0 < shndx < c.SHN_LORESERVE
            or value > address
        ):
            continue
        if (
            info & c.ST_TYPE_MASK in (c.STT_SECTION, c.STT_FILE, c.STT_TLS)
            or home is None
            or shndx != home.number
        ):
            continue
        inside = address < value + size
        if size and not inside:
            continue
        key = (not inside, address - value, name)
        best = min(best, key) if best else key
    return (best[2], best[1]) if best else ("", 0)


def _instruction_start(elf: ElfFile, address: int, offset: int) -> int:
    """Where the instruction begins that has a byte at `address`: the code is read from its symbol on."""
    start = address - min(_nearest_symbol(elf, address)[1] or address & 1, offset)
    while True:
        low = elf.data[offset + start - address]
        after = start + (4 if low & 3 == 3 else 2)
        if after > address:
            return start
        start = after


def _source(elf: ElfFile, address: int) -> str:
    try:
        found = LineTable.from_elf(elf.data, elf.name).lookup(address)
    except ElfError:
        return ""  # a broken line table hides the line, not the rest
    return f"{found[0]}:{found[1]}" if found else ""


def _segment_text(segment: Phdr | None) -> str:
    if segment is None:
        return ""
    rights = "".join(letter if segment.flags & bit else "-" for letter, bit in (("R", 4), ("W", 2), ("X", 1)))
    return f"{SEGMENT_TYPES[segment.type]} {rights} {segment.vaddr:#x}..{segment.vaddr + segment.memsz:#x}"


def _neighbours(elf: ElfFile, address: int) -> str:
    loads = [s for s in elf.segments if s.type == c.PT_LOAD]
    below = max((s for s in loads if s.vaddr <= address), key=lambda s: s.vaddr, default=None)
    above = min((s for s in loads if s.vaddr > address), key=lambda s: s.vaddr, default=None)
    parts = [f"{name} is {_segment_text(s)}" for name, s in (("below", below), ("above", above)) if s]
    return f"; {', '.join(parts)}" if parts else ""


def _made(link: LinkResult, address: int) -> tuple[str, str, str, tuple[str, ...]]:
    """(object, archive, place in its section, lines about the relocations) of an address."""
    index = LinkIndex(link)
    layout, sections = link.layout, index.final.sections
    for output in layout.outputs:
        if not output.flags & c.SHF_ALLOC or output.is_tbss or not output.addr <= address < output.end:
            continue
        for sid in output.members:
            start, size = int(layout.addr[sid]), int(sections.size[sid])
            if not start <= address < start + size:
                continue
            file = int(sections.file[sid])
            if file < 0:
                return "(made by the linker)", "", f"{sections.name[sid]}+{address - start:#x}", ()
            loaded = index.final.resolution.files[file]
            place = f"{sections.name[sid]}+{address - start:#x}"
            return (
                short_name(loaded.object.name), short_name(loaded.archive), place, _relocations(link, sid, address),
            )  # fmt: skip
    return "", "", "padding, or bytes that the linker or its script writes", ()


def _relocations(link: LinkResult, sid: int, address: int) -> tuple[str, ...]:
    """Those whose unit has the address."""
    explainer = RelocationExplainer(link)
    lines = []
    for row in explainer.rows_at(sid) if sid < len(explainer.index.read.sections) else ():
        final = explainer.index.final_row[row]
        if final < 0 or not explainer.arithmetic.is_applied(final):
            continue
        found = explainer.explain(row, texts=False, source=False)
        applied = found.applied
        if applied is not None and applied.place <= address < applied.place + applied.field.width:
            lines.append(relocation_line(found))
    return tuple(lines)
