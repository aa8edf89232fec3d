"""What the members of an archive define, before any of them takes part."""

from __future__ import annotations

from toyvm.base.errors import ElfError
from toyvm.base.record import replace
from toyvm.elf.archive import Archive, Member, defined_symbols
from toyvm.elf.constants import SHN_COMMON, SHN_UNDEF, ST_BIND_SHIFT, ST_TYPE_MASK, STB_WEAK, STT_FUNC
from toyvm.elf.object_reader import read_object

from ..link_errors import Diagnostics


def read_index(archive: Archive, errors: Diagnostics) -> dict[str, int]:
    """Symbol -> number of the first member that defines it, of an archive without an index."""
    made: dict[str, int] = {}
    for number, member in enumerate(archive.members):
        try:
            symbols = defined_symbols(replace(member, name=f"{archive.name}({member.name})"))
        except ElfError as error:
            errors.error(str(error))
            continue
        for raw in symbols:
            made.setdefault(raw.decode("utf-8", "surrogateescape"), number)
    return made


def has_data_for(name: str, member: Member) -> bool:
    """Whether an archive's member defines `name`, and not as a function, a weak or a common symbol.

    A member that cannot be read has none; it is reported when another symbol needs it.
    """
    try:
        symbols = read_object(member.data, member.name).symbols
    except ElfError:
        return False
    rows = zip(
        symbols.names[symbols.first_global :], symbols.array[symbols.first_global :].tolist(), strict=True
    )
    return any(
        known == name
        and info >> ST_BIND_SHIFT != STB_WEAK
        and info & ST_TYPE_MASK != STT_FUNC
        and section not in (SHN_UNDEF, SHN_COMMON)
        for known, (_, info, _, section, _, _) in rows
    )
