"""Submissions: a file or a folder each, read into memory once. Whatever is wrong with one is its own problem.

Symbolic links are not followed: a submission that comes out of an archive could name any file of
the lecturer's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...base.diagnostics import printable
from ...base.errors import ToyvmError, UsageError
from ...base.record import Record
from ...elf.constants import ET_DYN, ET_EXEC, ET_REL, PT_LOAD
from ...elf.headers import is_elf, read_ehdr, read_phdrs, require_riscv
from .assignment import OBJECT_SUFFIX, SOURCE_SUFFIXES

MOST_BYTES = 8 << 20  # of all files of a submission
MOST_FILES = 500


class Submission(Record):
    """One submission.

    `sources` are assembly texts, `objects` ELF objects, `image` a linked program; `others` are files that sources may
    include. All are by name, relative to the submission. `problem` says why it cannot be graded, or is "".
    """

    name: str
    sources: Mapping[str, bytes] = {}
    objects: Mapping[str, bytes] = {}
    image: bytes | None = None
    others: Mapping[str, bytes] = {}
    problem: str = ""


class _Unreadable(Exception):
    """Why a submission cannot be graded."""


def read_submissions(paths: Sequence[Path], accept: Sequence[str]) -> list[Submission]:
    """The submissions, sorted by name. Raises UsageError if a path does not exist or two have one name."""
    if not paths:
        raise UsageError("no submissions")
    found: dict[str, Path] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: No such file or directory")
        name = _name_of(path)
        other = found.setdefault(name, path)
        if other is not path:
            hint = "; give the folders that they are in" if path.parent != other.parent else ""
            raise UsageError(f"two submissions are named '{name}': {other} and {path}{hint}")
    by_case: dict[str, str] = {}
    for name in found:
        other_name = by_case.setdefault(name.casefold(), name)
        if other_name != name:
            raise UsageError(f"the names of two submissions differ only in case: '{other_name}' and '{name}'")
    return [read_submission(path, name, accept) for name, path in sorted(found.items())]


def _name_of(path: Path) -> str:
    resolved = Path(os.path.abspath(path))
    known = (*SOURCE_SUFFIXES, OBJECT_SUFFIX)
    name = resolved.stem if resolved.suffix in known and not path.is_dir() else resolved.name
    return printable(name)


def read_submission(path: Path, name: str, accept: Sequence[str]) -> Submission:
    """Read one submission; whatever is wrong with it becomes its `problem`."""
    try:
        files = dict(_files(path))
        return _sorted_out(name, files, accept, folder=path.is_dir())
    except (_Unreadable, ToyvmError) as problem:
        return Submission(name, problem=str(problem))
    except OSError as problem:
        return Submission(name, problem=f"it cannot be read: {problem.strerror}")


def _sorted_out(name: str, files: Mapping[str, bytes], accept: Sequence[str], *, folder: bool) -> Submission:
    sources = {file: data for file, data in files.items() if file.endswith(SOURCE_SUFFIXES)}
    objects = {file: data for file, data in files.items() if file.endswith(OBJECT_SUFFIX)}
    others = {file: data for file, data in files.items() if file not in sources and file not in objects}
    images = {file: data for file, data in others.items() if is_elf(data)}
    if sources and "source" in accept:
        kept = objects if "object" in accept else {}
        return Submission(name, sources, kept, others=files)
    if objects and "object" in accept:
        for file, data in objects.items():
            if not is_elf(data) or read_ehdr(data, file).type != ET_REL:
                raise _Unreadable(f"{printable(file)} is no ELF object file")
            require_riscv(read_ehdr(data, file), printable(file))
        return Submission(name, {}, objects)
    if len(images) == 1 and "image" in accept:
        ((file, image),) = images.items()
        _require_program(image, printable(file))
        return Submission(name, image=image)
    wanted = {
        "source": "an assembly source (.s)",
        "object": "an object file (.o)",
        "image": "a linked program",
    }
    expected = " or ".join(text for kind, text in wanted.items() if kind in accept)
    raise _Unreadable(f"{'there is no file in it that is' if folder else 'it is not'} {expected}")


def _require_program(image: bytes, name: str) -> None:
    """Raises ElfError or _Unreadable unless `image` is a program that this machine can load: it counts as built."""
    header = read_ehdr(image, name)
    require_riscv(header, name)
    if header.type not in (ET_EXEC, ET_DYN) or not any(
        phdr.type == PT_LOAD for phdr in read_phdrs(image, name, header)
    ):
        raise _Unreadable(f"{name} is no linked program")


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, contents) of each file, in order of names."""
    total = 0
    if not path.is_dir() or path.is_symlink():
        yield path.name, _read(path, MOST_BYTES)
        return
    for number, file in enumerate(_walk(path)):
        if number >= MOST_FILES:
            raise _Unreadable(f"it has more than {MOST_FILES} files")
        data = _read(file, MOST_BYTES - total)
        total += len(data)
        yield file.relative_to(path).as_posix(), data


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, without those whose names begin with a dot."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _read(path: Path, most: int) -> bytes:
    """The contents of a regular file of at most `most` bytes. A pipe or a device is not opened for long: see open(2)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as problem:
        if path.is_symlink():
            raise _Unreadable(f"{printable(path.name)} is a symbolic link") from None
        raise _Unreadable(f"{printable(path.name)} cannot be read: {problem.strerror}") from None
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _Unreadable(f"{printable(path.name)} is no regular file")
        data = stream.read(most + 1)
    if len(data) > most:
        raise _Unreadable(f"it has more than {MOST_BYTES >> 20} MiB")
    return data
