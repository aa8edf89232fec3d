"""LLVM IR in files: what does not depend on the guest's code is written as it is read, with `{NAME}` where a constant stands.

A name is capital letters, digits and underscores, so no brace of LLVM's own is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def render(folder: str, files: Iterable[str], constants: Mapping[str, int | str]) -> str:
    """The text of `files` in `folder`, with the constants in their places.

    Raises ValueError for a name in a file that has no constant, and for a constant that no file names.
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
