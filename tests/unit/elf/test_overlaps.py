"""Files whose parts overlap: a reader would copy the same bytes many times, and its memory would have no limit."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.support.elf_samples import objects
from toyvm.base.errors import ElfError
from toyvm.elf import compression
from toyvm.elf.constants import ELFCOMPRESS_ZLIB, SHF_COMPRESSED, SHT_PROGBITS, SHT_STRTAB
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.headers import SHDR_SIZE, Shdr, read_ehdr, read_shdrs
from toyvm.elf.object_reader import read_object
from toyvm.elf.rewriting.rewrite import decompressed_file


def with_sections(more: list[Shdr], contents: bytes = b"", name: int = 0) -> bytes:
    """An object with these sections too; their offsets count from `contents`, which is appended."""
    data = objects()["everything"]
    header = read_ehdr(data, "x")
    old = data[header.shoff : header.shoff + SHDR_SIZE * header.shnum]
    body = data + bytes(-len(data) % 8)
    rows = [shdr._replace(offset=shdr.offset + len(body), name=name).pack() for shdr in more]
    body += contents
    made = header._replace(shoff=len(body), shnum=header.shnum + len(more))
    return made.pack() + (body + old + b"".join(rows))[64:]


def test_sections_that_overlap() -> None:
    data = with_sections([Shdr(type=SHT_PROGBITS, size=1 << 20)] * 15_000, bytes(1 << 20))
    for read in (read_shdrs, read_object, ElfFile.parse):
        with pytest.raises(ElfError, match="x: the sections overlap"):
            read(data, "x").sections  # type: ignore[union-attr]  # noqa: B018 - of the last one
    twice = with_sections([Shdr(type=SHT_PROGBITS, size=1 << 20)] * 3, bytes(1 << 20))
    assert len(read_object(twice, "x").sections) > 3  # a few may share their bytes


def test_names_that_overlap() -> None:
    """Each begins a byte behind the one before, and all end at one NUL."""
    data = objects()["everything"]
    header = read_ehdr(data, "x")
    shdrs = read_shdrs(data, "x")
    symtab = next(number for number, shdr in enumerate(shdrs) if shdr.type == 2)
    count = 20_000
    strings = b"\0" + b"x" * count + b"\0"
    symbols = bytes(24) + b"".join(struct.pack("<IBBHQQ", 1 + n, 0x10, 0, 0, 0, 0) for n in range(count))
    body = data[: header.shoff] + symbols + strings
    shdrs[symtab] = shdrs[symtab]._replace(offset=header.shoff, size=len(symbols), info=1, link=len(shdrs))
    shdrs.append(Shdr(type=SHT_STRTAB, offset=header.shoff + len(symbols), size=len(strings)))
    made = header._replace(shoff=len(body), shnum=len(shdrs)).pack() + body[64:]
    with pytest.raises(ElfError, match="names overlap"):
        ElfFile.parse(made + b"".join(shdr.pack() for shdr in shdrs), "x").symbols()
    many = [Shdr(name=1 + n, type=SHT_PROGBITS) for n in range(count)]
    table = header._replace(shoff=len(body), shnum=len(shdrs) + count, shstrndx=len(shdrs) - 1)
    with pytest.raises(ElfError, match="names overlap"):
        ElfFile.parse(table.pack() + body[64:] + b"".join(s.pack() for s in (*shdrs, *many)), "x").sections  # noqa: B018


def test_compressed_sections_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_SIZE", 1 << 16)
    packed = struct.pack("<IIQQ", ELFCOMPRESS_ZLIB, 0, 1 << 16, 1) + zlib.compress(bytes(1 << 16))
    section = Shdr(type=SHT_PROGBITS, flags=SHF_COMPRESSED, size=len(packed), addralign=8)
    assert read_object(with_sections([section], packed), "x").sections[-1].size == 1 << 16
    for read in (read_object, decompressed_file):
        with pytest.raises(ElfError, match="131072 bytes after decompression; the limit is 65536"):
            read(with_sections([section] * 2, packed), "x")
