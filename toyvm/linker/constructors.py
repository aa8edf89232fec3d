"""`.ctors` and `.dtors`, the older tables of constructors and destructors: they join `.init_array` and `.fini_array`.

The older tables are run from the end to the start, the arrays from the start to the end (and `.fini_array` the other way
round); so the words of each section change places, as GNU ld does it (SEC_ELF_REVERSE_COPY). `output_names.member_rank`
gives `.ctors.N` and `.init_array.M` one order. The tables of old crtbegin.o and crtend.o, which hold bounds instead of
functions, never existed for RISC-V.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toyvm.base.record import replace

from .inputs.columns import ProgramColumns

_TABLES = (".ctors", ".dtors")
_ARRAYS = (".init_array", ".fini_array")
_WORD = 8

NameOf = Callable[[int], str]  # the output section of an input section


def reverse_constructors(program: ProgramColumns, names_of: NameOf | None = None) -> ProgramColumns:
    """The program with the words of each live `.ctors` and `.dtors` section, and their relocations, in reverse order.

    A section that is no table of words stays as it is. With a script, so does one that joins no array: `names_of` tells a
    section's output section.
    """
    sections, relocs = program.sections, program.relocs
    names = enumerate(sections.name)
    tables = [
        sid
        for sid, name in names
        if name.startswith(_TABLES)
        and name[6:7] in ("", ".")
        and sections.live[sid]
        and sections.alloc[sid]
        and (names_of is None or names_of(sid) in _ARRAYS)
    ]
    if not tables:
        return program
    data, offset = sections.data.copy(), relocs.offset.copy()
    for sid in tables:
        rows, size = np.flatnonzero(relocs.sid == sid), int(sections.size[sid])
        if size % _WORD or len(data[sid]) != size or (offset[rows] % _WORD).any():
            continue
        data[sid] = np.frombuffer(data[sid], dtype=np.uint64)[::-1].tobytes()
        offset[rows] = size - _WORD - offset[rows]
    return replace(program, sections=replace(sections, data=data), relocs=replace(relocs, offset=offset))
