"""An object made of any file: its bytes as data, between symbols that its name gives (ld -b binary, objcopy -I binary)."""

from __future__ import annotations

import re

import numpy as np

from .constants import SHF_ALLOC, SHF_WRITE, SHN_ABS, STB_GLOBAL, STT_NOTYPE
from .object_file import NULL_SECTION, ObjectFile, Section, SymbolTable
from .record_arrays import SYM
from .symbol import st_info


def raw_object(data: bytes, path: str) -> ObjectFile:
    """`.data` with the bytes, `_binary_PATH_start` and `_end` around them, and the number `_binary_PATH_size`."""
    name = re.sub(r"[^A-Za-z0-9]", "_", path)
    info = st_info(STB_GLOBAL, STT_NOTYPE)
    rows = [
        (0, 0, 0, 0, 0, 0),
        (0, info, 0, 1, 0, 0),
        (0, info, 0, 1, len(data), 0),
        (0, info, 0, SHN_ABS, len(data), 0),
    ]
    names = ["", *(f"_binary_{name}_{which}" for which in ("start", "end", "size"))]
    section = Section(".data", flags=SHF_ALLOC | SHF_WRITE, data=data)
    return ObjectFile(
        path, [NULL_SECTION, section], SymbolTable(names, np.array(rows, dtype=SYM), 1), raw=True
    )
