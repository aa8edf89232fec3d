"""`.note.gnu.property` of all inputs merged into the output's ("Linux Extensions to gABI", "Program Property").

What holds for a program if all its parts have it (UINT32_AND) is dropped if one has not; needs (UINT32_OR) add up.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from toyvm.elf.constants import NT_GNU_PROPERTY_TYPE_0
from toyvm.elf.object_file import ObjectFile
from toyvm.elf.symbol import NHDR_SIZE, pack_note

from ..link_errors import Diagnostics
from .resolution import Resolution

NAME = ".note.gnu.property"
_OWNER = b"GNU"
_STACK_SIZE, _NO_COPY_ON_PROTECTED = 1, 2
_AND, _OR, _PROCESSOR = 0xB0000000, 0xB0008000, 0xB0010000  # where the kinds of properties begin
_WORD = struct.Struct("<II")

Properties = dict[int, int]


def property_align(xlen: int) -> int:
    """The alignment of the section and of its properties."""
    return xlen // 8


def merge_properties(resolution: Resolution, xlen: int, errors: Diagnostics) -> bytes:
    """The contents of the output's section; b"" if no property is left."""
    merged: Properties | None = None
    for loaded in resolution.files:
        if loaded.object.raw or len(loaded.object.sections) <= 1:
            continue
        mine = _properties(loaded.object, property_align(xlen), errors)
        merged = mine if merged is None else _both(merged, mine)
    return _encoded(merged, property_align(xlen)) if merged else b""


def _both(one: Properties, other: Properties) -> Properties:
    found: Properties = {}
    for kind in one.keys() | other.keys():
        if kind == _STACK_SIZE:
            found[kind] = max(one.get(kind, 0), other.get(kind, 0))
        elif _AND <= kind < _OR:
            found[kind] = one.get(kind, 0) & other.get(kind, 0)
        else:
            found[kind] = one.get(kind, 0) | other.get(kind, 0)
    return {kind: value for kind, value in found.items() if value or kind == _NO_COPY_ON_PROTECTED}


def _properties(obj: ObjectFile, align: int, errors: Diagnostics) -> Properties:
    found: Properties = {}
    for section in obj.sections:
        if section.name == NAME:
            for description in _descriptions(section.data, align):
                _read(description, align, obj.name, found, errors)
    return found


def _descriptions(data: bytes, align: int) -> Iterator[bytes]:
    """The contents of the property notes in a section. What is cut off is left out."""
    at = 0
    while at + NHDR_SIZE <= len(data):
        name, size, kind = struct.unpack_from("<III", data, at)
        owner = at + NHDR_SIZE
        start = owner + name + -name % align if align == 4 else -(-(owner + name) // align) * align
        if kind == NT_GNU_PROPERTY_TYPE_0 and data[owner : owner + name] == _OWNER + b"\0":
            yield data[start : start + size]
        at = start + size + -size % align


def _read(data: bytes, align: int, name: str, found: Properties, errors: Diagnostics) -> None:
    """Add the properties of a note to `found`."""
    at = 0
    while at + _WORD.size <= len(data):
        kind, size = _WORD.unpack_from(data, at)
        value = data[at + _WORD.size : at + _WORD.size + size]
        expected = {_STACK_SIZE: align, _NO_COPY_ON_PROTECTED: 0}.get(kind, 4)
        if size != expected or len(value) != size:
            errors.warning(f"{name}: corrupt GNU_PROPERTY_TYPE (5) type ({kind:#x}) datasz: {size:#x}")
            return
        if kind in (_STACK_SIZE, _NO_COPY_ON_PROTECTED) or _AND <= kind < _PROCESSOR:
            found[kind] = found.get(kind, 0) | int.from_bytes(value, "little")
        else:
            errors.warning(f"{name}: unsupported GNU_PROPERTY_TYPE (5) type: {kind:#x}")
        at += _WORD.size + size + -size % align


def _encoded(properties: Properties, align: int) -> bytes:
    body = b""
    for kind, value in sorted(properties.items()):
        size = {_STACK_SIZE: align, _NO_COPY_ON_PROTECTED: 0}.get(kind, 4)
        body += _WORD.pack(kind, size) + value.to_bytes(size, "little") + bytes(-size % align)
    return pack_note(_OWNER, NT_GNU_PROPERTY_TYPE_0, body)
