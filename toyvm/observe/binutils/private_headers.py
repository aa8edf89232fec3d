"""`objdump -p`, in GNU's format: program headers, dynamic section, symbol versions."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.headers import string_at
from toyvm.elf.symbol_versions import version_definitions, version_needs

from . import elf_names as names

_SEGMENTS = {
    **{kind: names.SEGMENT_TYPES[kind] for kind in (c.PT_LOAD, c.PT_DYNAMIC, c.PT_INTERP, c.PT_NOTE, c.PT_PHDR, c.PT_TLS)},
    c.PT_GNU_EH_FRAME: "EH_FRAME",
    c.PT_GNU_STACK: "STACK",
    c.PT_GNU_RELRO: "RELRO",
}  # fmt: skip
_STRINGS = (
    c.DT_NEEDED, c.DT_SONAME, c.DT_RPATH, c.DT_RUNPATH, c.DT_AUXILIARY, c.DT_FILTER, c.DT_AUDIT, c.DT_DEPAUDIT,
)  # fmt: skip


def private_headers(elf: ElfFile) -> Iterator[str]:
    """The lines."""
    if elf.segments:
        yield "Program Header:"
    for phdr in elf.segments:
        kind = _SEGMENTS.get(phdr.type, f"{phdr.type:#x}")
        flags = "".join(letter if phdr.flags & bit else "-" for bit, letter in ((4, "r"), (2, "w"), (1, "x")))
        align = max(phdr.align, 1).bit_length() - 1
        yield (
            f"{kind:>8} off    {phdr.offset:#018x} vaddr {phdr.vaddr:#018x} paddr {phdr.paddr:#018x} align 2**{align}"
        )
        yield f"         filesz {phdr.filesz:#018x} memsz {phdr.memsz:#018x} flags {flags}"
    if elf.dynamic:
        yield ""
        yield "Dynamic Section:"
    for tag, value in elf.dynamic:
        text = elf.dynamic_string(value) if tag in _STRINGS else f"{value:#018x}"
        yield f"  {names.DYNAMIC_TAGS.get(tag, f'{tag:#x}'):<20} {text}"
    yield from _versions(elf)
    if elf.segments or elf.dynamic:
        yield ""


def _versions(elf: ElfFile) -> Iterator[str]:
    for section in elf.sections_of_type(c.SHT_GNU_VERDEF):
        strings = elf.contents(elf.linked(section))
        yield ""
        yield "Version definitions:"
        for _, verdef, parts in version_definitions(elf.contents(section), elf.name):
            texts = [string_at(strings, part.name, elf.name, "version name") for _, part in parts]
            yield f"{verdef.ndx} {verdef.flags:#04x} {verdef.hash:#010x} {texts[0] if texts else '<corrupt>'}"
            if texts[1:]:
                yield "\t" + "".join(f"{text} " for text in texts[1:])
    for section in elf.sections_of_type(c.SHT_GNU_VERNEED):
        strings = elf.contents(elf.linked(section))
        yield ""
        yield "Version References:"
        for _, verneed, entries in version_needs(elf.contents(section), elf.name):
            yield f"  required from {string_at(strings, verneed.file, elf.name, 'library name')}:"
            for _, entry in entries:
                name = string_at(strings, entry.name, elf.name, "version name")
                yield f"    {entry.hash:#010x} {entry.flags:#04x} {entry.other:02d} {name}"
