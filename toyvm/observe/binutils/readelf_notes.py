"""`readelf -n`: the notes of a file, in GNU's format."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile, Note

from .debug_dump.debug_sections import DebugSections

_GNU = {
    1: "NT_GNU_ABI_TAG (ABI version tag)", 2: "NT_GNU_HWCAP (DSO-supplied software HWCAP info)",
    3: "NT_GNU_BUILD_ID (unique build ID bitstring)", 4: "NT_GNU_GOLD_VERSION (gold version)",
    5: "NT_GNU_PROPERTY_TYPE_0", 0x100: "NT_GNU_BUILD_ATTRIBUTE_OPEN", 0x101: "NT_GNU_BUILD_ATTRIBUTE_FUNC",
}  # fmt: skip
_OTHER = {
    1: "NT_VERSION (version)", 2: "NT_ARCH (architecture)", 0x100: "OPEN", 0x101: "func", 4: "GO BUILDID",
    0xCAFE1A7E: "FDO_PACKAGING_METADATA",
}  # fmt: skip
_SYSTEMS = {0: "Linux", 1: "Hurd", 2: "Solaris", 3: "FreeBSD", 4: "NetBSD"}
_OPEN, _FUNC, _PACKAGE = 0x100, 0x101, 0xCAFE1A7E
# The attribute of a build note -> (its name, the decoded values).
_BUILD_ATTRIBUTES: dict[int, tuple[str, dict[int, str]]] = {
    1: ("<version>", {}), 2: ("<stack prot>", dict(enumerate(("off", "on", "all", "strong", "explicit")))),
    3: ("<relro>", {}), 4: ("<stack size>", {}), 5: ("<tool>", {}), 6: ("<ABI>", {}),
    7: ("<PIC>", dict(enumerate(("static", "pic", "PIC", "pie", "PIE")))), 8: ("<short enum>", {}),
}  # fmt: skip


def notes(elf: ElfFile, wide: bool = True) -> Iterator[str]:
    """`-n`: the notes. Unless `wide`, the detail of each stands on a line of its own. Raises ElfError."""
    where = None
    ranges = _Ranges(elf)
    for note in _relocated(elf).notes():
        if note.where != where:
            where = note.where
            yield ""
            yield f"Displaying notes found in: {where}"
            yield "  Owner                Data size \tDescription"
        is_build = note.type in (_OPEN, _FUNC) and note.owner[_prefix(note) :][:1] in ("*", "$", "!", "+")
        owner = _build_attribute(note, wide) if is_build else f"{note.owner or '(NONE)':<20}"
        kinds = _GNU if note.owner.startswith("GNU") else _OTHER
        kind = kinds.get(note.type, f"Unknown note type: (0x{note.type:08x})")
        detail = ranges.text(note) if is_build else _detail(elf, note, wide)
        line = f"  {owner} 0x{len(note.desc):08x}\t{kind}"
        if wide:
            yield f"{line}\t{detail}"
        else:
            yield line
            if detail:
                yield detail


def _relocated(elf: ElfFile) -> ElfFile:
    """The file with the relocations of its notes applied, which build notes in an object have."""
    targets = {s.header.info for s in elf.sections_of_type(c.SHT_RELA)}
    sections = [s for s in elf.sections_of_type(c.SHT_NOTE) if s.number in targets]
    if elf.header.type != c.ET_REL or not sections:
        return elf
    data, contents = bytearray(elf.data), DebugSections(elf, lambda _: None)
    for section in sections:
        found = contents.read(section).data
        data[section.header.offset : section.header.offset + len(found)] = found
    return ElfFile.parse(bytes(data), elf.name)


def _prefix(note: Note) -> int:
    return 2 if note.owner.startswith("GA") else 0


def _detail(elf: ElfFile, note: Note, wide: bool) -> str:
    """What the descriptor says."""
    if note.owner.startswith("GNU"):
        if note.type == c.NT_GNU_BUILD_ID:
            return f"    Build ID: {note.desc.hex()}"
        if note.type == c.NT_GNU_ABI_TAG and len(note.desc) >= 16:
            system, *version = struct.unpack_from("<4I", note.desc)
            return f"    OS: {_SYSTEMS.get(system, 'Unknown')}, ABI: {'.'.join(map(str, version))}"
        if note.type == 4:
            return f"    Version: {note.desc.rstrip(bytes(1)).decode('utf-8', 'surrogateescape')}"
        if note.type == 5:
            return f"      Properties: {_properties(note.desc, elf.digits // 2, wide)}"
    if note.owner.startswith("FDO") and note.type == _PACKAGE:
        return f"    Packaging Metadata: {note.desc.rstrip(bytes(1)).decode('utf-8', 'surrogateescape')}"
    if not note.desc:
        return ""
    return "   description data: " + "".join(f"{byte:02x} " for byte in note.desc)


def _properties(data: bytes, size: int, wide: bool) -> str:
    """The properties of a program (NT_GNU_PROPERTY_TYPE_0); values are padded to `size` bytes."""
    if len(data) < 8 or len(data) % size:
        return f"<corrupt GNU_PROPERTY_TYPE, size = {len(data):#x}>"
    texts = []
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            texts.append(f"<corrupt descsz: {len(data):#x}>")
            break
        kind, length = struct.unpack_from("<2I", data, at)
        at += 8
        if length > len(data) - at:
            texts.append(f"<corrupt type ({kind:#x}) datasz: {length:#x}>")
            break
        texts.append(_property(kind, data[at : at + length], size))
        at += length + -length % size
    return (", " if wide else "\n\t").join(texts)


def _property(kind: int, value: bytes, size: int) -> str:
    number, corrupt = int.from_bytes(value, "little"), f"<corrupt length: {len(value):#x}> "
    if kind == 1:
        return "stack size: " + (f"{number:#x}" if len(value) == size else corrupt)
    if kind == 2:
        return "no copy on protected " + (corrupt if value else "")
    if kind == 0xB0008000:  # GNU_PROPERTY_1_NEEDED
        return "1_needed: " + (_needed(number) if len(value) == 4 else corrupt)
    if 0xB0000000 <= kind <= 0xB000FFFF:
        operation = "AND" if kind <= 0xB0007FFF else "OR"
        return f"UINT32_{operation} ({kind:#x}): " + (f"{number:#x}" if len(value) == 4 else corrupt)
    which = (
        "unknown"
        if kind < 0xC0000000
        else "processor-specific"
        if kind < 0xE0000000
        else "application-specific"
    )
    return f"<{which} type {kind:#x} data: " + "".join(f"{byte:02x} " for byte in value) + ">"


def _needed(bits: int) -> str:
    words = ["indirect external access"] if bits & 1 else []
    words += [f"<unknown: {1 << bit:x}>" for bit in range(1, 32) if bits >> bit & 1]
    return ", ".join(words) or "<None>"


def _build_attribute(note: Note, wide: bool) -> str:
    """The owner of a build note, which holds an attribute and its value."""
    name = note.owner
    at = _prefix(note)
    kind, text = name[at], name[: at + 1]
    at += 1
    code = ord(name[at]) if at < len(name) else 0
    width = 28 if wide else 20
    values: dict[int, str] = {}
    if code in _BUILD_ATTRIBUTES:
        shown, values = _BUILD_ATTRIBUTES[code]
        text, at = text + shown, at + 1
    else:
        end = (name + "\0").index("\0", at)
        text += name[at:end] + ":"
        at = end + 1
    rest = name[at:]
    if kind == "*":
        raw = rest.encode("utf-8", "surrogateescape")[:8]
        number = int.from_bytes(raw, "little")
        value = values.get(number) or (f"{number:#x}" if number else "0x0")
    else:
        value = {"$": rest.partition("\0")[0], "+": "true", "!": "false"}[kind]
    return f"{text}{value}".ljust(width)[: None if wide else width]


class _Ranges:
    """The code that build notes apply to: a note without one has that of the note of its kind before it."""

    def __init__(self, elf: ElfFile):
        self._elf = elf
        self._last: dict[int, tuple[int, int]] = {}

    def text(self, note: Note) -> str:
        """`    Applies to region from 0x10 to 0x20 (f)`."""
        name = ""
        if not note.desc:
            start, end = self._last.get(note.type, (0, 0))
        elif len(note.desc) in (4, 8, 16):
            size = 8 if len(note.desc) == 16 else 4
            start = int.from_bytes(note.desc[:size], "little")
            end = int.from_bytes(note.desc[size : 2 * size], "little")
            name, length = self._symbol(start, note.type == _OPEN)
            if (
                not name and note.type == _OPEN
            ):  # some plugins for compilers put a file's symbol behind its start
                name, length = self._symbol(start + 2, True)
            end = end or (start + length if length else 0)
            self._last[note.type] = start, end
        else:
            return f"    <invalid description size: {len(note.desc):x}>"
        text = f"    Applies to region from {start:#x}" if start else "    Applies to region from 0"
        return text + (f" to {end:#x}" if end > start else "") + (f" ({name})" if name else "")

    def _symbol(self, address: int, is_open: bool) -> tuple[str, int]:
        """(name, size) of the symbol at an address that a note names."""
        table = self._elf.symbols()
        if table is None:
            return "", 0
        found: tuple[str, int] | None = None
        is_object = False
        for name, (_, info, _, _, value, size) in zip(table.names, table.array.tolist(), strict=True):
            kind, binding = info & c.ST_TYPE_MASK, info >> c.ST_BIND_SHIFT
            if value != address or not name or name.startswith("$"):
                continue
            if not is_open and kind == c.STT_FUNC:
                return name, size
            if not is_open or kind == c.STT_FUNC:
                continue
            if kind in (c.STT_OBJECT, c.STT_FILE):
                found, is_object = (name, size), kind == c.STT_OBJECT
                if size:
                    break
            elif (binding == c.STB_GLOBAL and not is_object) or (binding == c.STB_LOCAL and found is None):
                found = name, size
        return found or ("", 0)
