"""Which symbols other components may see or preempt by a list: --dynamic-list and its kin (ld(1)).

In a program, listed symbols are exported. In a shared object, a dynamic list binds every symbol that it
does not name inside the object, as -Bsymbolic does with all; --export-dynamic-symbol takes symbols
out of what -Bsymbolic binds.
"""

from __future__ import annotations

import numpy as np

from ...elf.constants import STT_COMMON, STT_OBJECT
from ..inputs.columns import Column, ProgramColumns
from ..link_options import LinkOptions
from .name_patterns import NamePattern, matches_any
from .version_script import parse_dynamic_list

_CPP = {
    "new": ("operator new*", "operator delete*"),
    "typeinfo": ("typeinfo name for*", "typeinfo for*"),
}


def binds(options: LinkOptions) -> bool:
    """Whether a shared object binds the symbols inside that no list names."""
    return bool(options.dynamic_lists or options.dynamic_data or options.dynamic_cpp)


def listed(program: ProgramColumns, options: LinkOptions) -> Column:
    """Boolean by global symbol: whether an option names it. Raises LinkError for a malformed list."""
    n = program.symbols.globals
    result = np.zeros(n, dtype=bool)
    patterns = [
        *(
            name
            for text in (*options.dynamic_lists, *options.export_lists)
            for name in parse_dynamic_list(text)
        ),
        *(NamePattern(glob) for glob in options.exported_symbols),
        *(NamePattern(text, cpp=True) for group in options.dynamic_cpp for text in _CPP[group]),
    ]
    if options.dynamic_data:
        result |= np.isin(program.symbols.type[:n], (STT_OBJECT, STT_COMMON))
    if patterns:
        for symbol in program.resolution.symbols:
            result[symbol.id] |= matches_any(patterns, symbol.dynamic_name)
    return result
