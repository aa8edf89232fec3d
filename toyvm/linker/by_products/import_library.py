"""--out-implib: an object with the addresses of what a program defines, for links against it at its place."""

from __future__ import annotations

import numpy as np

from toyvm.base.errors import LinkError
from toyvm.elf.constants import SHN_ABS, SHN_UNDEF, SHT_SYMTAB, ST_BIND_SHIFT, STB_LOCAL
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, SymbolTable
from toyvm.elf.object_writer import write_object
from toyvm.elf.record_arrays import SYM

from ..inputs.global_symbols import DefinitionKind
from ..link_result import LinkResult

_DEFINED = (DefinitionKind.DEFINED, DefinitionKind.COMMON)


def import_library(result: LinkResult, name: str) -> bytes:
    """The object, called `name`, with the global symbols of .symtab that an input defines. Raises LinkError without any."""
    elf = ElfFile.parse(result.image, result.output)
    names, rows = [""], [(0, 0, 0, 0, 0, 0)]
    for section in elf.sections_of_type(SHT_SYMTAB):
        table = elf.symbols_of(section)
        for each, (_, info, other, shndx, value, size) in zip(table.names, table.array.tolist(), strict=True):
            symbol = result.resolution.table.get(each)
            if info >> ST_BIND_SHIFT == STB_LOCAL or shndx == SHN_UNDEF or symbol is None:
                continue
            if symbol.kind in _DEFINED:
                names.append(each)
                rows.append((0, info, other, SHN_ABS, value, size))
    if len(names) == 1:
        raise LinkError([f"{name}: no symbol found for import library"])
    symbols = SymbolTable(names, np.array(rows, dtype=SYM), 1)
    xlen = 32 if elf.is_class32 else 64
    return write_object(ObjectFile(name, (NULL_SECTION,), symbols, elf.header.flags, xlen=xlen))
