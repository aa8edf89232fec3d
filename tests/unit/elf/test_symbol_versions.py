"""Version tables: what the writer packs, the reader finds; chains that share records are refused."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from toyvm.base.errors import ElfError
from toyvm.elf import symbol_versions
from toyvm.elf.symbol_versions import NeededVersion, defined_versions, needed_versions, pack_needed_versions

STRINGS = b"\0libc.so.6\0GLIBC_2.27\0GLIBC_2.34\0"


def test_needed_versions_come_back() -> None:
    old = NeededVersion(b"GLIBC_2.27", STRINGS.index(b"GLIBC_2.27"), 2)
    new = NeededVersion(b"GLIBC_2.34", STRINGS.index(b"GLIBC_2.34"), 3)
    data = pack_needed_versions([(1, [old, new]), (1, [NeededVersion(new.name, new.name_offset, 4)])])
    assert needed_versions(data, STRINGS, "f") == {2: "GLIBC_2.27", 3: "GLIBC_2.34", 4: "GLIBC_2.34"}


@pytest.mark.parametrize(
    ("read", "data"),
    [
        # Every word is 4: a record at each word, linked to the one 4 bytes after it.
        (needed_versions, struct.pack("<I", 4) * 1000),
        # Records one after the other, which are both the libraries and the versions of each library.
        (needed_versions, struct.pack("<IIII", 1, 0, 16, 16) * 999 + bytes(16)),
        (defined_versions, struct.pack("<I", 4) * 1000),
    ],
    ids=["overlapping needed", "shared needed", "overlapping defined"],
)
def test_chains_that_share_records_end_soon(
    read: Callable[[bytes, bytes, str], dict[int, str]], data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = 0

    def counted(*_: object) -> str:
        nonlocal names
        names += 1
        return ""

    monkeypatch.setattr(symbol_versions, "string_at", counted)
    with pytest.raises(ElfError, match="f: version records overlap"):
        read(data, STRINGS, "f")
    assert names <= len(data) // 8
