"""`toyvm ar`: what its command line may say."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from toyvm import cli
from toyvm.base.errors import ElfError, UsageError
from toyvm.cli.binutils.ar import main
from toyvm.elf.archive import Member, write


@pytest.mark.parametrize("words", ["tN 2 x.a u.o", "rN 2 x.a u.o", "xN 0 x.a u.o", "xN x.a u.o", "xN"])
def test_instances_are_for_d_and_x_and_count_from_one(words: str) -> None:
    with pytest.raises(UsageError):
        main(words.split())


def test_a_member_whose_name_has_a_nul_is_not_extracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.a").write_bytes(write([Member("a\0b", 0, b"data")], index=False))
    with pytest.raises(ElfError, match="illegal member name"):
        main(["x", "x.a"])
    assert [path.name for path in tmp_path.iterdir()] == ["x.a"]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", b"\xfe\xc3\xa9\n"), ("ascii", b"\\udcfe\\xe9\n"), ("latin-1", b"\\udcfe\xe9\n")],
)
def test_names_that_the_encoding_of_stdout_does_not_have_are_printed(
    encoding: str, shown: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.a"
    path.write_bytes(
        write([Member(b"\xfe\xc3\xa9".decode("utf-8", "surrogateescape"), 0, b"data")], index=False)
    )
    stream = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream, encoding=encoding))
    assert cli.main(["ar", "t", str(path)]) == 0
    assert stream.getvalue() == shown


def test_each_letter_may_be_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(b"data")
    assert main(["-r", "-c", "x.a", "a"]) == 0
    assert Path("x.a").read_bytes().startswith(b"!<arch>\n")
