"""Archives: the format byte by byte, other people's variants, and what is malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.elf_samples import archive, objects
from toyvm.base.errors import ElfError
from toyvm.elf.archive import Archive, Member, write

OBJECT = objects()["everything"]


def header(name: bytes, size: int, mode: bytes = b"644") -> bytes:
    return b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, mode, size)


def test_bytes_of_a_small_archive() -> None:
    data = write([Member("a", 0, b"xyz"), Member("bb.o", 0, b"12")], index=False)
    assert data == b"!<arch>\n" + header(b"a/", 3) + b"xyz\n" + header(b"bb.o/", 2) + b"12"


def test_index_tells_the_member_of_each_symbol() -> None:
    found = Archive.parse(archive(), "x.a")
    assert [member.name for member in found.members] == ["a.o", "a_name_that_is_long.o", "README"]
    assert found.index == {
        "once": 0,
        "main": 0,
        "buffer": 0,
    }  # weak, global and common; not undefined, not local
    assert found.members[0].data == OBJECT and found.members[2].data == b"odd"


def test_first_definition_counts() -> None:
    found = Archive.parse(write([Member("1.o", 0, OBJECT), Member("2.o", 0, OBJECT)]), "x.a")
    assert found.index is not None and found.index["main"] == 0


def test_writing_what_was_read_gives_the_same() -> None:
    assert write(Archive.parse(archive(), "x.a").members) == archive()


def test_an_empty_archive() -> None:
    assert Archive.parse(b"!<arch>\n", "e.a") == Archive("e.a", [], None)
    assert Archive.parse(write([]), "e.a").index == {}


def test_bsd_names_and_index() -> None:
    data = b"!<arch>\n" + header(b"#1/12", 20) + b"__.SYMDEF\0\0\0" + bytes(8)
    data += header(b"#1/8", 11) + b"name.o\0\0abc\n" + header(b"plain.o", 2) + b"de"
    found = Archive.parse(data, "bsd.a")
    assert [(member.name, member.data) for member in found.members] == [
        ("name.o", b"abc"),
        ("plain.o", b"de"),
    ]
    assert found.index is None


GOOD = archive()
MALFORMED = {
    "not an archive": b"hello",
    "the thin archive": b"!<thin>\n" + header(b"absent.o/", 3),
    "truncated archive header": GOOD[:40],
    "no archive header at": GOOD[:66] + b"xx" + GOOD[68:],
    "ends beyond the file": GOOD[:-2],
    "bad size 'a'": b"!<arch>\n" + header(b"a/", 1).replace(b"1         `", b"a         `") + b"x",
    "bad mode": b"!<arch>\n" + header(b"a/", 1, mode=b"999") + b"x",
    "long name 50": b"!<arch>\n" + header(b"/50", 0),
    "symbol index of 1000 symbols": b"!<arch>\n" + header(b"/", 4) + (1000).to_bytes(4, "big"),
    "symbol index names": b"!<arch>\n" + header(b"/", 8) + (1).to_bytes(4, "big") + bytes(4),
    "where there is no member": b"!<arch>\n" + header(b"/", 10) + (1).to_bytes(4, "big") + b"\0\0\0\1a\0",
    "name of 9 bytes": b"!<arch>\n" + header(b"#1/9", 2) + b"ab",
}


@pytest.mark.parametrize("words", MALFORMED)
def test_malformed_archives_are_named(words: str) -> None:
    with pytest.raises(ElfError) as caught:
        Archive.parse(MALFORMED[words], "bad.a")
    assert str(caught.value).startswith("bad.a: ") and words in str(caught.value)


def test_a_thin_archive_that_names_one_file_many_times(tmp_path: Path) -> None:
    """Its bytes are in memory once, and files of more than the limit are refused."""
    (tmp_path / "big").write_bytes(bytes(1 << 20))
    data = b"!<thin>\n" + header(b"big/", 1 << 20) * 5000
    found = Archive.parse(data, str(tmp_path / "x.a"))
    assert len(found.members) == 5000 and len({id(member.data) for member in found.members}) == 1
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(1 << 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("toyvm.elf.archive.MAX_THIN", 3 << 19)
        with pytest.raises(ElfError, match="the files of the thin archive have more than"):
            Archive.parse(b"!<thin>\n" + header(b"big/", 1) + header(b"huge/", 1), str(tmp_path / "x.a"))
