"""Compressed sections: a round trip, and headers that lie."""

from __future__ import annotations

import struct
import zlib

import pytest
import zstandard

from toyvm.base.errors import ElfError
from toyvm.elf.compression import compressed, decompressed
from toyvm.elf.constants import COMPRESSION_FORMATS, ELFCOMPRESS_ZLIB, SHF_COMPRESSED
from toyvm.elf.object_file import Section


@pytest.mark.parametrize("format", sorted(COMPRESSION_FORMATS))
def test_round_trip(format: str) -> None:
    section = Section(".debug_x", addralign=4, data=b"words " * 100)
    packed = compressed(section, COMPRESSION_FORMATS[format])
    assert packed.flags == (0 if format == "zlib-gnu" else SHF_COMPRESSED)
    assert packed.name == (".zdebug_x" if format == "zlib-gnu" else ".debug_x")
    assert len(packed.data) < 100 and packed.size == len(packed.data)
    assert decompressed(packed.data, "x") == (section.data, 1 if format == "zlib-gnu" else 4)


@pytest.mark.parametrize(
    "section", [Section(".debug_x", data=b"abc"), Section(".data", data=bytes(1000)), Section(".debug_y", flags=2, data=bytes(999))]
)  # fmt: skip
def test_small_and_other_sections_stay(section: Section) -> None:
    assert compressed(section, ELFCOMPRESS_ZLIB) is section


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"short", "5 bytes are no compressed section"),
        (struct.pack("<IIQQ", 3, 0, 5, 1), "in format 3"),
        (struct.pack("<IIQQ", 2, 0, 5, 1), "another size than the 5"),
        (struct.pack("<IIQQ", 2, 0, 5, 1) + b"junk", "cannot be decompressed"),
        (struct.pack("<IIQQ", 2, 0, 5, 1) + zstandard.compress(b"longer than 5"), "another size than the 5"),
        (struct.pack("<IIQQ", 2, 0, 500, 1) + zstandard.compress(b"shorter"), "another size than the 500"),
        (struct.pack("<IIQQ", 2, 0, 9999, 1) + zstandard.compress(b"shorter" * 999)[:-3], "another size"),
        (struct.pack("<IIQQ", 1, 0, 1 << 40, 1), "the limit is"),
        (struct.pack("<IIQQ", 1, 0, 5, 1) + b"junk", "cannot be decompressed"),
        (struct.pack("<IIQQ", 1, 0, 5, 1) + zlib.compress(b"longer than 5"), "another size than the 5"),
        (struct.pack("<IIQQ", 1, 0, 500, 1) + zlib.compress(b"shorter"), "another size than the 500"),
        (struct.pack("<IIQQ", 1, 0, 7, 1) + zlib.compress(b"shorter")[:-3], "another size"),
    ],
)
def test_headers_that_lie(data: bytes, words: str) -> None:
    with pytest.raises(ElfError, match=words):
        decompressed(data, "a.o: section .debug_x")
