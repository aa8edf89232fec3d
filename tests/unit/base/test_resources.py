"""Files are written whole or not at all, and the cache is found."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.base.errors import ToyvmError
from toyvm.base.resources import (
    cache_dir,
    cache_path,
    data_dir,
    kept,
    libraries_path,
    source_version,
    write_atomically,
)


def test_write_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")

    def no_space(source: str, destination: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_write_sets_the_mode(tmp_path: Path) -> None:
    write_atomically(tmp_path / "tool", b"#!/bin/sh\n", mode=0o755)
    assert os.access(tmp_path / "tool", os.X_OK)


def test_the_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "toyvm"


@pytest.mark.parametrize("name", ["asm", "libs"])
def test_data_is_found(name: str) -> None:
    assert data_dir(name).is_dir()


def test_what_is_kept_is_made_once_for_each_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def make() -> list[int]:
        made.append(1)
        return [len(made)]

    assert [kept("x", b"one", make), kept("x", b"one", make)] == [[1], [1]]
    assert [kept("x", b"two", make), kept("x", b"two", make)] == [[2], [2]]


def test_the_version_of_sources_changes_with_any_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toyvm.base.resources.PACKAGE", str(tmp_path))
    inner = tmp_path / "isa" / "inner"
    inner.mkdir(parents=True)
    source = inner / "a.py"
    source.write_text("1")
    before = source_version("isa")
    assert source_version("isa") == before
    source.write_text("22")
    changed = source_version("isa")
    assert changed != before
    os.utime(source, ns=(1, 1))
    assert source_version("isa") not in (before, changed)


@pytest.mark.parametrize("name", ["a.py", "a.s", "a.inc", "a.ll"])
def test_the_version_counts_each_kind_of_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("toyvm.base.resources.PACKAGE", str(tmp_path))
    (tmp_path / "isa").mkdir()
    before = source_version("isa")
    (tmp_path / "isa" / name).write_text("1")
    assert source_version("isa") != before


def test_libraries_of_other_sources_are_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    before = libraries_path()
    assert libraries_path() == before
    monkeypatch.setattr("toyvm.base.resources.source_version", lambda *folders: b"other")
    assert libraries_path() != before


def test_a_cache_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its code runs on the host. A link in the temporary folder may lead to a folder of somebody else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert cache_path("x") == str(tmp_path / "cache/toyvm/x")
    (tmp_path / "cache/toyvm").chmod(0o777)
    mine = temporary / f"toyvm-{os.getuid()}"
    assert cache_path("x") == str(mine / "x") and mine.stat().st_mode & 0o777 == 0o700
    mine.rmdir()
    mine.symlink_to(tmp_path / "cache/toyvm")
    with pytest.raises(ToyvmError, match="belongs to another user"):
        cache_path("x")
    mine.unlink()
    (tmp_path / "cache/toyvm").chmod(0o755)
    monkeypatch.setattr("os.getuid", lambda: os.geteuid() + 1)  # the folder is another user's
    with pytest.raises(ToyvmError, match="belongs to another user"):
        cache_path("x")


def test_the_cache_is_not_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_path("x") == str(tmp_path / "home/.cache/toyvm/x")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # no user has a home directory
    for base in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        assert cache_path("x") == str(temporary / f"toyvm-{os.getuid()}/x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "tmp"]


WITHOUT_MEMORY = """
import resource, sys
from toyvm.base.resources import marshalled
held = [str(number) for number in range(200000)]
data = [(each,) for each in held]  # each object twice, so that marshal has a table of them
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
seen = set()
for spare in range(0, 64 << 20, 2 << 20):
    resource.setrlimit(resource.RLIMIT_AS, (size + spare, resource.RLIM_INFINITY))
    try:
        seen.add(type(marshalled(data)))
    except MemoryError as error:
        seen.add(type(error))
sys.exit(seen != {bytes, MemoryError})
"""


def test_without_memory_nothing_is_unmarshallable() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_MEMORY], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
