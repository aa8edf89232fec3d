"""`toyvm cache`: what it says is there, and that clearing takes that and no more."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from toyvm import build
from toyvm.base import resources
from toyvm.base.errors import ToyvmError
from toyvm.cli import bindir
from toyvm.cli.cache import main
from toyvm.engines.llvm.interp import image
from toyvm.engines.llvm.translator import Translator, unavailable
from toyvm.engines.python import code_cache
from toyvm.engines.python.prepared_rows import CACHE_FILE, code_version
from toyvm.guestfs import GuestLibraryFile
from toyvm.loader import stub
from toyvm.start import FOLDER


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The three folders, a file of ten bytes and something that is none of ours in each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = [tmp_path / "toyvm" / name for name in (code_cache.TRANSLATIONS, code_cache.BLOCKS, FOLDER)]
    for folder in made:
        (folder / "other").mkdir(parents=True)
        (folder / "kept").write_bytes(bytes(10))
    return made


def test_what_is_there_is_shown(folders: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == (
        f"{folders[0]}: 1 translations, 10 bytes of at most 268,435,456\n"
        f"{folders[1]}: 1 decoded programs, 10 bytes of at most 33,554,432\n"
        f"{folders[2]}: 1 start-up files, 10 bytes of at most 16,777,216\n"
    )


def test_what_is_there_is_cleared(folders: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clear"]) == 0
    told = capsys.readouterr().out
    assert told == (
        f"{folders[0]}: removed 1 translations, 10 bytes\n{folders[1]}: removed 1 decoded programs, 10 bytes\n"
        f"{folders[2]}: removed 1 start-up files, 10 bytes\n"
    )
    assert [[path.name for path in folder.iterdir()] for folder in folders] == [["other"]] * 3


def test_an_empty_cache_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["clear"]) == 0
    assert "removed 0 translations, 0 bytes" in capsys.readouterr().out


def test_a_file_that_another_run_removes_meanwhile_is_no_error(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = code_cache.files

    def then_gone(folder: str) -> list[tuple[str, int, float]]:
        found = list(listed(folder))
        (Path(folder) / "kept").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(code_cache, "files", then_gone)
    assert main(["clear"]) == 0
    assert "removed 0 translations" in capsys.readouterr().out


def test_a_first_run_finds_what_the_installation_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(resources, "INSTALLED", str(tmp_path / "made"))
    assert not Path(resources.libraries_path()).is_dir()
    assert main(["fill"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert resources.kept(CACHE_FILE, code_version(), pytest.fail)
    assert resources.kept(stub.CACHE_FILE, stub.code_version(), pytest.fail)
    libraries = Path(resources.libraries_path())
    assert (libraries / "libc.so").is_file()
    assert libraries.stat().st_mode == libraries.parent.stat().st_mode, "other users read it, too"
    if not unavailable():
        assert image.cached(Translator()) is not None
        assert image.cached(Translator(str(tmp_path / "other"))) is None
    assert not list((tmp_path / "cache").rglob("*.marshal"))


def test_an_installation_that_is_not_writable_is_not_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "INSTALLED", str(tmp_path / "file" / "made"))
    (tmp_path / "file").touch()
    with pytest.raises(ToyvmError, match="made: Not a directory"):
        main(["fill"])


@pytest.mark.parametrize("part", ["rows", "native"])
def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Or the installation would be taken for filled."""
    if part == "native" and unavailable():
        pytest.skip("no native code")
    monkeypatch.setattr(resources, "INSTALLED", str(tmp_path / "made"))
    write = resources.write_atomically

    def full(path: str, data: bytes, mode: int = 0o644) -> None:
        if part in path.removeprefix(str(tmp_path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data, mode)

    monkeypatch.setattr(resources, "write_atomically", full)
    with pytest.raises(ToyvmError, match=r"made: No space left|made/native: .* cannot be written"):
        main(["fill"])


def test_guest_libraries_that_have_lost_files_are_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that clean caches remove single files, and after a power failure a file may be empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(resources, "INSTALLED", str(tmp_path / "made"))
    monkeypatch.setattr(build, "guest_libraries", build.guest_libraries.__wrapped__)  # without its cache
    folder = build.guest_libraries().path
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(whole) == sorted(resources.library_files())
    (folder / "libc.so").unlink()
    (folder / "libimath.a").write_bytes(b"")
    assert GuestLibraryFile("libc.so", 1).pread(0, 1 << 20) == whole["libc.so"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    assert [path.name for path in folder.parent.glob(".*")] == []


def test_the_tools_of_bindir_are_written_again_if_they_are_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bindir.main([]) == 0
    tool = Path(capsys.readouterr().out.strip()) / "as"
    script = tool.read_bytes()
    tool.write_bytes(bytes(range(256)))
    assert bindir.main([]) == 0
    assert tool.read_bytes() == script
