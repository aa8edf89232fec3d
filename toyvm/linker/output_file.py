"""The finished file: section contents, program headers, symbol table, section headers, in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..base.bits import align_up
from ..elf.constants import (
    EHDR_SIZE,
    ELFOSABI_GNU,
    ELFOSABI_NONE,
    ET_DYN,
    ET_EXEC,
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
    RELA_SIZE,
    SHF_ALLOC,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHF_TLS,
    SHT_FINI_ARRAY,
    SHT_INIT_ARRAY,
    SHT_NOBITS,
    SHT_PREINIT_ARRAY,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    STT_GNU_IFUNC,
    SYM_SIZE,
)
from ..elf.headers import Ehdr, Phdr, Shdr
from ..elf.record_arrays import Table
from .image_layout import ImageLayout, OutputSection, note_runs
from .inputs.columns import Column, ProgramColumns
from .inputs.property_notes import NAME as PROPERTIES
from .link_options import LinkOptions
from .output_names import OutputRegion
from .synthetic.symbol_table import Strings, SymbolTableBytes, any_unique, section_numbers

_STACK_ALIGN = 16


def phdrs(layout: ImageLayout, options: LinkOptions, exec_stack: bool) -> list[Phdr]:
    """All program headers, in GNU ld's order."""
    if layout.headers is not None:
        return list(layout.headers)
    found: list[Phdr] = []
    whole = {s.name: s for s in layout.outputs if s.size}

    def of_section(kind: int, name: str, flags: int) -> None:
        section = whole.get(name)
        if section is not None:
            size = section.size
            in_memory = size if section.flags & SHF_ALLOC else 0
            found.append(
                Phdr(kind, flags, section.offset, section.addr, section.addr, size, in_memory, section.align)
            )

    if ".interp" in whole:
        size, at = PHDR_SIZE * layout.phdr_count, layout.base + EHDR_SIZE
        found.append(Phdr(PT_PHDR, PF_R, EHDR_SIZE, at, at, size, size, 8))
    of_section(PT_INTERP, ".interp", PF_R)
    of_section(PT_RISCV_ATTRIBUTES, ".riscv.attributes", PF_R)
    for s in layout.segments:
        found.append(Phdr(PT_LOAD, s.flags, s.offset, s.addr, s.addr, s.filesz, s.memsz, options.page))
    of_section(PT_DYNAMIC, ".dynamic", PF_R | PF_W)
    for run in note_runs(layout.outputs):
        first, size = run[0], run[-1].end - run[0].addr
        found.append(Phdr(PT_NOTE, PF_R, first.offset, first.addr, first.addr, size, size, first.align))
    of_section(PT_GNU_PROPERTY, PROPERTIES, PF_R)
    tls = layout.tls()
    if tls is not None:
        start, filled, size, align = tls
        offset = next(s.offset for s in layout.outputs if s.flags & SHF_TLS and s.size)
        found.append(Phdr(PT_TLS, PF_R, offset, start, start, filled, size, align))
    of_section(PT_GNU_EH_FRAME, ".eh_frame_hdr", PF_R)
    found.append(
        Phdr(
            PT_GNU_STACK,
            PF_R | PF_W | (PF_X if exec_stack else 0),
            0,
            0,
            0,
            0,
            options.stack_size,
            _STACK_ALIGN,
        )
    )
    for s in layout.segments:
        if s.region is OutputRegion.RELRO:
            found.append(Phdr(PT_GNU_RELRO, PF_R, s.offset, s.addr, s.addr, s.filesz, s.memsz, 1))
    return found


def section_contents(program: ProgramColumns, layout: ImageLayout, made: Mapping[int, bytes]) -> bytearray:
    """The file up to the last section, with each live section's bytes in place; `made` has the bytes of the linker's own sections."""
    image = bytearray(layout.file_end)
    sections = program.sections
    stored = (layout.output >= 0) & (sections.type != SHT_NOBITS) & (sections.size > 0)
    offsets = layout.offset.tolist()
    for sid in np.flatnonzero(stored).tolist():
        data = made.get(sid, sections.data[sid])
        if layout.outputs[layout.output[sid]].type == SHT_NOBITS:
            continue
        image[offsets[sid] : offsets[sid] + len(data)] = data
    for patch in layout.patches:
        whole = patch.pattern * -(-patch.length // len(patch.pattern))
        image[patch.offset : patch.offset + patch.length] = whole[: patch.length]
    return image


def finish(
    image: bytearray,
    program: ProgramColumns,
    layout: ImageLayout,
    options: LinkOptions,
    headers: Sequence[Phdr],
    symbols: SymbolTableBytes | None,
    entry: int,
    e_flags: int,
    infos: Mapping[str, int],
    relocations: Sequence[tuple[int, Table]] = (),
) -> bytes:
    """Add symbol table and all headers to the contents. `infos`: sh_info of sections by name.

    `relocations` are those of --emit-relocs, by section header number.
    """
    numbers = section_numbers(layout)
    names = Strings()
    shdrs = [Shdr()]
    index = {s.name: int(n) for s, n in zip(layout.outputs, numbers.tolist(), strict=True) if n}
    for section, number in zip(layout.outputs, numbers.tolist(), strict=True):
        if number:
            header = _section_header(section, names, index, infos)
            if section.flags & SHF_LINK_ORDER:
                header = header._replace(link=_linked(program, layout, section, numbers))
            shdrs.append(header)
    tail = bytearray()
    start = align_up(len(image), 8)

    def add(name: str, kind: int, data: bytes, **more: int) -> None:
        tail.extend(bytes(-len(tail) % more.get("addralign", 1)))
        at = start + len(tail)
        shdrs.append(Shdr(names.add(name), kind, more.pop("flags", 0), 0, at, len(data), **more))
        tail.extend(data)

    of_number = {int(number): s.name for s, number in zip(layout.outputs, numbers.tolist(), strict=True)}
    symtab = len(shdrs) + len(relocations)
    for number, table in relocations:
        add(f".rela{of_number[number]}", SHT_RELA, table.tobytes(), flags=SHF_INFO_LINK, link=symtab, info=number,
            addralign=8, entsize=RELA_SIZE)  # fmt: skip
    if symbols is not None:
        count = len(shdrs)
        add(".symtab", SHT_SYMTAB, symbols.symbols, link=count + 1, info=symbols.first_global, addralign=8,
            entsize=SYM_SIZE)  # fmt: skip
        add(".strtab", SHT_STRTAB, symbols.strings, addralign=1)
    names.add(".shstrtab")
    add(".shstrtab", SHT_STRTAB, bytes(names.data), addralign=1)
    out = image.ljust(start, b"\0") + tail
    shoff = align_up(len(out), 8)
    out = out.ljust(shoff, b"\0") + b"".join(shdr.pack() for shdr in shdrs)
    gnu = bool((program.symbols.type[program.symbols.sid >= 0] == STT_GNU_IFUNC).any()) or any_unique(program)
    ehdr = Ehdr(
        type=ET_DYN if options.pic else ET_EXEC,
        entry=entry, phoff=EHDR_SIZE, shoff=shoff, flags=e_flags, phentsize=PHDR_SIZE, phnum=len(headers),
        shnum=len(shdrs), shstrndx=len(shdrs) - 1, osabi=ELFOSABI_GNU if gnu else ELFOSABI_NONE,
    )  # fmt: skip
    raw = ehdr.pack() + b"".join(phdr.pack() for phdr in headers)
    out[: len(raw)] = raw
    return bytes(out)


def _linked(program: ProgramColumns, layout: ImageLayout, section: OutputSection, numbers: Column) -> int:
    """The header number of the output section that the members of SHF_LINK_ORDER name; 0 if they name none."""
    links = program.sections.link[list(section.members)]
    homes = layout.output[links[links >= 0]]
    homes = homes[homes >= 0]
    return int(numbers[homes[0]]) if len(homes) else 0


_ARRAYS = (SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY)  # tables of addresses, whatever the inputs say


def _section_header(
    section: OutputSection, names: Strings, index: Mapping[str, int], infos: Mapping[str, int]
) -> Shdr:
    link, info = 0, infos.get(section.name, 0)
    flags = section.flags
    if section.name in (".dynsym", ".dynamic", ".gnu.version_r", ".gnu.version_d"):
        link = index.get(".dynstr", 0)
    elif section.name in (".hash", ".gnu.hash", ".gnu.version") or section.type == SHT_RELA:
        link = index.get(".dynsym", 0)
    if section.name == ".rela.plt":
        info = index.get(".got.plt", index.get(".got", 0))
        flags |= SHF_INFO_LINK if info else 0
    entsize = 8 if section.type in _ARRAYS else section.entsize
    return Shdr(
        names.add(section.name), section.type, flags, section.addr, section.offset, section.size, link, info,
        section.align, entsize,
    )  # fmt: skip
