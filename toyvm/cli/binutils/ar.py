"""`toyvm ar`: make, list and extract archives in GNU's format. Archives are deterministic."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import ElfError, NotFoundError, UsageError
from ...base.record import Record, replace

if TYPE_CHECKING:
    from ...elf.archive import Archive, Member

USAGE = """usage: toyvm ar OPERATION[MODIFIERS] [RELPOS] [COUNT] ARCHIVE [FILE...]

Make, list and extract archives.

operations:
  d  delete members
  m  move members to the end, or to RELPOS
  p  print the contents of members
  q  append files
  r  replace members, or add files
  s  write a symbol index
  t  list members
  x  extract members

modifiers:
  a  with r and m: put the members after member RELPOS
  b, i  with r and m: put them before member RELPOS
  c  create the archive without a message
  N  with d and x: select instance COUNT of members with the same name
  O  show the offsets of members
  o  preserve the time of extracted members
  P  use full path names
  S  do not write a symbol index
  T  make a thin archive: it names its members, whose files stay where they are
  v  verbose
  --thin        the same as T
  --output=DIR  with x: extract to folder DIR
  D, U, l, s, u  accepted: archives are deterministic and have an index, and r replaces every member
"""

_OPERATIONS = "rqdxtpm"
_MODIFIERS = "csSvuDUoPlNTabiO"


class _Command(Record):
    operation: str
    modifiers: frozenset[str]
    archive: str
    files: list[str]
    instance: int = 0  # with N: which of the members with the same name, from 1; 0: the next one
    beside: str = ""  # with a, b and i: the member to put others beside
    folder: str = ""  # --output

    @property
    def verbose(self) -> bool:
        return "v" in self.modifiers


def _parse(argv: list[str]) -> _Command:
    words, folder = _long_options(argv)
    words = _joined(words)
    if len(words) < 2:
        raise UsageError(USAGE.rstrip())
    letters = words[0].removeprefix("-")
    operations = [letter for letter in letters if letter in _OPERATIONS]
    unknown = sorted(set(letters) - set(_OPERATIONS) - set(_MODIFIERS))
    if unknown:
        raise UsageError(f"unknown option '{unknown[0]}'\n{USAGE.rstrip()}")
    if len(operations) > 1:
        raise UsageError(f"two different operations: '{operations[0]}' and '{operations[1]}'")
    if not operations and "s" not in letters:
        raise UsageError("no operation given: one of r q d m x t p s")
    operation = operations[0] if operations else "s"
    beside, instance, words = "", 0, words[1:]
    if set("abi") & set(letters):
        if operation not in "rm" or len(words) < 2:
            raise UsageError(
                "'a', 'b' and 'i' can be used with 'r' and 'm' only, and a member before the archive"
            )
        beside, words = words[0], words[1:]
    if "N" in letters:
        if operation not in "dx":
            raise UsageError("'N' can be used with 'd' and 'x' only")
        if len(words) < 2 or not words[0].isdecimal() or len(words[0]) > 9 or not int(words[0]):
            raise UsageError(f"'N': expected a positive number before the archive, not '{words[0]}'")
        instance, words = int(words[0]), words[1:]
    return _Command(operation, frozenset(letters), words[0], words[1:], instance, beside, folder)


def _long_options(argv: list[str]) -> tuple[list[str], str]:
    """The other words, and the folder of --output. Options of formats that this tool does not have are dropped."""
    words: list[str] = []
    folder = letters = ""
    rest = iter(argv)
    for word in rest:
        name, _, value = word.partition("=")
        if name == "--output":
            folder = value or next(rest, "")
        elif name in ("--target", "--plugin", "--record-libdeps"):
            value = value or next(rest, "")
        elif word == "--thin":
            letters = "T"
        else:
            words.append(word)
    if letters and words:
        words[0] += letters
    return words, folder


def _joined(words: list[str]) -> list[str]:
    """The words with `-r -c ARCHIVE` as `rc ARCHIVE`: each letter may be an option of its own."""
    letters = ""
    while words and words[0].startswith("-") and not words[0].startswith("--") and len(words[0]) > 1:
        letters += words[0][1:]
        words = words[1:]
    return [letters, *words] if letters else words


def main(argv: list[str]) -> int:
    """Perform the operation. Returns 1 if a member does not exist."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if argv else 2
    command = _parse(argv)
    if command.operation in "rq":
        return _replace(command)
    archive = _read(command.archive)
    match command.operation:
        case "d":
            return _delete(command, archive)
        case "m":
            return _move(command, archive)
        case "s":
            return _write(command, archive.members, archive.thin)
    wanted, missing = _select(archive, command)
    for member in wanted:
        {"t": _list, "p": _print, "x": _extract}[command.operation](command, member)
    return _complain(command, missing)


def _read(path: str) -> Archive:
    from ...elf.archive import Archive
    from ...observe.binutils.binaries import read

    return Archive.parse(read(path), path)


def _write(command: _Command, members: Sequence[Member], thin: bool) -> int:
    from ...base.resources import write_atomically
    from ...elf.archive import write

    data = write(members, index="S" not in command.modifiers, thin=thin)
    write_atomically(Path(command.archive), data)
    return 0


def _replace(command: _Command) -> int:
    from ...elf.archive import Member
    from ...observe.binutils.binaries import read

    members: list[Member] = []
    thin = "T" in command.modifiers
    if Path(command.archive).exists():
        old = _read(command.archive)
        if thin and not old.thin:
            raise UsageError(f"{command.archive}: cannot convert an existing archive to a thin one")
        members, thin = list(old.members), old.thin
    elif "c" not in command.modifiers:
        print(f"toyvm ar: creating {command.archive}", file=sys.stderr)
    # A file replaces an old member, but two new files with one name become two members (GNU ar).
    kept = [member.name if command.operation == "r" else "" for member in members]
    for path in command.files:
        name = path if "P" in command.modifiers else os.path.basename(path)
        if thin:
            name = _from_archive(path, command.archive)
        mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o644
        # Archives are deterministic: no times, no owners, and of the mode only the executable bit.
        member = Member(name, 0, read(path), mode=0o644 if not mode & 0o111 else 0o755)
        at = kept.index(name) if name in kept else None
        if at is not None and not command.beside:
            members[at], kept[at] = member, ""
        else:
            if at is not None:
                del members[at], kept[at]
            place = _place(command, members)
            members.insert(place, member)
            kept.insert(place, "")
        if command.verbose:
            print(f"{'a' if at is None else 'r'} - {path}")
    return _write(command, [replace(member, mtime=0, uid=0, gid=0) for member in members], thin)


def _place(command: _Command, members: Sequence[Member]) -> int:
    """Where a member is put: beside the one that the command names, or at the end."""
    names = [member.name for member in members]
    if command.beside not in names:
        return len(members)
    return names.index(command.beside) + ("a" in command.modifiers)


def _move(command: _Command, archive: Archive) -> int:
    members = list(archive.members)
    for name in command.files:
        at = next((number for number, member in enumerate(members) if member.name == name), None)
        if at is None:
            raise ElfError(f"no entry {name} in archive {command.archive}")
        if command.verbose:
            print(f"m - {name}")
        member = members.pop(at)
        members.insert(_place(command, members), member)
    return _write(command, members, archive.thin)


def _from_archive(path: str, archive: str) -> str:
    """The path of a file from the folder of a thin archive, as the archive names it."""
    return path if os.path.isabs(path) else os.path.relpath(path, os.path.dirname(archive) or ".")


def _delete(command: _Command, archive: Archive) -> int:
    wanted, missing = _select(archive, command) if command.files else ([], [])
    if command.verbose:
        for member in wanted:
            print(f"d - {member.name}")
    offsets = {member.offset for member in wanted}
    _write(command, [member for member in archive.members if member.offset not in offsets], archive.thin)
    return _complain(command, missing)


def _select(archive: Archive, command: _Command) -> tuple[list[Member], list[str]]:
    """(the members that the command names, or all without names; the names not found).

    If a name occurs several times, each occurrence selects the next member with that name; N
    selects an instance instead (as in GNU ar).
    """
    if not command.files:
        return archive.members, []
    found: list[Member] = []
    missing: list[str] = []
    mentioned: dict[str, int] = {}
    for name in command.files:
        mentioned[name] = mentioned.get(name, 0) + 1
        names = (name, os.path.basename(name))
        have = [
            member
            for member in archive.members
            if member.name in names or (archive.thin and os.path.basename(member.name) in names)
        ]
        number = command.instance or mentioned[name]
        if number > len(have):
            missing.append(name)
        else:
            found.append(have[number - 1])
    return found, missing


def _complain(command: _Command, missing: list[str]) -> int:
    sys.stdout.flush()
    for name in missing:
        print(f"toyvm ar: no entry {name} in archive", file=sys.stderr)
    return 1 if missing and command.operation != "d" else 0


def _list(command: _Command, member: Member) -> None:
    from ...elf.archive import HEADER_SIZE

    offset = f" {member.offset + HEADER_SIZE:#x}" if "O" in command.modifiers else ""
    if not command.verbose:
        print(f"{member.name}{offset}")
        return
    when = time.strftime("%b %e %H:%M %Y", time.gmtime(member.mtime))
    mode = stat.filemode(stat.S_IFREG | member.mode & 0o7777)[1:]
    print(f"{mode} {member.uid}/{member.gid} {len(member.data):6} {when} {member.name}{offset}")


def _print(command: _Command, member: Member) -> None:
    if command.verbose:
        print(f"\n<{member.name}>\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(member.data)
    sys.stdout.buffer.flush()


def _extract(command: _Command, member: Member) -> None:
    """Write a member to the current folder, whatever path its name contains."""
    from ...base.resources import write_atomically

    name = os.path.basename(member.name)
    if name in ("", ".", "..") or "\0" in name:
        raise ElfError(f"{command.archive}: illegal member name '{member.name}'")
    if command.verbose:
        print(f"x - {name}")
    target = Path(command.folder, name)
    if target.is_dir():
        raise NotFoundError(f"{name}: Is a directory")
    write_atomically(target, member.data, member.mode & 0o777 or 0o644)
    if "o" in command.modifiers:
        os.utime(target, (member.mtime, member.mtime))
