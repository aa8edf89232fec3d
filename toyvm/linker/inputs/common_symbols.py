"""Common symbols that meet a definition, in an object or a library (GNU ld: elf_link_add_object_symbols)."""

from __future__ import annotations

from toyvm.base.record import Record
from toyvm.elf.constants import SHN_LORESERVE, ST_TYPE_MASK, STT_OBJECT, STT_TLS
from toyvm.elf.object_file import ObjectFile

from ..link_errors import Diagnostics
from .shared_library import SharedSymbol


class Common(Record):
    """A common symbol of an object: its alignment and size in bytes."""

    object: ObjectFile
    align: int
    size: int


class Definition(Record):
    """A definition in an object: the number of its section, its offset there, its size in bytes."""

    object: ObjectFile
    section: int
    value: int
    size: int


def check_common(
    name: str, common: Common, found: Definition, common_first: bool, errors: Diagnostics
) -> None:
    """Warn if the definition `found` of `name` is less aligned than `common` asks for, or has another size.

    A size differs only for a common symbol that came before: after a definition it is but a reference.
    """
    here, there = found.object.name, common.object.name
    if found.section >= min(SHN_LORESERVE, len(found.object.sections)):
        return
    most = max(found.object.sections[found.section].addralign, 1)
    align = min(most, found.value & -found.value) if found.value else most
    if align < common.align:
        errors.warning(
            f"alignment {align} of symbol `{name}' in {here} is smaller than {common.align} in {there}"
        )
    if common_first and common.size and found.size and common.size != found.size:
        errors.warning(
            f"size of symbol `{name}' changed from {common.size} in {there} to {found.size} in {here}"
        )


def is_datum(shared: SharedSymbol, info: int) -> bool:
    """Whether a library has data for a common symbol with st_info `info`."""
    return shared.type == STT_OBJECT and not shared.weak and bool(shared.size) and not is_tls(info)


def replaces_common(shared: SharedSymbol, size: int, info: int) -> bool:
    """Whether these data take the place of a common symbol of `size` bytes, as in GNU ld.

    What has no contents there does not: the common symbol becomes large enough for both.
    """
    return is_datum(shared, info) and not shared.without_contents and shared.size >= size


def is_tls(info: int) -> bool:
    """Whether `info` is the st_info of a thread-local symbol."""
    return info & ST_TYPE_MASK == STT_TLS
