"""Compressed sections (SHF_COMPRESSED, gABI "Section Compression"): debugging information, with zlib."""

from __future__ import annotations

import struct
import zlib

from ..base.errors import ElfError
from ..base.record import replace
from .constants import ELFCOMPRESS_ZLIB, SHF_ALLOC, SHF_COMPRESSED, SHT_NOBITS
from .object_file import Section

_HEADER = struct.Struct("<IIQQ")  # Elf64_Chdr: ch_type, ch_reserved, ch_size, ch_addralign
_MAX_SIZE = 1 << 30  # bytes of one section after decompression
_ALIGN = 8  # of Elf64_Chdr


def compressed(section: Section) -> Section:
    """The section in compressed form if it is debugging information and that is smaller, else itself (as GNU as)."""
    if not section.name.startswith(".debug_") or section.flags & SHF_ALLOC or section.type == SHT_NOBITS:
        return section
    packed = zlib.compress(section.data)
    if _HEADER.size + len(packed) >= len(section.data):
        return section
    header = _HEADER.pack(ELFCOMPRESS_ZLIB, 0, len(section.data), section.addralign)
    return replace(
        section,
        data=header + packed,
        size=_HEADER.size + len(packed),
        flags=section.flags | SHF_COMPRESSED,
        addralign=_ALIGN,
    )


def decompressed_size(data: bytes, where: str) -> int:
    """The size in bytes of a compressed section after decompression. Raises ElfError("WHERE: ...")."""
    return _header(data, where)[0]


def decompressed(data: bytes, where: str) -> tuple[bytes, int]:
    """The contents and the alignment of a compressed section. Raises ElfError("WHERE: ...") when it is malformed."""
    size, align = _header(data, where)
    unpacker = zlib.decompressobj()
    try:
        contents = unpacker.decompress(data[_HEADER.size :], size + 1)
    except zlib.error as error:
        raise ElfError(f"{where}: cannot be decompressed: {error}") from None
    if len(contents) != size or not unpacker.eof:
        raise ElfError(f"{where}: decompresses to another size than the {size} bytes that its header states")
    return contents, align


def _header(data: bytes, where: str) -> tuple[int, int]:
    if len(data) < _HEADER.size:
        raise ElfError(f"{where}: {len(data)} bytes are no compressed section")
    kind, _, size, align = _HEADER.unpack_from(data)
    if kind != ELFCOMPRESS_ZLIB:
        raise ElfError(f"{where}: compressed in format {kind}; only zlib ({ELFCOMPRESS_ZLIB}) is supported")
    if size > _MAX_SIZE:
        raise ElfError(f"{where}: {size} bytes after decompression; the limit is {_MAX_SIZE}")
    return size, max(align, 1)
