"""Writes an ObjectFile as a `.o`, in the layout of `object_layout`."""

from __future__ import annotations

import numpy as np

from .constants import (
    SHF_GNU_MBIND,
    SHF_GNU_RETAIN,
    SHN_LORESERVE,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    STB_GNU_UNIQUE,
    STT_GNU_IFUNC,
)
from .object_file import ObjectFile
from .object_layout import Contents, GroupRow, object_bytes
from .record_arrays import RELA, relocation_bytes32, symbol_bytes32


def write_object(obj: ObjectFile) -> bytes:
    """The ELF file of `obj`. The same object gives the same bytes. ElfError for more than 65,280 sections."""

    def symtab(numbers: list[int], offsets: dict[str, int]) -> bytes:
        array = obj.symbols.array.copy()
        array["st_name"] = [offsets[name] for name in obj.symbols.names]
        ordinary = array["st_shndx"] < SHN_LORESERVE
        array["st_shndx"][ordinary] = np.array(numbers, dtype=np.uint16)[array["st_shndx"][ordinary]]
        return symbol_bytes32(array) if obj.xlen == 32 else bytes(array.tobytes())

    sections = obj.sections[1:]
    return object_bytes(
        Contents(
            obj.name,
            sections,
            [GroupRow(group.signature, group.flags, group.members) for group in obj.groups],
            {
                index: relocation_bytes32(section.relocs)
                if obj.xlen == 32
                else np.ascontiguousarray(section.relocs, RELA).tobytes()
                for index, section in enumerate(sections, start=1)
                if len(section.relocs)
            },
            obj.symbols.names,
            symtab,
            obj.symbols.first_global,
            obj.e_flags,
            _uses_gnu_extensions(obj),
            obj.xlen,
        )
    )


def _uses_gnu_extensions(obj: ObjectFile) -> bool:
    """Whether the object uses a GNU extension: retained sections, IFUNC symbols or unique symbols."""
    if any(section.flags & (SHF_GNU_RETAIN | SHF_GNU_MBIND) for section in obj.sections):
        return True
    info = obj.symbols.array["st_info"]
    return bool(
        ((info & ST_TYPE_MASK) == STT_GNU_IFUNC).any() or ((info >> ST_BIND_SHIFT) == STB_GNU_UNIQUE).any()
    )
