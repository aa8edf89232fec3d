"""LLVM IR in files, with `{NAME}` for constants.

A name consists of capital letters, digits and underscores, so braces of LLVM's syntax do not match.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def render(folder: str, files: Iterable[str], constants: Mapping[str, int | str]) -> str:
    """The text of `files` in `folder`, with the names replaced by the constants.

    Raises ValueError for a name without a constant, and for a constant that no file uses.
    """
    parts = []
    for name in files:
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            parts.append(stream.read())
    text = "\n".join(parts)
    named = set(_NAME.findall(text))
    if named != constants.keys():
        unknown, unused = sorted(named - constants.keys()), sorted(constants.keys() - named)
        raise ValueError(f"{folder}: names without a constant: {unknown}; constants without a use: {unused}")
    return _NAME.sub(lambda found: str(constants[found[1]]), text)
