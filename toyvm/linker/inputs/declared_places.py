"""Source lines of the definitions of objects, for messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toyvm.base.errors import ElfError
from toyvm.elf.object_file import ObjectFile

if TYPE_CHECKING:
    from toyvm.elf.declarations import Declarations
    from toyvm.elf.elf_file import ElfSection


class DeclaredPlaces:
    """The lines are read when a message needs them."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[Declarations, list[ElfSection]] | None] = {}

    def of(self, obj: ObjectFile, section: int, offset: int) -> str:
        """`main.c:5`, or "" if it is not known what declares the function or datum at `offset` of a section."""
        if id(obj) not in self._read:
            self._read[id(obj)] = _declarations(obj)
        known = self._read[id(obj)]
        if known is None or section >= len(obj.sections):
            return ""
        name = obj.sections[section].name
        nth = sum(each.name == name for each in obj.sections[:section])
        same = [each.number for each in known[1] if each.name == name]
        found = known[0].at(offset, same[nth]) if nth < len(same) else None
        return f"{found[0]}:{found[1]}" if found else ""


def _declarations(obj: ObjectFile) -> tuple[Declarations, list[ElfSection]] | None:
    """Those of an object, and its sections as they are numbered there; None when there are none, or malformed ones."""
    if obj.section(".debug_info") is None or obj.section(".debug_line") is None:
        return None
    # Only a message comes here, so the time that pyelftools takes does not matter.
    from toyvm.elf.declarations import Declarations
    from toyvm.elf.elf_file import ElfFile
    from toyvm.elf.object_writer import write_object

    try:
        elf = ElfFile.parse(write_object(obj), obj.name)
        return Declarations(elf, full_paths=False), elf.sections
    except ElfError:
        return None  # malformed debugging information must not hide what is being reported
