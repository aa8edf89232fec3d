"""The changes of sections: which ones stay, and their names, flags, addresses and contents."""

from __future__ import annotations

from itertools import pairwise

from ...base.errors import ElfError, ToyvmError
from ..compression import (
    compressed_shape,
    decompressed,
    is_compressed,
    is_compressible,
    is_in_gnu_form,
    is_zdebug,
    packed,
    plain_name,
    require_room,
)
from ..constants import (
    COMPRESSION_FORMATS,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_EXCLUDE,
    SHF_EXECINSTR,
    SHF_GROUP,
    SHF_INFO_LINK,
    SHF_LINK_ORDER,
    SHF_MERGE,
    SHF_STRINGS,
    SHF_TLS,
    SHF_WRITE,
    SHT_GROUP,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PROGBITS,
    STT_TLS,
)
from .changes import Changes, SectionFlags, matches
from .model import Image, Part

_ADDRESS = (1 << 64) - 1
_RESERVED_FLAGS = 0xFFF00000  # of operating systems and processors (SHF_MASKOS, SHF_MASKPROC)
_LARGEST = 1 << 30  # bytes that a section may grow to


def add_sections(image: Image, changes: Changes) -> dict[str, bytes]:
    """--update-section, --dump-section, --add-section, --add-gnu-debuglink. Returns the contents of dumped sections."""
    for name, data in changes.update:
        part = image.part(name)
        if part is None:
            raise ToyvmError(f"error: {name} not found, can't be updated")
        if part.type == SHT_NOBITS:
            part.type = SHT_PROGBITS
        part.put(data)
        part.flags &= ~SHF_COMPRESSED
        part.relocs = None  # they are of the old contents
    dumped = {}
    for name in changes.dump:
        part = image.part(name)
        if part is None:
            raise ElfError(f"{image.name}: can't dump section '{name}' - it does not exist")
        if not part.has_contents:
            raise ElfError(f"{image.name}[{name}]: can't dump section - it has no contents")
        dumped[name] = part.data
    for name, data in reversed(changes.add):
        if image.part(name) is not None:
            raise ElfError(f"{image.name}: can't add section '{name}': it exists already")
        image.parts.append(Part(name, data))
    if changes.debug_link is not None:
        if image.part(".gnu_debuglink") is not None:
            raise ElfError(f"{image.name}: cannot create debug link section: it exists already")
        part = Part(".gnu_debuglink", changes.debug_link)
        part.align = 4
        image.parts.append(part)
    return dumped


def is_stripped(part: Part, changes: Changes) -> bool:
    """Whether the section goes (BFD's is_strip_section, without groups)."""
    name = part.old_name
    if name in changes.keep_section:
        return False
    removed, copied = name in changes.remove, name in changes.only
    if removed and copied:
        raise ToyvmError(f"error: section {name} matches both remove and copy options")
    if removed or (changes.only and not copied):
        return True
    if part.is_debugging:
        if changes.strip in ("debug", "unneeded", "all") or changes.discard == "all":
            return True
        if changes.strip == "dwo":
            return part.is_dwo
    return changes.strip == "keep-dwo" and not part.is_dwo


def remove_sections(image: Image, changes: Changes) -> None:
    """Take out the sections that go, the groups without members, and the relocations that are not wanted."""
    new = {id(part) for part in image.parts if part.offset is None}
    gone = {id(part) for part in image.parts if id(part) not in new and is_stripped(part, changes)}
    for group in image.groups:
        signature = group.signature.name
        if (
            (changes.strip == "all" and signature not in changes.keep_symbol)
            or signature in changes.strip_symbol
            or (group.members and all(id(member) in gone for member in group.members))
        ):
            gone.add(id(group.part))
    image.removed = [part for part in image.parts if id(part) in gone]
    image.parts = [part for part in image.parts if id(part) not in gone]
    for group in image.groups:
        if id(group.part) in gone:
            for member in group.members:
                member.group = None
                member.flags &= ~SHF_GROUP
        group.members = [member for member in group.members if id(member) not in gone]
    image.groups = [group for group in image.groups if id(group.part) not in gone]
    for part in image.parts:
        rela = f".rela{part.old_name}"
        if (
            part.old_name in changes.remove_relocations
            or rela in changes.remove
            or changes.strip == "keep-dwo"
        ):
            part.relocs = None


def change_sections(image: Image, changes: Changes) -> list[str]:
    """Names, flags, alignments, addresses and contents. Returns warnings."""
    warnings = _change_addresses(image, changes)
    if changes.compress:
        packed_parts = (part for part in image.parts if _is_packed(part))
        require_room(((part.old_name, part.data) for part in packed_parts), image.name)
    for part in image.parts:
        if changes.strip == "keep-debug" and part.flags & SHF_ALLOC and part.type != SHT_NOTE:
            part.type, part.data = SHT_NOBITS, b""
            part.flags &= ~SHF_INFO_LINK
        new_name, renamed_flags = changes.rename.get(part.old_name, (part.old_name, None))
        flags = renamed_flags
        for pattern, given in changes.flags:
            if matches(pattern, part.old_name):
                flags, renamed_flags = given, None
        if flags is not None:
            if "share" in flags:
                warnings.append(
                    f"{image.name}[{part.old_name}]: Note - dropping 'share' flag as output format is not COFF"
                )
            _set_flags(part, flags)
            if renamed_flags is not None and "alloc" in flags and not flags.words & {"load", "contents"}:
                part.type, part.data = SHT_NOBITS, b""  # --rename-section takes exactly what is given
        prefix = changes.prefix_sections
        if changes.prefix_alloc and part.flags & SHF_ALLOC:
            prefix = changes.prefix_alloc
        if part.offset is not None:  # a new section has the name that it shall have
            part.name = prefix + new_name
        for pattern, alignment in changes.alignments:
            if matches(pattern, part.old_name):
                part.align = alignment
        _recompress(image, part, changes)
        if part.has_contents and not part.flags & SHF_COMPRESSED and part.offset is not None:
            _change_bytes(part, changes)
    if changes.strip == "keep-debug":
        image.debug_only = True
    return warnings


def _set_flags(part: Part, flags: SectionFlags) -> None:
    """Give the section other flags, as BFD makes those of ELF from its own; contents are not lost."""
    before = part.flags
    kept = before & (_RESERVED_FLAGS | SHF_TLS | SHF_GROUP | SHF_COMPRESSED | SHF_INFO_LINK | SHF_LINK_ORDER)
    made = kept | (0 if "readonly" in flags else SHF_WRITE)
    for word, bit in (
        ("alloc", SHF_ALLOC),
        ("code", SHF_EXECINSTR),
        ("exclude", SHF_EXCLUDE),
        ("merge", SHF_MERGE),
        ("strings", SHF_STRINGS),
    ):
        made |= bit if word in flags else 0
    part.flags = made
    part.loads = "load" in flags and "noload" not in flags
    if part.type == SHT_GROUP:
        return
    if part.type == SHT_NOBITS and "contents" in flags:
        if part.size > _LARGEST:
            raise ToyvmError(f"section {part.old_name}: {part.size} bytes are too many for the file")
        part.type = SHT_PROGBITS
        part.put(bytes(part.size))


def _is_packed(part: Part) -> bool:
    """Whether a section is compressed, as the gABI says or in the form before it."""
    if is_zdebug(part.old_name, part.type, part.flags):
        return is_in_gnu_form(part.data)
    return is_compressed(part.type, part.flags)


def _recompress(image: Image, part: Part, changes: Changes) -> None:
    """--compress-debug-sections and --decompress-debug-sections."""
    if not changes.compress or part.flags & SHF_ALLOC or not part.has_contents:
        return
    if _is_packed(part):
        data, part.align = decompressed(part.data, f"{image.name}: section {part.old_name}")
        part.put(data)
        part.flags &= ~SHF_COMPRESSED
        part.name = plain_name(part.name)
    if changes.compress != "none" and is_compressible(part.name, part.type, part.flags):
        format = COMPRESSION_FORMATS[changes.compress]
        data = packed(part.data, part.align, format)
        if len(data) < len(part.data):
            part.put(data)
            part.name, part.flags, part.align = compressed_shape(part.name, part.flags, format)


def _change_bytes(part: Part, changes: Changes) -> None:
    """--reverse-bytes, and -b with -i."""
    width = changes.reverse_bytes
    if width:
        if part.size % width:
            raise ToyvmError(
                f"cannot reverse bytes: length of section {part.old_name} must be evenly divisible by {width}"
            )
        data = part.data
        part.put(b"".join(data[at : at + width][::-1] for at in range(0, len(data), width)))
    if changes.byte >= 0:
        step, first, count = changes.interleave, changes.byte, changes.interleave_width
        data = part.data
        # The lanes are those of addresses, not of the section's own offsets.
        skipped = part.lma % step
        chosen = bytearray()
        for at in range(-skipped, len(data), step):
            chosen += data[max(at + first, 0) : max(at + first + count, 0)]
        part.put(bytes(chosen))
        part.lma //= step


def _change_addresses(image: Image, changes: Changes) -> list[str]:
    used: set[int] = set()
    before = {id(part): part.addr for part in image.parts}
    for part in image.parts:
        for which in ("vma", "lma"):
            field = "addr" if which == "vma" else "lma"
            address = getattr(part, field)
            found = None
            for index, change in enumerate(changes.addresses):
                if getattr(change, which) and matches(change.pattern, part.old_name):
                    used.add(index)
                    found = change
            if found is None:
                address += changes.change_addresses
            elif found.operation == "=":
                address = found.value
            else:
                address += found.value
            setattr(part, field, address & _ADDRESS)
    if image.has_addresses:
        for name in image.names:
            if name.home is not None and name.type != STT_TLS:
                name.value = (
                    name.value + name.home.addr - before.get(id(name.home), name.home.addr)
                ) & _ADDRESS
    _move_segments(image, before)
    image.header = image.header._replace(entry=_entry(image, changes))
    if not changes.change_warnings:
        return []
    return [
        f"{change.spelling} never used" for index, change in enumerate(changes.addresses) if index not in used
    ]


def _entry(image: Image, changes: Changes) -> int:
    start = image.header.entry if changes.set_start is None else changes.set_start
    return (start + changes.change_start + changes.change_addresses) & _ADDRESS


def _move_segments(image: Image, before: dict[int, int]) -> None:
    """A segment moves with its sections; it cannot if they move apart."""
    moved = []
    for phdr in image.segments:
        inside = [
            part
            for part in image.parts
            if part.flags & SHF_ALLOC
            and part.offset is not None
            and phdr.memsz
            and phdr.vaddr <= before[id(part)] < phdr.vaddr + phdr.memsz
        ]
        steps = {part.addr - before[id(part)] for part in inside}
        loads = {part.lma - part.addr for part in inside if part.has_contents}
        if len(steps) > 1:
            raise ElfError(f"{image.name}: the sections of a segment at {phdr.vaddr:#x} move apart")
        step = steps.pop() if steps else 0
        vaddr = (phdr.vaddr + step) & _ADDRESS
        paddr = (vaddr + loads.pop()) & _ADDRESS if len(loads) == 1 else (phdr.paddr + step) & _ADDRESS
        moved.append(phdr._replace(vaddr=vaddr, paddr=paddr))
    image.segments = moved


def fill_gaps(image: Image, changes: Changes) -> None:
    """--gap-fill and --pad-to: loaded sections grow up to the next one, and the last one up to an address."""
    if changes.gap_fill is None and changes.pad_to is None:
        return
    fill = bytes([(changes.gap_fill or 0) & 0xFF])
    loaded = sorted((part for part in image.parts if part.is_loaded and part.size), key=lambda part: part.lma)
    if changes.gap_fill is not None:
        for part, following in pairwise(loaded):
            _grow(part, following.lma, fill)
    if changes.pad_to is not None and loaded:
        _grow(loaded[-1], changes.pad_to, fill)


def _grow(part: Part, end: int, fill: bytes) -> None:
    missing = end - part.lma - len(part.data)
    if missing > _LARGEST:
        raise ToyvmError(f"section {part.name}: filling up to {end:#x} takes {missing} bytes")
    if missing > 0:
        part.put(part.data + fill * missing)
