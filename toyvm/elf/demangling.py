"""Names of C++ as programmers write them: `_ZN3foo3barEi` is `foo::bar(int)` (Itanium C++ ABI, "Mangling").

The library cxxfilt calls the host's C++ runtime, whose demangler is that of GNU c++filt. It prints the short form of the
standard library's names (`std::string`), as `nm -C` does.
"""

from __future__ import annotations

import re
from functools import lru_cache

_KEYED = re.compile(r"_GLOBAL_[._$]([ID])_(.+)", re.DOTALL)
_SHORT = re.compile(r"\bstd::(string|istream|ostream|iostream)\b")
_CHAR = "char, std::char_traits<char>"
_WORDS = {"(": 1, "<": 1, "{": 1, ")": -1, ">": -1, "}": -1}


@lru_cache(maxsize=1 << 16)
def demangled(name: str) -> str:
    """The C++ name of a symbol; the symbol's own name if it is not mangled."""
    keyed = _KEYED.fullmatch(name)
    if keyed:
        what = "constructors" if keyed[1] == "I" else "destructors"
        return f"global {what} keyed to {demangled(keyed[2])}"
    return _demangled(name) if name.startswith("_Z") else name


def demangled_type(name: str) -> str:
    """As `demangled`, and `PKc` is `char const*`: the name may be that of a type."""
    return demangled(name) if name.startswith("_") else _demangled(name)


def _demangled(name: str) -> str:
    import cxxfilt

    try:
        return str(cxxfilt.demangle(name, external_only=False))
    except cxxfilt.InvalidName:
        return name


def in_full(text: str) -> str:
    """A C++ name with `std::string` and the streams written as the templates that they are."""

    def template(found: re.Match[str]) -> str:
        more = ", std::allocator<char>" if found[1] == "string" else ""
        return f"std::basic_{found[1]}<{_CHAR}{more} >"

    return _SHORT.sub(template, text)


def without_parameters(text: str) -> str:
    """The C++ name of a function without its parameters, result and qualifiers; another name as it is."""
    head = re.sub(r"(?: \[clone [^]]*\]| const| volatile| &&?)+\Z", "", text)
    if not head.endswith(")") or text.startswith(("global constructors ", "global destructors ")):
        return text
    depth, at = 0, len(head)
    while at:
        at -= 1
        depth += {")": 1, "(": -1}.get(head[at], 0)
        if not depth:
            break
    name = head[:at]
    return name[_name_start(name) :] or text


def _name_start(name: str) -> int:
    """Where the name begins behind the type of the result, which templates have."""
    start = depth = 0
    end = name.find("operator")
    for at, character in enumerate(name if end < 0 else name[:end]):
        depth += _WORDS.get(character, 0)
        if character == " " and not depth:
            start = at + 1
    return start
