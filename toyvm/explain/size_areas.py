"""Where the bytes of a program in memory come from: archive, object, section, function; drawn as a treemap."""

from __future__ import annotations

import itertools
from bisect import bisect_right

from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.linker.link_result import LinkResult
from toyvm.observe.pictures.treemap import Area

from .link_index import LinkIndex, short_name
from .symbol_list import Listed, listed

_LINKER, _PADDING = "(linker)", "(padding)"


def size_tree(link: LinkResult, name: str) -> Area:
    """The loaded bytes of a link with its history: archive > object > section > function.

    The sizes of all output sections add up to the size of the tree; what no input has filled is padding.
    """
    index = LinkIndex(link)
    sections, layout = index.final.sections, link.layout
    objects: dict[tuple[str, str], list[Area]] = {}
    padding = 0
    for output in layout.outputs:
        if not output.flags & c.SHF_ALLOC or not output.size:
            continue
        filled = 0
        for sid in output.members:
            size, file = int(sections.size[sid]), int(sections.file[sid])
            filled += size
            if not size:
                continue
            if file < 0:
                objects.setdefault((_LINKER, ""), []).append(Area(sections.name[sid], size, "linker"))
                continue
            loaded = index.final.resolution.files[file]
            kind = _kind(int(sections.flags[sid]), int(sections.type[sid]))
            area = Area(sections.name[sid], size, kind, _functions(index, sid, size, kind))
            objects.setdefault((short_name(loaded.archive), _member(loaded.object.name)), []).append(area)
        padding += output.size - filled
    archives: dict[str, list[Area]] = {}
    top: list[Area] = []
    for (archive, member), parts in objects.items():
        if not member:
            top.append(_whole(archive, parts))
        else:
            archives.setdefault(archive, []).append(_whole(member, parts))
    top += list(archives.pop("", ()))
    top += [_whole(archive, areas) for archive, areas in archives.items()]
    if padding:
        top.append(Area(_PADDING, padding, "padding"))
    return _whole(name, top)


def file_size_tree(elf: ElfFile) -> Area:
    """The loaded bytes of a linked file or an object: section > symbol. Which objects made a program it does not say."""
    by_section: dict[int, list[Listed]] = {}
    for symbol in listed(elf).values():
        if symbol.placed:
            by_section.setdefault(symbol.number, []).append(symbol)
    parts = []
    for section in elf.sections:
        header = section.header
        if header.flags & c.SHF_ALLOC and header.size:
            kind = _kind(header.flags, header.type)
            ranges = [
                (s.value - header.addr, s.end - header.addr, s.name)
                for s in by_section.get(section.number, ())
            ]
            parts.append(Area(section.name, header.size, kind, _split(ranges, header.size, kind)))
    return _whole(elf.name, parts)


def _whole(name: str, parts: list[Area]) -> Area:
    return Area(name, sum(part.size for part in parts), "", tuple(parts))


def _member(name: str) -> str:
    """`puts.o` of `libc.a(puts.o)`."""
    return name.rpartition("(")[2].removesuffix(")") if name.endswith(")") else short_name(name)


def _kind(flags: int, type: int) -> str:
    if flags & c.SHF_EXECINSTR:
        return "code"
    if type == c.SHT_NOBITS:
        return "bss"
    return "data" if flags & c.SHF_WRITE else "rodata"


def _functions(index: LinkIndex, sid: int, size: int, kind: str) -> tuple[Area, ...]:
    starts, names = index.final_labels.get(sid, ([], []))
    ends = [*starts[1:], size]
    ranges = [(start, end, name) for start, end, name in zip(starts, ends, names, strict=True)]
    return _split(ranges, size, kind)


def _split(ranges: list[tuple[int, int, str]], size: int, kind: str) -> tuple[Area, ...]:
    """A section cut at its symbols: each byte belongs to the last symbol that begins at or before it and has not ended.

    One part that is the whole section is no part.
    """
    cuts = sorted({0, size, *(at for low, high, _ in ranges for at in (low, high) if 0 <= at <= size)})
    ordered = sorted(ranges)
    lows = [low for low, _, _ in ordered]
    found: dict[str, int] = {}
    for low, high in itertools.pairwise(cuts):
        name = "(no symbol)"
        for each in reversed(ordered[max(0, bisect_right(lows, low) - 8) : bisect_right(lows, low)]):
            if each[1] > low:
                name = each[2]
                break
        found[name] = found.get(name, 0) + high - low
    if len(found) < 2 and "(no symbol)" in found:
        return ()
    return tuple(Area(name, count, kind) for name, count in found.items())
