"""Names of C++ as programmers write them: `_ZN3foo3barEi` is `foo::bar(int)` (Itanium C++ ABI, "Mangling").

The library cxxfilt calls the host's C++ runtime, whose demangler is that of GNU c++filt.
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1 << 16)
def demangled(name: str) -> str:
    """The C++ name of a symbol; the symbol's own name if it is not mangled."""
    if not name.startswith("_Z"):
        return name
    import cxxfilt

    try:
        return str(cxxfilt.demangle(name))
    except cxxfilt.InvalidName:
        return name
