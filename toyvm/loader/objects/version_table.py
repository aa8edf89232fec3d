"""The symbol versions of an object: those that it defines and those that it needs (LSB, "Symbol Versioning").

Objects without versions, as toyvm's own libraries are, do not import this module.
"""

from __future__ import annotations

from toyvm.base.errors import ElfError
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.symbol_versions import defined_records, needed_records

from ..dlerror import corrupt
from .dynamic_section import Dynamic, ImageReader

_LARGEST = 1 << 20  # bytes of a table; there are at most 2**15 versions


class Version(Record):
    """What a number of DT_VERSYM stands for.

    hidden  the reference must not be bound to an unversioned definition
    """

    name: bytes
    hidden: bool = False


class NeededVersion(Record):
    """A version that an object needs from the library `file`; a weak one may be missing."""

    file: str
    name: bytes
    weak: bool


class VersionTable(Record):
    """The versions of one object.

    numbers  the meaning of each number in DT_VERSYM, but for the object's own (VER_FLG_BASE)
    defined  the names of the versions that it defines, its own included; None: no DT_VERDEF
    needed   in the order of the file
    """

    numbers: dict[int, Version]
    defined: frozenset[bytes] | None
    needed: tuple[NeededVersion, ...]


class _Window(Record):
    """A table of unknown size in an image: from `va` on, as far as it may reach."""

    reader: ImageReader
    va: int
    what: str

    def __len__(self) -> int:
        return max(min(self.reader.end - self.va, self.reader.limit, _LARGEST), 0)

    def __getitem__(self, where: slice) -> bytes:
        return self.reader.read(self.va + where.start, where.stop - where.start, self.what)


def read(reader: ImageReader, dynamic: Dynamic) -> VersionTable:
    """Read DT_VERDEF and DT_VERNEED of a mapped object. Raises DlError."""
    numbers: dict[int, Version] = {}
    defined: set[bytes] | None = None
    needed: list[NeededVersion] = []
    try:
        if c.DT_VERNEED in dynamic.tags:
            window = _Window(reader, reader.bias + dynamic.tags[c.DT_VERNEED], "needed versions")
            for verneed, vernaux in needed_records(window, reader.name):
                name = _string(reader.name, dynamic, vernaux.name)
                file = _string(reader.name, dynamic, verneed.file).decode("utf-8", "surrogateescape")
                needed.append(NeededVersion(file, name, bool(vernaux.flags & c.VER_FLG_WEAK)))
                hidden = bool(vernaux.other & c.VERSYM_HIDDEN)
                numbers[vernaux.other & ~c.VERSYM_HIDDEN] = Version(name, hidden)
        if c.DT_VERDEF in dynamic.tags:
            defined = set()
            window = _Window(reader, reader.bias + dynamic.tags[c.DT_VERDEF], "defined versions")
            for verdef, verdaux in defined_records(window, reader.name):
                name = _string(reader.name, dynamic, verdaux.name)
                defined.add(name)
                if not verdef.flags & c.VER_FLG_BASE:
                    numbers[verdef.ndx & ~c.VERSYM_HIDDEN] = Version(name)
    except ElfError as error:
        raise corrupt(reader.name, str(error).removeprefix(f"{reader.name}: ")) from error
    return VersionTable(numbers, None if defined is None else frozenset(defined), tuple(needed))


def _string(name: str, dynamic: Dynamic, offset: int) -> bytes:
    end = dynamic.strings.find(b"\0", offset) if offset < len(dynamic.strings) else -1
    if end < 0:
        raise corrupt(name, f"version name at {offset:#x} is not in the string table")
    return dynamic.strings[offset:end]
