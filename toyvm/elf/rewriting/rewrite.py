"""All changes of one file in their order: the core of `objcopy` and `strip`."""

from __future__ import annotations

from ...base.record import Record
from .changes import Changes, no_changes
from .elf_output import write_image
from .model import Image, read_image
from .section_changes import add_sections, change_sections, fill_gaps, remove_sections
from .symbol_changes import change_symbols


class Outcome(Record):
    """What a file became: warnings, and the contents of the sections to dump."""

    warnings: list[str]
    dumped: dict[str, bytes]


def rewrite(image: Image, changes: Changes) -> Outcome:
    """Make the changes in `image`. Raises ElfError or ToyvmError with GNU's messages."""
    dumped = add_sections(image, changes)
    remove_sections(image, changes)
    warnings = change_sections(image, changes)
    if changes.extract_symbols:
        for part in image.parts:
            part.put(b"")
            part.relocs = None
        image.header = image.header._replace(entry=0)
    change_symbols(image, changes)
    fill_gaps(image, changes)
    return Outcome(warnings, dumped)


def decompressed_file(data: bytes, name: str) -> bytes:
    """The file with its debugging information decompressed. Raises ElfError."""
    changes = no_changes()
    changes.compress = "none"
    image = read_image(data, name)
    rewrite(image, changes)
    return write_image(image)


def strip(data: bytes, name: str, debug_only: bool = False) -> bytes:
    """The file without its symbols, or with `debug_only` only without debugging information. Raises ElfError."""
    changes = no_changes()
    changes.strip = "debug" if debug_only else "all"
    image = read_image(data, name)
    rewrite(image, changes)
    return write_image(image)
