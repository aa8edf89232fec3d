"""`toyvm cache`: what it says is there, and that clearing takes that and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from toyvm.cli.cache import main
from toyvm.cli.start_code import FOLDER
from toyvm.engines.python import code_cache


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
