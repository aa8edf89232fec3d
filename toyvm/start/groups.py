"""The file with the code of groups: a version, two numbers, the code of each group, and the list of the groups.

`kept_code` writes it.
"""

from __future__ import annotations

import marshal
import os
from mmap import PROT_READ, mmap

NAME = __name__.partition(".")[0]
NUMBER = 8  # bytes of a number
HEAD = 2 * NUMBER  # the file's size, and where in it the list of groups is
Row = tuple[str, str, int, int, bool]  # a module's name, and of `kept_code.Kept` all but the code
Groups = dict[str, tuple[list[Row], int]]  # by their last module: all modules, and where their code is


def read_groups(path: str, version: bytes) -> tuple[memoryview, Groups]:
    """The content of a file of groups: none if it is missing, cut off or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return memoryview(b""), {}
    head = len(version)
    size, index = (int.from_bytes(content[at : at + NUMBER], "little") for at in (head, head + NUMBER))
    if content[:head] != version or len(content) != size:
        return content, {}
    return content, {rows[-1][0]: (rows, offset) for rows, offset in marshal.loads(content[index:])}


def is_current(source: str, time: int, size: int, *_: object) -> bool:
    """Whether the code was made from the source as it is now."""
    try:
        status = os.stat(source)
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == (time, size)
