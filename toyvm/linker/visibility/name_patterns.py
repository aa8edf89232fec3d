"""Patterns for symbol names in version scripts and dynamic lists (ld(1), "VERSION Command").

`foo` and `"foo*"` name one symbol, `foo*` many. Those inside `extern "C++" { ... }` are compared with
the demangled name.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

from ...base.light_types import NamedTuple
from ...elf.demangling import demangled

_SPECIAL = re.compile(r"[*?\[]")


class NamePattern(NamedTuple):
    """One pattern. `literal`: in quotes, so that no character has a special meaning."""

    text: str
    cpp: bool = False
    literal: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it names one symbol."""
        return self.literal or not _SPECIAL.search(self.text)

    def matches(self, name: str) -> bool:
        """Whether the symbol `name` (mangled, without a version) is meant."""
        if self.cpp:
            name = demangled(name)
        if self.is_exact:
            return name == self.text
        return self.text == "*" or fnmatch.fnmatchcase(name, self.text)


def matches_any(patterns: Iterable[NamePattern], name: str) -> bool:
    """Whether one of the patterns means the symbol `name`."""
    return any(pattern.matches(name) for pattern in patterns)
