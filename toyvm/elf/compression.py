"""Compressed sections: debugging information, with zlib or Zstandard.

The gABI ("Section Compression") marks them with SHF_COMPRESSED; an Elf64_Chdr begins them. GNU's tools also have an
older form, zlib-gnu: `.debug_info` is called `.zdebug_info`, and begins with "ZLIB" and the size, big-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from ..base.errors import ElfError
from ..base.record import replace
from .constants import ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD, SHF_ALLOC, SHF_COMPRESSED, SHT_NOBITS, ZLIB_GNU
from .object_file import Section

ALIGN = 8  # of Elf64_Chdr, and so of a compressed section
_HEADER = struct.Struct("<IIQQ")  # Elf64_Chdr: ch_type, ch_reserved, ch_size, ch_addralign
_GNU_HEADER = struct.Struct(">4sQ")  # of zlib-gnu
_GNU_MAGIC = b"ZLIB"
_PLAIN, _ZDEBUG = ".debug_", ".zdebug_"
MAX_SIZE = 1 << 29  # bytes after decompression: of one section, and of all sections of a file


def is_compressible(name: str, type: int, flags: int) -> bool:
    """Whether a section is debugging information that is not compressed yet."""
    return name.startswith(".debug_") and type != SHT_NOBITS and not flags & (SHF_ALLOC | SHF_COMPRESSED)


def is_compressed(type: int, flags: int) -> bool:
    """Whether a section holds debugging information compressed as the gABI says."""
    return bool(flags & SHF_COMPRESSED) and type != SHT_NOBITS and not flags & SHF_ALLOC


def is_zdebug(name: str, type: int, flags: int) -> bool:
    """Whether a section has the name and the kind of debugging information compressed as zlib-gnu."""
    return name.startswith(_ZDEBUG) and type != SHT_NOBITS and not flags & (SHF_ALLOC | SHF_COMPRESSED)


def is_in_gnu_form(data: bytes) -> bool:
    """Whether the contents of a section `.zdebug_*` are compressed: they begin as zlib-gnu says."""
    return bytes(data[:4]) == _GNU_MAGIC and len(data) >= _GNU_HEADER.size


def plain_name(name: str) -> str:
    """The name of a section `.zdebug_*` when it is not compressed; other names stay."""
    return _PLAIN + name.removeprefix(_ZDEBUG) if name.startswith(_ZDEBUG) else name


def compressed_shape(name: str, flags: int, format: int) -> tuple[str, int, int]:
    """(name, flags, alignment) of a section `.debug_*` in compressed form."""
    if format == ZLIB_GNU:
        return _ZDEBUG + name.removeprefix(_PLAIN), flags, 1
    return name, flags | SHF_COMPRESSED, ALIGN


def require_room(sections: Iterable[tuple[str, bytes]], file: str) -> None:
    """Check the compressed sections of a file, by name. Raises ElfError if they are too large together."""
    total = sum(decompressed_size(data, f"{file}: section {name}") for name, data in sections)
    if total > MAX_SIZE:
        raise ElfError(f"{file}: {total} bytes after decompression; the limit is {MAX_SIZE}")


def packed(data: bytes, align: int, format: int) -> bytes:
    """The header and the compressed form of a section's contents. Raises ElfError without the library for the format."""
    if format == ZLIB_GNU:
        return _GNU_HEADER.pack(_GNU_MAGIC, len(data)) + zlib.compress(data)
    contents = (
        zlib.compress(data) if format == ELFCOMPRESS_ZLIB else _zstandard("").ZstdCompressor().compress(data)
    )
    return _HEADER.pack(format, 0, len(data), align) + contents


def compressed(section: Section, format: int) -> Section:
    """The section in compressed form if it is debugging information and that is smaller, else itself (as GNU as)."""
    if not is_compressible(section.name, section.type, section.flags):
        return section
    data = packed(section.data, section.addralign, format)
    if len(data) >= len(section.data):
        return section
    name, flags, align = compressed_shape(section.name, section.flags, format)
    return replace(section, name=name, data=data, size=len(data), flags=flags, addralign=align)


def decompressed_size(data: bytes, where: str) -> int:
    """The size in bytes of a compressed section after decompression. Raises ElfError("WHERE: ...")."""
    return _header(data, where)[1]


def decompressed_shape(data: bytes, where: str) -> tuple[int, int]:
    """(size, alignment) of what a compressed section holds. Raises ElfError for another format."""
    _, size, align = _header(data, where)
    return size, align


def decompressed(data: bytes, where: str) -> tuple[bytes, int]:
    """The contents and the alignment of a compressed section. Raises ElfError("WHERE: ...") when it is malformed."""
    kind, size, align = _header(data, where)
    body = data[(_GNU_HEADER if kind == ZLIB_GNU else _HEADER).size :]
    contents, ended = (
        _from_zstd(body, size, where) if kind == ELFCOMPRESS_ZSTD else _inflated(body, size, where)
    )
    if len(contents) != size or not ended:
        raise ElfError(f"{where}: decompresses to another size than the {size} bytes that its header states")
    return contents, align


def _inflated(body: bytes, size: int, where: str) -> tuple[bytes, bool]:
    """(contents, a byte more than `size` at most; whether the data ends there)."""
    unpacker = zlib.decompressobj()
    try:
        return unpacker.decompress(body, size + 1), unpacker.eof
    except zlib.error as error:
        raise ElfError(f"{where}: cannot be decompressed: {error}") from None


def _from_zstd(body: bytes, size: int, where: str) -> tuple[bytes, bool]:
    """As `_inflated`."""
    import io

    library = _zstandard(f"{where}: ")
    try:
        with library.ZstdDecompressor(max_window_size=MAX_SIZE).stream_reader(io.BytesIO(body)) as reader:
            contents = reader.read(size + 1)
    except library.ZstdError as error:
        raise ElfError(f"{where}: cannot be decompressed: {error}") from None
    return contents, len(contents) == size


def _zstandard(where: str):  # type: ignore[no-untyped-def] # a module
    try:
        import zstandard
    except ImportError:
        raise ElfError(f"{where}Zstandard needs the library zstandard: pip install 'toyvm[zstd]'") from None
    return zstandard


def _header(data: bytes, where: str) -> tuple[int, int, int]:
    if is_in_gnu_form(data):
        size = _GNU_HEADER.unpack_from(data)[1]
        if size > MAX_SIZE:
            raise ElfError(f"{where}: {size} bytes after decompression; the limit is {MAX_SIZE}")
        return ZLIB_GNU, size, 1
    if len(data) < _HEADER.size:
        raise ElfError(f"{where}: {len(data)} bytes are no compressed section")
    kind, _, size, align = _HEADER.unpack_from(data)
    if kind not in (ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD):
        raise ElfError(
            f"{where}: compressed in format {kind}; only zlib ({ELFCOMPRESS_ZLIB}) and "
            f"Zstandard ({ELFCOMPRESS_ZSTD}) are supported"
        )
    if size > MAX_SIZE:
        raise ElfError(f"{where}: {size} bytes after decompression; the limit is {MAX_SIZE}")
    return kind, size, max(align, 1)
