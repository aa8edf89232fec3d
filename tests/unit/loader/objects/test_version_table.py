"""The versions of an object, and what is wrong with those of a damaged one."""

from __future__ import annotations

import struct

import pytest

from tests.support.elf_maker import TEXT, Maker, Sym
from tests.support.loader_guest import Loaded
from toyvm.elf import constants as c
from toyvm.loader.dlerror import DlError
from toyvm.loader.objects.version_table import NeededVersion, Version

VERNEED = struct.Struct("<HHIII")
VERNAUX = struct.Struct("<IHHII")
VERDEF = struct.Struct("<HHHHIII")
VERDAUX = struct.Struct("<II")


def load(text: bytes, *tags: int) -> Loaded:
    maker = Maker(symbols=[Sym("f", TEXT, version=2)], text=text.ljust(0x100, b"\0"))
    maker.extra = [(tag, TEXT) for tag in tags]
    return Loaded({"/bin/prog": maker.build()})


def test_reads_what_is_needed_and_what_is_defined() -> None:
    """The first name in the string table is "f"."""
    needed = VERNEED.pack(1, 2, 1, 16, 0) + VERNAUX.pack(0, 2, 3, 1, 16) + VERNAUX.pack(0, 0, 0x8004, 1, 0)
    table = load(needed, c.DT_VERNEED).object("").symbols.version_table
    assert table is not None and table.defined is None
    assert table.needed == (NeededVersion("f", b"f", True), NeededVersion("f", b"f", False))
    assert table.numbers == {3: Version(b"f"), 4: Version(b"f", True)}

    defined = VERDEF.pack(1, 1, 1, 1, 0, 20, 28) + VERDAUX.pack(0, 0) + VERDEF.pack(1, 0, 2, 1, 0, 20, 0)
    table = load(defined + VERDAUX.pack(1, 0), c.DT_VERDEF).object("").symbols.version_table
    assert table is not None and table.defined == {b"", b"f"}
    assert table.numbers == {2: Version(b"f")} and table.needed == ()


@pytest.mark.parametrize(
    ("text", "tag", "message"),
    [
        (VERNEED.pack(1, 1, 1, 16, 0) + VERNAUX.pack(0, 0, 2, 0x70000, 0), c.DT_VERNEED, "version name"),
        (VERNEED.pack(1, 1, 0x70000, 16, 0) + VERNAUX.pack(0, 0, 2, 1, 0), c.DT_VERNEED, "version name"),
        (VERNEED.pack(1, 1, 1, 0x7FFFFFF0, 0), c.DT_VERNEED, "outside the section"),
        (VERDEF.pack(1, 0, 2, 1, 0, 0, 0x7FFFFFF0) + VERDAUX.pack(1, 0), c.DT_VERDEF, "outside the section"),
        (b"\1\0" * 128, c.DT_VERDEF, "version"),
    ],
)
def test_a_damaged_table_is_an_error(text: bytes, tag: int, message: str) -> None:
    with pytest.raises(DlError, match=message):
        load(text, tag)


def test_records_that_share_bytes_end() -> None:
    """Each record leads to the next one a byte further on, through memory that holds ones."""
    with pytest.raises(DlError, match=r"overlap|outside"):
        load(b"\1" * 0x100, c.DT_VERNEED)
